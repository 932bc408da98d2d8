"""Every example runs, in this process, and prints what it computed."""

import importlib
import pathlib
import re

import pytest

_NAMES = sorted(path.stem for path in (pathlib.Path(__file__).resolve().parents[1] / "examples").glob("*.py"))

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
