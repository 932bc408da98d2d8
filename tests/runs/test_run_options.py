"""Options of a run: checked as they are made, before anything heavy is imported."""

import importlib.util
import subprocess
import sys
from typing import Any

import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.runs.run_options import Options
from command_runner import REPOSITORY


@pytest.mark.parametrize("options", [{"stop_after": 0}, {"checkpoint_every": 0}, {"checkpoint_every": -1}])
def test_fewer_than_one_epoch_is_refused(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ConfigError, match=f"^--{name}={value}: allowed: whole numbers from 1"):
        Options(**options)
    assert getattr(Options(**{name: 1}), name) == 1


def test_without_tensorboard_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    Options(tensorboard=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'collab-ensembles\[tensorboard\]'"):
        Options(tensorboard=True)
    Options()


def test_they_need_no_tensorflow() -> None:
    heavy = "{'keras', 'tensorflow', 'numpy'}"
    script = f"import sys, collab_ensembles.runs.run_options; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=False).returncode == 0
