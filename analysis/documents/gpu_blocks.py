"""What the documents say of GPUs: measured speeds, and the runs that came back."""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from analysis.documents.committed import paragraph, table

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_SPEEDS = _ROOT / "benchmarks" / "results" / "gpu.jsonl"
_RECORDS = _ROOT / "results" / "records" / "mnist-h200"
_STEPS = 30 * 938
"""Of a run on MNIST: epochs, and steps of 64 images."""
_OUTPUTS = ("ST", "M", "ensemble")


def speeds() -> str:
    """Images a second of ST and M, by way."""
    lines = [json.loads(line) for line in _SPEEDS.read_text(encoding="utf-8").splitlines()]
    return table(
        ["device", "way", "precision", "convolutions", "runs", "images/s of all", "ms a step of a run", "s to compile"],
        [
            [
                *(str(line[name]) for name in ("device", "way", "precision", "convolutions", "runs")),
                f"{line['images_per_second']:,}",
                f"{line['step_microseconds'] / 1000:.1f}",
                f"{line['compile_seconds']:.0f}",
            ]
            for line in lines
        ],
        words=4,
    )


def runs() -> str:
    """Errors of the finished runs, one a line."""
    found = sorted(_found().values(), key=lambda each: (_name(each[0]), each[0]["seed"]))
    return table(
        ["", "seed", *(f"{name}, test error %" for name in _OUTPUTS)],
        [
            [
                _name(config),
                str(config["seed"]),
                *(f"{100 * status['test_errors'][name]:.2f}" for name in _OUTPUTS),
            ]
            for config, status in found
        ],
    )


def grid_time() -> str:
    """How long four runs took together, and what that means for the grid."""
    longest = max(
        (status["ended"] - status["started"] for config, status in _found().values() if config["method"] != "plain")
    )
    return paragraph(
        f"Four runs of L2 together took {longest:.0f} s with everything, which is at most "
        f"{1000 * longest / (4 * _STEPS):.1f} ms a step of a run. The grid has three such groups and the plain run; at "
        f"this speed it takes about {(3 * longest + longest / 2) / 60 + 1:.0f} minutes. The aim was 5: it is missed."
    )


def _name(config: Mapping[str, Any]) -> str:
    return "plain" if config["method"] == "plain" else f"{config['method']}, {config['weight']:g}"


def _found() -> Mapping[str, tuple[Any, Any]]:
    """Settings and status by run directory."""
    return {
        path.parent.name: (_json(path.with_name("config.json"))["config"], _json(path))
        for path in sorted(_RECORDS.glob("*/*/status.json"))
    }


def _json(path: pathlib.Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


BLOCKS: dict[str, Callable[[], str]] = {"gpu speeds": speeds, "gpu runs": runs, "gpu grid time": grid_time}
