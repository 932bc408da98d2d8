"""experiments.measure_inference: parameters and time of members and ensemble."""

import json
import math
import pathlib

from collab_ensembles import run_directory
from collab_ensembles.config import RunConfig
from collab_ensembles.run import build_model
from command_runner import run


def test_it_writes_parameters_and_times_of_a_finished_plain_ensemble(tmp_path: pathlib.Path) -> None:
    members = ("B1R1F2", "B3R1F16")
    options = ["--dataset=digits", f"--members={','.join(members)}", "--train_limit=96", "--epochs=1"]
    assert run("experiments.train", *options, f"--log_dir={tmp_path}").exit_status == 0
    result = run("experiments.measure_inference", "--dataset=digits", f"--log_dir={tmp_path}")
    assert (result.exit_status, result.errors) == (0, "")
    written = json.loads((tmp_path / "digits" / "inference.json").read_text())
    assert run_directory.read_status(written["measured_on"]).state == "done"
    rows = {row["model"]: row for row in written["models"]}
    assert list(rows) == [*members, "Ens"]
    model = build_model(RunConfig(members=members), (8, 8, 1), 10)
    for name, member in model.members.items():
        assert rows[name]["parameters"] == sum(math.prod(variable.shape) for variable in member.variables)
    small, large, ensemble = (rows[name]["seconds_per_image"] for name in rows)
    assert 0 < small < large < ensemble < 1e-2
    assert rows["Ens"]["parameters"] == rows["B1R1F2"]["parameters"] + rows["B3R1F16"]["parameters"]


def test_without_a_finished_plain_ensemble_it_says_so(tmp_path: pathlib.Path) -> None:
    result = run("experiments.measure_inference", "--dataset=digits", f"--log_dir={tmp_path}")
    assert result.exit_status == 1
    assert "no finished plain ensemble to measure; train one with experiments.sweep" in result.errors
