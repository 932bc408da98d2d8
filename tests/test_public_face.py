"""`import collab_ensembles as ce`: it costs nothing, and has what a user needs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import collab_ensembles as ce

_ASK = """
import json, sys, time
start = time.perf_counter()
import collab_ensembles as ce
seconds = time.perf_counter() - start
heavy = [name for name in ("tensorflow", "keras", "pandas", "matplotlib", "numpy") if name in sys.modules]
print(json.dumps([seconds, heavy, dir(ce)]))
"""


def test_the_import_takes_no_time_and_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    outputs = [subprocess.run([sys.executable, "-c", _ASK], capture_output=True, check=True) for _ in range(3)]
    received = [json.loads(each.stdout) for each in outputs]
    assert min(seconds for seconds, _, _ in received) < 0.2
    assert received[0][1] == []
    assert set(received[0][2]) >= set(ce.__all__)


def test_type_checkers_and_python_find_the_same_names() -> None:
    tree = ast.parse(Path(ce.__file__).read_text(encoding="utf-8"))
    (block,) = [each for each in tree.body if isinstance(each, ast.If)]
    names: dict[str, object] = {}
    exec(compile(ast.Module(block.body, []), ce.__file__, "exec"), names)
    del names["__builtins__"]
    assert sorted(names) == ce.__all__
    assert all(getattr(ce, name) is each for name, each in names.items())


def test_other_names_are_no_attributes() -> None:
    assert not hasattr(ce, "EnsembleMode")
