"""TensorBoard's files hold the statistics that the pickles hold."""

import pathlib
import struct

import pytest
import tensorflow as tf

from collab_ensembles.runs import naming, run, tensorboard
from collab_ensembles.settings.config import RunConfig

CONFIG = RunConfig(members=("B1R1F2", "B1R1F3"), train_limit=96, batch_size=32, epochs=2)


def _scalars(directory: pathlib.Path) -> dict[tuple[str, int], float]:
    values = {}
    for path in directory.glob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.tensor.dtype:
                    values[value.tag, event.step] = (
                        struct.unpack("<f", value.tensor.tensor_content)[0]
                        if (value.tensor.tensor_content)
                        else (value.tensor.float_val[0] if value.tensor.float_val else float("nan"))
                    )
    return values


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_equal_the_statistics(tmp_path: pathlib.Path) -> None:
    from collab_ensembles.runs.unpickle import read_pickle

    run.run(CONFIG, str(tmp_path), run.Options(str(tmp_path / "data"), tensorboard=True))
    scalars = _scalars(tmp_path / tensorboard.DIRECTORY)
    for output, stem in naming.statistics_names(CONFIG).items():
        content = read_pickle(str(tmp_path / f"{stem}.pkl"))
        for epoch in (1, 2):
            assert scalars[f"{output}_error/test", epoch] == pytest.approx(content["test_errors"][epoch - 1], rel=1e-5)
            assert scalars[f"{output}_cost/train", epoch] == pytest.approx(
                content["train_costs_mean"][epoch - 1], rel=1e-5
            )


def test_by_default_nothing_is_written(tmp_path: pathlib.Path) -> None:
    run.run(CONFIG, str(tmp_path), run.Options(str(tmp_path / "data")))
    assert not (tmp_path / tensorboard.DIRECTORY).exists()
