"""experiments.measure_inference without a run to measure; that of a sweep is measured in test_sweep.py."""

import pathlib

from collab_ensembles.runs import run_directory
from collab_ensembles.settings.config import RunConfig
from command_runner import run


def test_without_a_finished_plain_ensemble_it_says_so(tmp_path: pathlib.Path) -> None:
    other = tmp_path / "digits" / "run"
    other.mkdir(parents=True)
    run_directory.write_config(str(other), RunConfig(system="nodes", dataset="digits"))
    (other / "status.json").write_text("{")
    result = run("experiments.measure_inference", "--dataset=digits", f"--log_dir={tmp_path}")
    assert result.exit_status == 1
    assert "no finished plain ensemble to measure; train one with experiments.sweep" in result.errors
