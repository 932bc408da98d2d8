"""What the documents say of GPUs: measured speeds, and the runs that came back."""

import json
from collections.abc import Callable

from analysis.documents.committed import ROOT, paragraph, table
from collab_ensembles.data import catalogue
from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig

_SPEEDS = ROOT / "benchmarks" / "results" / "gpu.jsonl"
_RECORDS = ROOT / "results" / "records"
_FIRST, _GRIDS = "mnist-h200", ("mnist-author-h200", "notmnist-h200")
_STEPS = 30 * 938
"""Of a run on MNIST: epochs, and steps of 64 images."""
_OUTPUTS = ("ST", "M", "ensemble")
_PLAIN = "plain"


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
    found = sorted(_found(_FIRST), key=lambda each: (_name(each[0]), each[0].seed))
    return table(
        ["", "seed", *(f"{name}, test error %" for name in _OUTPUTS)],
        [
            [_name(config), str(config.seed), *(f"{100 * status.test_errors[name]:.2f}" for name in _OUTPUTS)]
            for config, status in found
        ],
    )


def grid_time() -> str:
    """How long four runs took together, and what that means for the grid."""
    longest = max(status.ended - status.started for config, status in _found(_FIRST) if _name(config) != _PLAIN)
    return paragraph(
        f"Four runs of L2 together took {longest:.0f} s with everything, which is at most "
        f"{1000 * longest / (4 * _STEPS):.1f} ms a step of a run. The grid has three such groups and the plain run; at "
        f"this speed it takes about {(3 * longest + longest / 2) / 60 + 1:.0f} minutes. The aim was 5: it is missed."
    )


def grids() -> str:
    """What two calls trained, and how long it took."""
    each = [_found(name) for name in _GRIDS]
    statuses = [status for found in each for _, status in found]
    seconds = max(status.ended for status in statuses) - min(status.started for status in statuses)
    shown = sum(
        config.epochs * catalogue.describe(config.dataset, config.split).num_train
        for found in each
        for config, _ in found
    )
    return paragraph(
        f"From the first start to the last end {len(statuses)} runs took {seconds / 60:.0f} minutes, with the pause "
        f"between the calls: {len(each[0])} of MNIST and {len(each[1])} of notMNIST/small. These are "
        f"{shown / seconds:,.0f} images a second."
    )


def _name(config: RunConfig) -> str:
    settings = config.to_json()
    return _PLAIN if settings["method"] == _PLAIN else f"{settings['method']}, {settings['weight']:g}"


def _found(records: str) -> list[tuple[RunConfig, Status]]:
    directories = [str(path.parent) for path in sorted((_RECORDS / records).glob("*/*/status.json"))]
    return [(run_directory.read_config(each), run_directory.read_status(each)) for each in directories]


BLOCKS: dict[str, Callable[[], str]] = {
    "gpu speeds": speeds,
    "gpu runs": runs,
    "gpu grid time": grid_time,
    "gpu grids": grids,
}
