"""Settings that control a training do in a run what they say."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from collab_ensembles import data
from collab_ensembles.data.class_weights import balanced
from collab_ensembles.methods.assembly import build_model, compile_for_training
from collab_ensembles.models.optimizers import Adam
from collab_ensembles.runs import run_model
from collab_ensembles.settings.config import RunConfig
from trainings import TINY as _USUAL
from trainings import series, train

TINY = dataclasses.replace(_USUAL, members=("B1R1F2", "mlp8-8"))

_FIRST, _SECOND = TINY.member_names()


def _weights(config: RunConfig, directory: Path, data_dir: str) -> dict[str, bytes]:
    """The weights that a training leaves, by member."""
    train(config, directory, data_dir)
    model, _ = run_model.restore(str(directory))
    return {name: b"".join(each.tobytes() for each in own.get_weights()) for name, own in model.members.items()}


@pytest.mark.usefixtures("eager")
def test_each_member_learns_as_with_its_own_rate_alone(tmp_path: Path, data_dir: str) -> None:
    """Without collaboration the members do not see each other, so that each is, to the bit, that of a single rate."""
    text = f"{_FIRST}:0.01,{_SECOND}:0.002"
    slow, fast, both = (
        _weights(dataclasses.replace(TINY, learning_rate=rate), tmp_path / str(number), data_dir)
        for number, rate in enumerate((0.002, 0.01, text))
    )
    assert both == {_FIRST: fast[_FIRST], _SECOND: slow[_SECOND]}
    assert slow[_FIRST] != fast[_FIRST]


def test_equal_rates_of_members_give_the_bits_of_one_rate(data_dir: str) -> None:
    """Of the optimizer; the settings turn equal rates into one."""
    data_set = data.load("digits", data_dir, train_limit=64)
    weights = []
    for optimizer in (Adam(0.01), Adam(rates={_FIRST: 0.01, _SECOND: 0.01})):
        model = build_model(TINY, data_set.image_shape, data_set.num_classes)
        model.compile(optimizer)
        model.fit(data_set.train_images, data_set.train_labels, batch_size=32, epochs=2, verbose=0, shuffle=False)
        weights.append([each.tobytes() for each in model.get_weights()])
    assert weights[0] == weights[1]


def test_rates_of_members_come_back_with_a_saved_optimizer_and_must_fit(data_dir: str) -> None:
    optimizer = Adam.from_config(Adam(rates={"a": 0.5, "b": 0.25}).get_config())
    assert {name: float(rate) for name, rate in optimizer.rates.items()} == {"a": 0.5, "b": 0.25}
    model = build_model(TINY, (8, 8, 1), 10)
    with pytest.raises(ValueError, match=r"rates of a, b; needed: one for each member, B1R1F2, mlp8-8"):
        model.compile(optimizer)


def test_rates_of_members_fall_at_the_epochs_of_the_schedule() -> None:
    from collab_ensembles.methods.ensemble import training

    config = dataclasses.replace(TINY, learning_rate=f"{_FIRST}:0.8,{_SECOND}:0.08", epochs=30)
    model = build_model(config, (8, 8, 1), 10)
    compile_for_training(model, config)
    assert list(model.learning_rates()) == [_FIRST, _SECOND]
    rates = training.learning_rates(config)
    assert [rates[_FIRST].of(epoch) for epoch in (0, 14, 22, 27)] == [0.8, 0.4, 0.2, 0.1]
    assert [rates[_SECOND].of(epoch) for epoch in (0, 14, 22, 27)] == [0.08, 0.04, 0.02, 0.01]


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = np.random.default_rng(0).choice([0, 1, 3], 50, p=[0.7, 0.2, 0.1])
    expected = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    assert balanced(labels, 5) == {**dict(zip([0, 1, 3], expected.tolist(), strict=True)), 2: 1.0, 4: 1.0}


@pytest.mark.usefixtures("eager")
def test_balanced_weights_enter_every_members_cross_entropy(tmp_path: Path, data_dir: str) -> None:
    """The cost of the first batch is computed again with NumPy."""
    config = dataclasses.replace(TINY, class_weight="balanced", batch_size=96, epochs=1)
    contents = train(config, tmp_path, data_dir)
    data_set = data.load("digits", data_dir, train_limit=96)
    labels = data_set.train_labels
    # On all of the examples, in training mode: the only step of the epoch.
    model = build_model(config, data_set.image_shape, data_set.num_classes)
    weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)[
        np.searchsorted(np.unique(labels), labels)
    ]
    for (name, member), logits in zip(
        model.members.items(), model.logits(data_set.train_images, training=True), strict=True
    ):
        probabilities = np.exp(np.asarray(keras.ops.log_softmax(logits), np.float64))
        losses = -np.log(probabilities[np.arange(len(labels)), labels])
        cost = np.mean(weights * losses) + float(sum(member.losses))
        assert contents[name]["train_costs_mean"][0] == pytest.approx(cost, rel=1e-5)
        assert cost != pytest.approx(np.mean(losses) + float(sum(member.losses)), rel=1e-4)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("unlabelled", ["none", "uniform"])
def test_weights_go_with_label_noise_and_with_images_without_labels(
    unlabelled: str, tmp_path: Path, data_dir: str
) -> None:
    noisy = dataclasses.replace(TINY, label_noise=0.5, epochs=1, method="L2", unlabelled=unlabelled)
    weighted = dataclasses.replace(noisy, class_weight="balanced")
    statistics = [series(train(each, tmp_path / each.digest(), data_dir)) for each in (noisy, weighted)]
    assert statistics[0] != statistics[1]
