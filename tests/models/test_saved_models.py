"""Models saved as a whole and loaded again, and collaboration weights that a callback moves."""

import copy
import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.models import collaboration
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.links import Link, soft_cross_entropy, squared_difference
from collab_ensembles.models.optimizers import Adam
from collab_ensembles.models.single import SingleModel
from conftest import network

# Keras reads variables in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

Batch = tuple[np.ndarray, np.ndarray]


def _ensemble(cost: Any = None, weight: Any = None, **options: Any) -> EnsembleModel:
    members = {name: network(size, index) for index, (name, size) in enumerate((("z", "B1R1F2"), ("a", "B1R1F3")))}
    weight = weight if weight is not None else 1.0 if cost is None else 0.3
    model = EnsembleModel(members, cost, weight, **options)
    model.compile(Adam(0.01), run_eagerly=True)
    return model


def _single() -> SingleModel:
    model = SingleModel(network("B1R1F2"))
    model.compile(Adam(0.01), run_eagerly=True)
    return model


@keras.saving.register_keras_serializable("tests")
def rising(epoch: int, by: float = 1.0) -> float:
    return by * epoch


def _linked() -> EnsembleModel:
    links = [
        Link("z", "a", soft_cross_entropy, functools.partial(rising, by=0.5)),
        Link("a", "z", squared_difference, keras.Variable(0.1), stop_gradient=False, mean_of=2),
    ]
    return _ensemble(links=links)


def _scheduled() -> EnsembleModel:
    return _ensemble(collaboration.squared_distance, rising)


def _voting() -> EnsembleModel:
    model = _ensemble()
    model.averaging = "softmax"
    return model


COSTS = [collaboration.squared_distance, collaboration.absolute_distance, collaboration.by_name("CE", True)]


@pytest.mark.parametrize(
    "build",
    [
        _single,
        _ensemble,
        _voting,
        _linked,
        _scheduled,
        *(functools.partial(_ensemble, cost, pairing="all") for cost in COSTS),
    ],
)
def test_a_checkpoint_of_the_whole_goes_on_as_if_it_had_never_been_saved(
    build: Any, tmp_path: Path, batch: Batch
) -> None:
    model, path = build(), str(tmp_path / "whole.keras")
    model.fit(*batch, batch_size=6, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(path)])
    loaded = keras.saving.load_model(path)
    assert type(loaded) is type(model)
    assert list(loaded.members) == list(model.members)
    assert loaded.evaluate(*batch, verbose=0) == model.evaluate(*batch, verbose=0)
    options: dict[str, Any] = {"batch_size": 6, "initial_epoch": 1, "epochs": 2, "shuffle": False, "verbose": 0}
    histories = [each.fit(*batch, **options).history for each in (model, loaded)]
    assert histories[0] == histories[1]


def test_the_weight_of_the_latest_epoch_is_saved(tmp_path: Path, batch: Batch) -> None:
    """The links' schedule and that of a collaboration cost; both are 0 in the first epoch."""
    path = str(tmp_path / "third.keras")
    for model in (_scheduled(), _linked()):
        first = model.evaluate(*batch, verbose=0)
        model.begin_epoch(2)
        model.save(path)
        expected = model.evaluate(*batch, verbose=0)
        assert keras.saving.load_model(path).evaluate(*batch, verbose=0) == expected != first


def test_files_of_the_first_release_are_read() -> None:
    """Their configurations have neither links nor an epoch; those of plain ensembles had any weight and pairing."""
    plain = _ensemble().get_config()
    old = {key: value for key, value in copy.deepcopy(plain).items() if key not in ("links", "epoch")}
    assert EnsembleModel.from_config({**old, "weight": 0.3, "pairing": "all"}).get_config() == plain
    expected = _ensemble(collaboration.squared_distance).get_config()
    # A copy, since Keras takes a configuration apart when it reads it.
    config = copy.deepcopy(expected)
    del config["links"], config["epoch"]
    assert config["collaboration_cost"] == {"function": "collab_ensembles>squared_distance", "options": {}}
    assert EnsembleModel.from_config(config).get_config() == expected


def test_weights_alone_can_be_saved(tmp_path: Path, batch: Batch) -> None:
    path = str(tmp_path / "c.weights.h5")
    model, other = _ensemble(_unregistered), _ensemble(_unregistered)
    model.fit(*batch, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(path, save_weights_only=True)])
    assert other.evaluate(*batch, verbose=0) != model.evaluate(*batch, verbose=0)
    other.load_weights(path)
    assert other.evaluate(*batch, verbose=0) == model.evaluate(*batch, verbose=0)


def _unregistered(logits: Any, pairs: Any) -> Any:
    return collaboration.squared_distance(logits, pairs)


def test_a_cost_that_could_not_be_found_again_is_refused_at_saving(tmp_path: Path, batch: Batch) -> None:
    path = str(tmp_path / "c.keras")
    for cost in (_unregistered, lambda logits, pairs: 0.0, functools.partial(_unregistered)):
        with pytest.raises(ValueError, match=r"is not registered[^\n]*register_keras_serializable[^\n]*$"):
            _ensemble(cost).save(path)
    with pytest.raises(ValueError, match=r"schedule of a weight has arguments without a name[^\n]*name all of them$"):
        _ensemble(collaboration.squared_distance, functools.partial(rising, 1)).save(path)
    for link in (Link("a", "z", lambda s, t: 0.0), Link("a", "z", squared_difference, lambda epoch: 1.0)):
        with pytest.raises(ValueError, match=r"(cost of a link|schedule of a weight) <lambda> is not registered"):
            _ensemble(links=[link]).save(path)
    model = _ensemble(_unregistered)
    with keras.saving.custom_object_scope({"_unregistered": _unregistered}):
        model.save(path)
    with pytest.raises(ValueError, match="_unregistered is not registered; import its module first"):
        keras.saving.load_model(path)
    loaded = keras.saving.load_model(path, custom_objects={"_unregistered": _unregistered})
    assert loaded.evaluate(*batch, verbose=0) == model.evaluate(*batch, verbose=0)


def _linear(name: str) -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 256)(inputs))
    kernel = keras.initializers.GlorotUniform(len(name))
    return keras.Model(inputs, keras.layers.Dense(5, use_bias=False, kernel_initializer=kernel)(x), name=name)


def test_what_a_callback_assigns_to_a_weight_holds_from_the_next_step_on(batch: Batch) -> None:
    """Against the same epochs with numbers for weights: 0, 0 and then 0.3."""
    weight = keras.Variable(0.0)
    move = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: weight.assign([0.0, 0.0, 0.3][epoch]))
    members, logs = [_linear("a"), _linear("bb")], {"loss": [], "logit_distance": []}
    model = EnsembleModel({each.name: each for each in members}, collaboration.squared_distance, weight)
    model.compile(keras.optimizers.SGD(0.5))
    start = [variable.numpy() for variable in model.variables]
    received = model.fit(*batch, batch_size=6, epochs=3, shuffle=False, verbose=0, callbacks=[move]).history
    for variable, value in zip(model.variables, start, strict=True):
        variable.assign(value)
    for number in (0.0, 0.0, 0.3):
        other = EnsembleModel({each.name: each for each in members}, collaboration.squared_distance, number)
        other.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
        epoch = other.fit(*batch, batch_size=6, shuffle=False, verbose=0).history
        for name, values in logs.items():
            values += epoch[name]
    for name, values in logs.items():
        np.testing.assert_allclose(received[name], values, rtol=1e-4)
    assert float(weight) == np.float32(0.3)


@pytest.mark.parametrize("kind", [keras.Variable, functools.partial(keras.Variable, trainable=False), tf.Variable])
def test_a_weight_that_is_a_variable_is_no_variable_of_the_model(kind: Any, batch: Batch) -> None:
    weight = kind(0.0)
    model = EnsembleModel({"a": _linear("a"), "b": _linear("bb")}, collaboration.squared_distance, weight)
    assert len(model.variables) == len(model.members)
    logits = model.logits(batch[0])
    without = float(model.objective(batch[1], logits)[0])
    weight.assign(0.3)
    distance = float(collaboration.squared_distance(logits, [(0, 1)]))
    assert float(model.objective(batch[1], logits)[0]) == pytest.approx(without + 0.3 * distance)
    assert model.get_config()["weight"] == pytest.approx(0.3)


def test_the_number_0_leaves_the_cost_out(batch: Batch) -> None:
    def never(logits: Any, pairs: Any) -> Any:
        raise AssertionError

    assert np.isfinite(_ensemble(never, 0.0).evaluate(*batch, verbose=0, return_dict=True)["loss"])


@pytest.mark.parametrize("weight", [-0.1, float("nan"), np.float32(-1), keras.Variable(-0.1), float("inf")])
def test_weights_below_0_are_refused(weight: Any) -> None:
    with pytest.raises(
        ValueError, match=r"received the collaboration weight (-0\.1|-1|nan|inf).*; allowed: numbers from 0"
    ):
        _ensemble(collaboration.squared_distance, weight)
