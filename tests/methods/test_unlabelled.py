"""Images without labels: what is drawn, what is learned from them, and that their labels play no part."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles import data
from collab_ensembles.data import Dataset
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.data.unlabelled import UnlabelledBatches
from collab_ensembles.errors import ConfigError, OtherDataError
from collab_ensembles.methods.ensemble.unlabelled_model import UNLABELLED_COST, UnlabelledEnsemble
from collab_ensembles.models import collaboration
from collab_ensembles.runs import run, run_data, run_directory
from collab_ensembles.settings.config import RunConfig
from conftest import network
from trainings import TINY, Contents, series, train

_L2 = dataclasses.replace(TINY, method="L2", weight=0.1)


def test_batches_are_functions_of_seed_epoch_and_step(rng: np.random.Generator) -> None:
    images = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1)
    batches = UnlabelledBatches("rest", images, 20, 1, 7)
    drawn = {place: batches.draw(*place, 10).ravel().tolist() for place in ((0, 0), (0, 1), (1, 0), (1, 1))}
    again = UnlabelledBatches("rest", images, 20, 1, 7)
    assert all(again.draw(*place, 10).ravel().tolist() == values for place, values in drawn.items())
    assert len({tuple(values) for values in drawn.values()}) == 4
    assert UnlabelledBatches("rest", images, 20, 1, 8).draw(0, 0, 10).ravel().tolist() != drawn[0, 0]


def test_every_so_many_steps_there_are_images() -> None:
    """Counted over the whole training: epochs of 4 steps, images in every third step."""
    batches = UnlabelledBatches("uniform", np.zeros((1, 2, 2, 1), np.uint8), 5, 3, 0)
    sizes = [len(batches.draw(epoch, step, 4)) for epoch in range(3) for step in range(4)]
    assert sizes == [5, 0, 0] * 4


def test_noise_is_uniform_or_has_the_moments_of_the_images(rng: np.random.Generator) -> None:
    dark, bright = rng.integers(40, 60, (2000, 4, 4, 1)), rng.integers(120, 160, (2000, 4, 4, 1))
    images = np.concatenate([dark, bright], axis=-1).astype(np.uint8)
    drawn = UnlabelledBatches("gaussian", images, 4000, 1, 0).draw(0, 0, 1)
    assert drawn.dtype == np.uint8
    for channel in range(2):
        own, noise = images[..., channel].astype(float), drawn[..., channel].astype(float)
        assert noise.mean() == pytest.approx(own.mean(), abs=0.5)
        assert noise.std() == pytest.approx(own.std(), rel=0.02)
    uniform = UnlabelledBatches("uniform", images, 4000, 1, 0).draw(0, 0, 1)
    counts = np.bincount(uniform.ravel(), minlength=256)
    assert abs(counts / counts.mean() - 1).max() < 0.3


def _model(rng: np.random.Generator, **options: Any) -> UnlabelledEnsemble:
    members = {"a": network("B1R1F2"), "b": network("B1R1F3", 1)}
    if "pseudo_labels" in options:
        return UnlabelledEnsemble(members, **options)
    return UnlabelledEnsemble(members, collaboration.squared_distance, 0.5, **options)


@pytest.mark.parametrize("pseudo", [False, True])
def test_a_step_is_that_of_a_loop_made_by_hand(
    pseudo: bool, batch: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    """Gradient descent: weights after a step, moving averages of the labelled batch alone, and the recorded cost."""
    images, labels = batch
    others = rng.integers(0, 256, (5, *images.shape[1:])).astype(np.uint8)
    model = _model(rng, every=1, **({"pseudo_labels": 0.5} if pseudo else {}))
    model.compile(keras.optimizers.SGD(0.5))
    before = model.get_weights()
    with tf.GradientTape() as tape:
        apart = [member(tf.cast(others, tf.float32), training=True) for member in model.members.values()]
        if pseudo:
            cost = sum(
                tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.argmax(own, axis=1), own))
                for own in apart
            )
        else:
            cost = tf.reduce_mean(tf.reduce_sum((apart[0] - apart[1]) ** 2, axis=1))
        # Before the labelled pass, which alone may change the averages.
        model.set_weights(before)
        own = [member(tf.cast(images, tf.float32), training=True) for member in model.members.values()]
        total = sum(
            tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, each)) + sum(member.losses)
            for each, member in zip(own, model.members.values(), strict=True)
        )
        if not pseudo:
            total += 0.5 * tf.reduce_mean(tf.reduce_sum((own[0] - own[1]) ** 2, axis=1))
        total += 0.5 * cost
    gradients = tape.gradient(total, [variable.value for variable in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign(variable - 0.5 * gradient)
    expected = model.get_weights()
    model.set_weights(before)
    logs = model.train_step(((images, others), labels))
    for received, value in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(received, value, rtol=1e-4, atol=1e-5)
    assert float(logs[UNLABELLED_COST]) == pytest.approx(0.5 * float(cost), rel=1e-4)


def test_the_gradient_is_that_of_finite_differences(rng: np.random.Generator) -> None:
    model = _model(rng, every=1)
    images = rng.integers(0, 256, (6, 8, 8, 1)).astype(np.uint8)
    bias = model.members["a"].trainable_variables[-1]
    with tf.GradientTape() as tape:
        cost = model.unlabelled_cost(images)
    gradient = tape.gradient(cost, bias.value).numpy()
    start, step = bias.numpy(), 0.01
    for place in (0, 4):
        costs = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            bias.assign(moved)
            costs.append(float(model.unlabelled_cost(images)))
        assert gradient[place] == pytest.approx((costs[0] - costs[1]) / (2 * step), rel=1e-2)


def test_images_without_labels_cost_nothing_where_there_are_none(
    batch: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    images, _ = batch
    model = _model(rng, every=2)
    assert float(model.unlabelled_cost(images)) > 0
    assert float(tf.function(model.unlabelled_cost)(images[:0])) == 0


def test_it_cannot_be_saved_as_a_whole(rng: np.random.Generator, tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="save only its weights"):
        _model(rng, every=1).save(tmp_path / "whole.keras")


def test_fit_sees_each_batch_beside_the_labelled_one(batch: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = batch
    unlabelled = UnlabelledBatches("uniform", images, 3, 1, 0)
    batches = BatchManager(images, labels, 4, unlabelled=unlabelled)
    batches.start_epoch(2)
    model = UnlabelledEnsemble({"a": network("B1R1F2")}, every=1, pseudo_labels=1.0)
    for step, ((own, others), _) in enumerate(model.feed(batches)):
        assert np.array_equal(own, batches[step][0])
        assert np.array_equal(others, unlabelled.draw(2, step, len(batches)))


def _trained(config: RunConfig, directory: Path, data_dir: str) -> Contents:
    return train(dataclasses.replace(config, epochs=1), directory, data_dir)


@pytest.mark.usefixtures("eager")
def test_the_labels_of_the_rest_change_nothing_and_its_images_do(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the digest of the data has the images of the rest, and not their labels."""
    config = dataclasses.replace(_L2, unlabelled="rest")
    load = data.load
    kept, digests = [], []
    for name in ("own", "other labels", "other images"):

        def changed(*arguments: Any, name: str = name, **options: Any) -> Dataset:
            whole = load(config.dataset, data_dir)
            limit = arguments[3] if len(arguments) > 3 else None
            images, labels = np.array(whole.train_images), np.array(whole.train_labels)
            if name == "other labels":
                labels[96:] = np.random.default_rng(0).permutation(labels[96:])
            if name == "other images":
                images[96:] = images[96:][::-1] // 2
            whole = dataclasses.replace(whole, train_images=images, train_labels=labels)
            return whole.first(limit) if limit else whole

        monkeypatch.setattr(data, "load", changed)
        kept.append(series(_trained(config, tmp_path / name, data_dir)))
        digests.append(run_data.load(config, data_dir).unlabelled_digest())
    assert (kept[0], digests[0]) == (kept[1], digests[1])
    assert kept[0] != kept[2]
    assert digests[0] != digests[2]
    with pytest.raises(OtherDataError, match="received images without labels with the digest"):
        _trained(config, tmp_path / "own", data_dir)


@pytest.mark.parametrize(
    "changes",
    [{"unlabelled_every": 2}, {"unlabelled_batch": 8}, {"unlabelled": "gaussian"}, {"seed": 1}],
    ids=lambda changes: "-".join(changes),
)
def test_every_setting_has_an_effect(changes: dict[str, Any], batch: tuple[np.ndarray, np.ndarray]) -> None:
    config = dataclasses.replace(_L2, unlabelled="uniform")
    drawn = []
    for each in (config, dataclasses.replace(config, **changes)):
        batches = each.unlabelled_batches(batch[0])
        assert batches is not None
        drawn.append([batches.draw(0, step, 4).tolist() for step in range(4)])
    assert drawn[0] != drawn[1]


def test_a_run_goes_on_bit_for_bit(tmp_path: Path, data_dir: str) -> None:
    config = dataclasses.replace(
        _L2, unlabelled="rest", unlabelled_every=2, shuffle="permute", weight_schedule="ramp_up"
    )
    whole = series(train(config, tmp_path / "whole", data_dir))
    train(config, tmp_path / "cut", data_dir, stop_after=1)
    assert series(train(config, tmp_path / "cut", data_dir)) == whole
    assert run_directory.read_status(str(tmp_path / "cut")).resumed == [1]


def test_data_that_do_not_fit_are_refused_before_anything_is_written(tmp_path: Path, data_dir: str) -> None:
    config = dataclasses.replace(_L2, train_limit=1437, unlabelled="rest", batch_size=32)
    with pytest.raises(ConfigError, match="leaves out none of the 1437 training examples"):
        run.run(config, str(tmp_path / "run"), run.Options(data_dir))
    assert not (tmp_path / "run").exists()
    images = np.zeros((30, 9, 8, 1), np.uint8)
    np.savez(tmp_path / "wide.npz", x_train=images, y_train=np.arange(30) % 2, x_test=images, y_test=np.arange(30) % 2)
    other = dataclasses.replace(
        _L2, dataset=str(tmp_path / "wide.npz"), members=("mlp4-4", "mlp5-5"), train_limit=20, batch_size=10
    )
    with pytest.raises(ConfigError, match=r"--unlabelled=digits has images of shape \(8, 8, 1\); needed: \(9, 8, 1\)"):
        run.run(dataclasses.replace(other, unlabelled="digits"), str(tmp_path / "run"), run.Options(data_dir))
    assert not (tmp_path / "run").exists()
