"""Settings of the paper's open questions: what they refuse, what they change, and what neutral values leave alone."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.ensemble import directed_links, training
from collab_ensembles.methods.ensemble.weight_schedules import SCHEDULES, share
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.settings.config import RunConfig
from trainings import TINY, series, train

_THREE = ("B2R1F2", "B1R1F3", "B1R1F2")
_NAMES = {"small": "B2R1F2", "other": "B1R1F3"}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"links": ("ST<-M:1",)}, "has no cost; add --method"),
    ({"method": "L2", "links": ("ST<-B9:1",)}, "names B9; allowed: the members, ST, M"),
    ({"method": "L2", "links": ("ST<-ST:1",)}, "links ST to itself"),
    ({"method": "L2", "links": ("ST->M:1",)}, "needed: TARGET<-SOURCE:WEIGHT, such as 'ST<-M:0.1'"),
    ({"method": "L2", "links": ("ST<-M:-1",)}, "allowed: finite numbers above 0"),
    ({"method": "L2", "links": ("ST<-M:nan",)}, "allowed: finite numbers above 0"),
    ({"method": "L2", "links": ("ST<-M:0",)}, "allowed: finite numbers above 0"),
    ({"method": "L2", "links": ("ST<-M:1", "ST<-M:2")}, "is there twice"),
    ({"method": "L2", "links": ("ST<-M:1",), "weight": 0.1}, "--weight=0.1: has no effect with --links"),
    ({"method": "CE", "links": ("ST<-M:1",), "target_gradient": True}, "--target_gradient=True: has no effect"),
    ({"weight_schedule": "linear"}, "has no effect without a collaboration method"),
    ({"method": "L2", "schedule_start": 3}, "--schedule_start=3: has no effect with --weight_schedule=constant"),
    ({"method": "L2", "weight_schedule": "step", "schedule_start": 9, "schedule_end": 9}, "from 10 to 30"),
    ({"method": "L2", "weight_schedule": "step", "schedule_end": 31}, "from 1 to 30"),
    ({"shared_initialisation": True}, "no two of --members=ST,M are equal"),
    ({"unlabelled_every": 2}, "--unlabelled_every=2: has no effect with --unlabelled=none"),
    ({"unlabelled_cost": "pseudo_labels"}, "has no effect with --unlabelled=none"),
    ({"method": "L2", "unlabelled": "rest"}, "add --train_limit"),
    ({"method": "L2", "unlabelled": "mine"}, "allowed: none, rest, uniform, gaussian, mnist"),
    ({"method": "L2", "unlabelled": "digits"}, "--unlabelled=digits: not known"),
    # The same images, also those of the test part.
    ({"dataset": "notmnist", "method": "L2", "unlabelled": "notmnist/small"}, "--unlabelled=notmnist/small: not known"),
    ({"dataset": "notmnist/small", "method": "L2", "unlabelled": "notmnist"}, "--unlabelled=notmnist: not known"),
    ({"unlabelled": "uniform"}, "--method=plain learns nothing without labels"),
    ({"method": "L2", "unlabelled": "uniform", "unlabelled_every": 0}, "whole numbers from 1"),
    ({"method": "L2", "unlabelled": "uniform", "unlabelled_batch": 0}, "whole numbers from 1"),
]


@pytest.mark.parametrize(("settings", "words"), REFUSED)
def test_contradictions_are_refused_in_one_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**settings)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_neutral_values_change_no_digest_and_no_name() -> None:
    for settings in ({}, {"method": "L2", "weight": 0.01}, {"method": "CE", "members": _THREE, "pairing": "all"}):
        config = RunConfig(**settings)
        neutral = dataclasses.replace(config, links=(), weight_schedule="constant", unlabelled="none")
        assert (neutral.digest(), neutral.description()) == (config.digest(), config.description())
        assert not {"links", "weight_schedule", "unlabelled"} & set(config.identity())


def test_links_have_one_spelling() -> None:
    one = RunConfig(method="L2", links=("ST<-M:1.0", "M<-ST:0.10"))
    other = RunConfig(method="L2", links=("M <- ST:1e-1", "ST<-M:1"))
    assert one == other
    assert one.links == ("M<-ST:0.1", "ST<-M:1")
    dashed = RunConfig(members=("mlp8-8", "mlp9-9"), method="L2", links=("mlp8-8<-mlp9-9:0.1",))
    assert [str(link) for link in directed_links.parse(dashed.links, dashed.member_names())] == list(dashed.links)
    precise = 0.12345678901234
    (link,) = RunConfig(method="L2", links=(f"ST<-M:{precise}",)).links
    assert directed_links.parse([link], ("ST", "M"))[0].weight == precise


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_weights_follow_their_schedule(schedule: str) -> None:
    """Against NumPy, and as the model has them in each epoch."""
    start, end, epochs = 2, 6, 9
    t = np.clip((np.arange(epochs) - start) / (end - start), 0, 1)
    inside = (np.arange(epochs) >= start) & (np.arange(epochs) < end)
    expected = {
        "constant": np.ones(epochs),
        "linear": t,
        "cosine": np.cos(np.pi * t / 2) ** 2,
        "ramp_up": np.exp(-5 * (1 - t) * (1 - t)),
        "ramp_down": np.exp(-25 / 2 * t * t),
        "step": np.where(inside, 1, 0),
    }[schedule]
    received = [share(schedule, epoch, start, end) for epoch in range(epochs)]
    assert received == pytest.approx(expected.tolist(), abs=1e-15)
    ends = {} if schedule == "constant" else {"schedule_start": start, "schedule_end": end}
    config = RunConfig(method="L2", weight=0.5, epochs=epochs, weight_schedule=schedule, members=_THREE[:2], **ends)
    model = training.build(config, (8, 8, 1), 10)
    assert isinstance(model, EnsembleModel)
    logits = [tf.constant([[1.0, 3.0]]), tf.constant([[0.0, 5.0]])]
    for epoch in range(epochs):
        model.begin_epoch(epoch)
        # 5 is the squared distance.
        assert float(model.collaboration_cost(logits)) == pytest.approx(0.5 * 5 * expected[epoch], abs=1e-7)


def test_without_an_end_the_schedule_ends_with_the_training() -> None:
    config = RunConfig(method="L2", epochs=4, weight_schedule="linear", members=_THREE[:2])
    model = training.build(config, (8, 8, 1), 10)
    assert isinstance(model, EnsembleModel)
    logits = [tf.constant([[1.0]]), tf.constant([[0.0]])]
    costs = []
    for epoch in range(4):
        model.begin_epoch(epoch)
        costs.append(float(model.collaboration_cost(logits)))
    assert costs == [0, 0.25, 0.5, 0.75]


def _gradients(config: RunConfig, logits: list[np.ndarray]) -> list[np.ndarray]:
    """The gradients of the collaboration cost with respect to the logits of each member."""
    model = training.build(config, (8, 8, 1), 10)
    assert isinstance(model, EnsembleModel)
    tensors = [tf.constant(each) for each in logits]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        cost = model.collaboration_cost(tensors)
    unconnected = tf.UnconnectedGradients.ZERO
    return [each.numpy() for each in tape.gradient(cost, tensors, unconnected_gradients=unconnected)]


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("method", ["CE", "L1", "L2"])
def test_a_one_way_link_teaches_its_target_alone(method: str) -> None:
    """Against the derivative on paper, with weights 0.5 in one direction and 0.125 in the other."""
    random = np.random.default_rng(3)
    first, second = (random.normal(size=(4, 10)).astype(np.float32) for _ in range(2))
    members = list(_NAMES.values())

    def expected(own: np.ndarray, other: np.ndarray, weight: float) -> np.ndarray:
        pulls = {
            "CE": lambda: _softmax(own) - _softmax(other),
            "L1": lambda: np.sign(own - other),
            "L2": lambda: 2 * (own - other),
        }
        return np.asarray(weight * pulls[method]() / len(own))

    config = RunConfig(method=method, members=members, links=(f"{members[0]}<-{members[1]}:0.5",))
    gradients = _gradients(config, [first, second])
    np.testing.assert_allclose(gradients[0], expected(first, second, 0.5), rtol=1e-4, atol=1e-6)
    assert not gradients[1].any()
    both = (*config.links, f"{members[1]}<-{members[0]}:0.125")
    gradients = _gradients(dataclasses.replace(config, links=both), [first, second])
    np.testing.assert_allclose(gradients[0], expected(first, second, 0.5), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients[1], expected(second, first, 0.125), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["CE", "L1", "L2"])
def test_symmetric_links_are_the_bits_of_the_weight(method: str, tmp_path: Path, data_dir: str) -> None:
    members = _THREE if method == "L2" else _THREE[:2]
    pairing = "all" if method == "L2" else "chain"
    config = dataclasses.replace(TINY, epochs=1, members=members, method=method, weight=0.25, pairing=pairing)
    links = tuple(f"{a}<-{b}:0.25" for a in members for b in members if a != b)
    linked = dataclasses.replace(config, weight=1.0, pairing="chain", links=links)
    kept = [series(train(each, tmp_path / str(number), data_dir)) for number, each in enumerate((config, linked))]
    assert kept[0] == kept[1]


def test_equal_members_can_begin_equal_and_then_stay_equal(tmp_path: Path, data_dir: str) -> None:
    config = dataclasses.replace(TINY, epochs=1, members=("B1R1F2",) * 2, shared_initialisation=True)
    models = [
        training.build(each, (8, 8, 1), 10) for each in (config, dataclasses.replace(TINY, members=config.members))
    ]
    differences = []
    for model in models:
        first, second = (member.get_weights() for member in model.members.values())
        differences.append(max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True)))
    assert differences[0] == 0
    assert differences[1] > 0.1
    contents = train(config, tmp_path, data_dir)
    assert contents["ensemble"]["disagreement"].tolist() == contents["ensemble"]["logit_distance"].tolist() == [0]
    assert math.isclose(contents["ensemble"]["test_errors"][0], contents["B1R1F2"]["test_errors"][0])
