"""Images whose sides cannot be halved often enough, padded inside the networks."""

from pathlib import Path

import keras
import numpy as np
import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.assembly import build_model
from collab_ensembles.networks.build import build_network
from collab_ensembles.networks.exported import with_stock_layers
from collab_ensembles.runs import prediction, run_model
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.streams import Stream, generator
from trainings import train


def _network(member: str, shape: tuple[int, int, int], pad: bool) -> keras.Model:
    random = generator(0, Stream.INITIALISATION, 0)
    return build_network(member, shape, 3, pad=pad, random=random, name="network")


@pytest.mark.parametrize(
    ("member", "shape", "sides"),
    [
        ("B3R1F2", (27, 27, 1), ((0, 1), (0, 1))),
        ("B3R1F2", (6, 9, 3), ((1, 1), (1, 2))),
        ("convnet2", (7, 8, 1), ((0, 1), (0, 0))),
        ("densenet7-2", (9, 9, 1), ((1, 2), (1, 2))),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_a_padded_network_answers_as_the_network_for_padded_images(
    member: str,
    shape: tuple[int, int, int],
    sides: tuple[tuple[int, int], ...],
    training: bool,
    rng: np.random.Generator,
) -> None:
    images = rng.integers(0, 256, (5, *shape)).astype(np.float32)
    larger = np.pad(images, ((0, 0), *sides, (0, 0)))
    padded, ready = _network(member, shape, True), _network(member, larger.shape[1:], False)
    assert padded.count_params() == ready.count_params()
    assert np.array_equal(padded(images, training=training), ready(larger, training=training))
    with pytest.raises(ConfigError, match="multiples of"):
        _network(member, shape, False)


def test_nothing_is_added_to_images_that_fit() -> None:
    names = [[layer.name for layer in _network("B3R1F2", (28, 28, 1), pad).layers] for pad in (True, False)]
    assert names[0] == names[1]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "settings",
    [
        {"members": ("B2R1F2", "convnet2"), "method": "L2"},
        {"system": "snapshot", "members": ("convnet2",), "snapshots": 2, "epochs": 2},
        {"system": "fdl", "members": ("convnet2", "convnet2"), "pretraining_epochs": 0},
    ],
    ids=["ensemble", "snapshot", "fdl"],
)
def test_runs_train_evaluate_and_predict_on_images_as_they_are(
    settings: dict[str, object], tmp_path: Path, rng: np.random.Generator
) -> None:
    images, labels = rng.integers(0, 256, (40, 7, 9)).astype(np.uint8), np.arange(40) % 2
    path = tmp_path / "odd.npz"
    np.savez(path, x_train=images[:30], y_train=labels[:30], x_test=images[30:], y_test=labels[30:])
    config = RunConfig(**{"dataset": str(path), "pad": True, "epochs": 1, "batch_size": 10, **settings})
    contents = train(config, tmp_path / "run", str(tmp_path / "data"))
    model, _ = run_model.restore(str(tmp_path / "run"))
    again = run_model.evaluate(model, images[30:, ..., None], labels[30:])
    for name, content in contents.items():
        assert again[f"{name}_cost"] == pytest.approx(content["test_costs"][-1], rel=1e-5)
    group = prediction.load(str(tmp_path / "run"))
    assert group.image_shape == (7, 9, 1)
    assert len(group.predict(images[30:]).classes) == 10
    network = with_stock_layers(model.inference_network(model.inference_names()[0]))
    assert network.input_shape == (None, 7, 9, 1)


def test_padding_holds_for_each_member_by_itself() -> None:
    model = build_model(RunConfig(members=("B2R1F2", "mlp4-4", "B3R1F2"), pad=True), (6, 6, 1), 10)
    padded = [
        any(isinstance(each, keras.layers.ZeroPadding2D) for each in own.layers) for own in model.members.values()
    ]
    assert padded == [False, False, True]
