"""experiments.verify of a distilled network whose teacher's file is gone."""

import pathlib
import types

import pytest

from collab_ensembles.networks import exported
from collab_ensembles.networks.build import build_network
from collab_ensembles.runs import run
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.streams import Stream, generator
from experiments import runtime, verify


def test_it_takes_the_teacher_that_the_run_keeps(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = RunConfig(
        system="distillation",
        members=("convnet2",),
        teacher=(str(tmp_path / "teacher.keras"),),
        train_limit=64,
        batch_size=32,
        epochs=1,
    )
    random = generator(1, Stream.INITIALISATION, 0)
    exported.save(build_network("convnet2", (8, 8, 1), 10, random=random, name="teacher"), config.teacher[0])
    run.run(config, str(tmp_path / "run"), run.Options(str(tmp_path / "data")))
    (tmp_path / "teacher.keras").unlink()
    monkeypatch.setattr(runtime, "start_tensorflow", lambda threads: threads)
    monkeypatch.setattr(verify, "_DATA_DIR", types.SimpleNamespace(value=str(tmp_path / "data")))
    assert verify.main([str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(" identical")
