"""Every example runs, in this process, and prints what it computed."""

import importlib
import json
import pathlib
import re
import tempfile
import warnings

import matplotlib.pyplot as plt
import pytest

from collab_ensembles.methods.assembly import build_model
from collab_ensembles.settings.config import RunConfig

_FOLDER = pathlib.Path(__file__).resolve().parents[1] / "examples"
_NAMES = sorted(path.stem for path in _FOLDER.glob("*.py"))

# What each prints, with the share that must be plausible: guessing one of ten digits gives 90 %.
_EXPECTED = {
    "own_cost": (r"epoch 6: weight 1.0, the members disagree on ([0-9.]+) %", 40),
    "pretrained": (r"ensemble   test error ([0-9.]+) %", 40),
    "two_networks": (r"collaborating  test errors: .*ensemble ([0-9.]+) %", 40),
    "unlabelled": (r"--unlabelled=rest: test error ([0-9.]+) %", 70),
}


@pytest.mark.parametrize("name", _NAMES)
def test_an_example_runs(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    importlib.import_module(f"examples.{name}").main()
    pattern, most = _EXPECTED[name]
    (share,) = re.findall(pattern, capfd.readouterr().out)
    assert 0 < float(share) < most


def test_a_pretrained_network_is_a_member_on_the_command_line(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "pretrained.keras")
    with warnings.catch_warnings():
        # Of saving: Keras 3.15 passes NumPy a keyword that NumPy 2.4 deprecates.
        warnings.filterwarnings("ignore", message="__array__ implementation")
        importlib.import_module("examples.pretrained").main([f"--out={path}"])
    network, _ = build_model(RunConfig(members=(path, "B1R1F2")), (8, 8, 1), 10).members.values()
    # Only the new layer learns.
    assert [variable.shape for variable in network.trainable_variables] == [(32, 10), (10,)]
    assert len(network.weights) > 2


def test_the_notebook_runs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = json.loads((_FOLDER / "tour.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    plt.switch_backend("agg")
    namespace: dict[str, object] = {"__name__": "__main__"}
    try:
        for number, source in enumerate(code, start=1):
            exec(compile(source, f"tour.ipynb, code cell {number}", "exec"), namespace)
    finally:
        plt.close("all")
    (share,) = re.findall(r"ensemble test error: alone ([0-9.]+) %", capsys.readouterr().out)
    assert 0 < float(share) < 40
    # A reader of the file sees what it shows.
    assert sum("image/png" in json.dumps(cell.get("outputs")) for cell in cells) >= 4
