"""RunConfig: what is refused and how, digests, JSON and member names."""

import dataclasses
import hashlib
import json
import math
import pathlib
from typing import Any

import numpy as np
import pytest

from collab_ensembles.data.catalogue import Description
from collab_ensembles.errors import CollabError, ConfigError
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig

_HEADS = {"system": "multihead"}
_FDL = {"system": "fdl"}
_JOINT = {"system": "fdl", "phases": ("joint",)}
_LANGUAGE = {"system": "language"}
_NODES = {"system": "nodes"}
_SNAPSHOTS = {"system": "snapshot"}
_TEACHING = {"system": "teaching"}
_TRIANGULAR = {"system": "snapshot", "cycle": "triangular", "snapshots": 5}

_STEP = {"method": "CE", "weight_schedule": "step"}
_NOISE = {"method": "CE", "unlabelled": "uniform"}

# A value other than the default for every field.
_OTHER: dict[str, Any] = {
    "system": "fdl",
    "dataset": "mnist",
    "split": "validation",
    "train_limit": 500,
    "members": ("M", "ST"),
    "resnet": "fixed",
    "method": "L2",
    "weight": 0.5,
    "pairing": "all",
    "target_gradient": True,
    "regularization_rate": 2e-4,
    "decay_scope": "all",
    "epochs": 7,
    "batch_size": 32,
    "learning_rate": 0.01,
    "shuffle": "permute",
    "augment": True,
    "precision": "mixed_bfloat16",
    "label_noise": 0.4,
    "seed": 1,
    "graph": "instances",
    "heads": 3,
    "split_points": ("stage2",),
    "temperature": 1.0,
    "beta": 0.7,
    "rescaling": "none",
    "optimization": "alternating",
    "label_smoothing": 0.05,
    "teacher": ("teacher.keras",),
    "phases": ("cross_entropy", "head"),
    "k": 0.5,
    "k1": 0.5,
    "k2": 0.5,
    "recipe": "mnist",
    "bn_updates": "once",
    "pretraining_epochs": 3,
    "feature_learning_rate": 1e-3,
    "head_learning_rate": 0.01,
    "cycle": "triangular",
    "cycle_epochs": 6,
    "cycle_learning_rate": 0.02,
    "lowest_learning_rate": 1e-3,
    "snapshots": 10,
    "averaging": "logits",
    "stack": 3,
    "difficulty": "euclidean",
    "targets": "true",
    "teacher_seed": 4,
    "dropout": 0.3,
    "patience": 7,
    "level": "receive",
    "likelihood_weight": 0.1,
    "message_length": 8,
    "noise": 0.3,
    "annealing": 0.8,
    "lowest_temperature": 0.1,
    "links": ("ST<-M:0.5",),
    "weight_schedule": "cosine",
    "schedule_start": 2,
    "schedule_end": 20,
    "shared_initialisation": True,
    "unlabelled": "gaussian",
    "unlabelled_every": 2,
    "unlabelled_batch": 16,
    "unlabelled_cost": "pseudo_labels",
    "nodes": 5,
    "learning": "vae",
    "steps": 100,
    "content": "logits",
    "neighbours": 2,
    "consume": 0.3,
    "broadcast": 0.2,
    "queue_capacity": 8,
    "free_running": True,
    "decision": "mean",
    "class_weight": "balanced",
    "pad": True,
    "early_stopping": 4,
    "test_every": 3,
    "continue_from": "/a/run",
    "image_size": "24x32",
    "test_share": 0.3,
    "split_seed": 5,
    "unreadable": "skip",
}

# What else has to be set for the value to be allowed; otherwise CE, which goes with everything.
_BASES: dict[str, dict[str, Any]] = {
    "system": {},
    **dict.fromkeys(
        ("graph", "heads", "split_points", "temperature", "beta", "rescaling", "label_smoothing"),
        _HEADS,
    ),
    "optimization": {**_HEADS, "graph": "instances"},
    "teacher": {"system": "distillation", "teacher": ("other.keras",)},
    "pairing": {"method": "CE", "members": ("ST", "M", "M")},
    **dict.fromkeys(("schedule_start", "schedule_end"), _STEP),
    "shared_initialisation": {"members": ("ST", "ST")},
    **dict.fromkeys(("unlabelled_every", "unlabelled_batch", "unlabelled_cost"), _NOISE),
    **dict.fromkeys(
        ("phases", "recipe", "bn_updates", "pretraining_epochs", "feature_learning_rate", "head_learning_rate"), _FDL
    ),
    **dict.fromkeys(("k", "k1", "k2"), _JOINT),
    **dict.fromkeys(("cycle", "snapshots", "averaging"), _SNAPSHOTS),
    **dict.fromkeys(("stack", "difficulty", "targets", "teacher_seed", "dropout", "patience"), _TEACHING),
    **dict.fromkeys(
        ("level", "likelihood_weight", "message_length", "noise", "annealing", "lowest_temperature"), _LANGUAGE
    ),
    **dict.fromkeys(
        ("nodes", "learning", "steps", "content", "neighbours", "consume", "broadcast", "queue_capacity", "decision"),
        _NODES,
    ),
    "free_running": {"system": "nodes", "content": "labels"},
    **dict.fromkeys(("cycle_epochs", "cycle_learning_rate", "lowest_learning_rate"), _TRIANGULAR),
    **{key: {"dataset": "/a/folder"} for key in ("image_size", "test_share", "split_seed", "unreadable")},
}


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The name of a field, and configurations that differ in it alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "teacher.keras").write_bytes(b"")
    base = _BASES.get(request.param, {"method": "CE"})
    return request.param, RunConfig(**base), RunConfig(**{**base, request.param: _OTHER[request.param]})


@pytest.mark.parametrize(
    ("settings", "fragments"),
    [
        (
            {"dataset": "imagenet"},
            ["'imagenet'", "digits, mnist, fashion_mnist, cifar10, cifar100, notmnist, notmnist/small", ".npz"],
        ),
        ({"split": "dev"}, ["--split=dev", "report, standard, author, validation"]),
        ({"resnet": "pre2016"}, ["--resnet=pre2016", "report, fixed, post2018"]),
        ({"method": "KL"}, ["--method=KL", "plain, CE, L1, L2"]),
        ({"pairing": "ring"}, ["--pairing=ring", "chain, all"]),
        ({"decay_scope": "some"}, ["--decay_scope=some", "report, all"]),
        ({"shuffle": "yes"}, ["--shuffle=yes", "none, permute, bootstrap"]),
        ({"members": ()}, ["--members is empty", "ST"]),
        ({"members": ("ST", "XL")}, ["'XL'", "ST, M", "B3R5F16"]),
        ({"members": ("B0R1F8",)}, ["'B0R1F8'", "bricks from 1 to 99"]),
        ({"members": ("B3R1F8x",)}, ["'B3R1F8x'"]),
        ({"epochs": 0}, ["--epochs=0", "from 1"]),
        ({"epochs": 100_000}, ["--epochs=100000", "to 99,999"]),
        ({"batch_size": 0}, ["--batch_size=0", "from 1"]),
        ({"train_limit": 0}, ["--train_limit=0", "from 1"]),
        ({"seed": -1}, ["--seed=-1", "from 0"]),
        ({"method": "L2", "weight": -0.5}, ["--weight=-0.5", "finite numbers from 0"]),
        ({"method": "L2", "weight": math.nan}, ["--weight=nan", "finite numbers from 0"]),
        ({"method": "L2", "weight": math.inf}, ["--weight=inf", "finite numbers from 0"]),
        ({"regularization_rate": -1e-4}, ["--regularization_rate=-0.0001", "from 0"]),
        ({"learning_rate": 0.0}, ["--learning_rate=0.0", "above 0"]),
        ({"learning_rate": math.inf}, ["--learning_rate=inf", "above 0"]),
        ({"weight": 0.1}, ["--weight=0.1", "no effect", "--method=CE, L1 or L2"]),
        ({"method": "L1", "members": ("ST",)}, ["--method=L1", "--members=ST", "only one", "--method=plain"]),
        ({"method": "L1", "pairing": "all"}, ["--pairing=all", "no effect", "--members=ST,M"]),
        ({"target_gradient": True}, ["--target_gradient", "--method=CE", "--method=plain"]),
        ({"target_gradient": True, "method": "L2"}, ["--target_gradient", "--method=CE", "--method=L2"]),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_was_received_and_what_is_allowed(
    settings: dict[str, Any], fragments: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**settings)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, CollabError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 1, "batch_size": 1, "train_limit": 1, "seed": 0, "regularization_rate": 0.0},
        {"method": "L2", "weight": 0.0},
        {"method": "L2", "weight": 1000.0},
        {"members": ("B1R1F1",)},
        {"members": ("M", "M", "ST"), "method": "CE", "target_gradient": True},
        {"dataset": "/some/where/own.npz"},
    ],
)
def test_the_limits_themselves_are_allowed(settings: dict[str, Any]) -> None:
    config = RunConfig(**settings)
    assert all(getattr(config, name) == value for name, value in settings.items())


def test_a_file_is_the_same_however_its_path_is_spelled(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spellings = ("own.npz", "./own.npz", str(tmp_path / "own.npz"))
    assert len({RunConfig(dataset=spelling).digest() for spelling in spellings}) == 1


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(("dataset", "epochs"), [("mnist", 30), ("cifar10", 30), ("notmnist", 15), ("own.npz", 30)])
def test_the_length_of_training_is_that_of_the_paper(dataset: str, epochs: int) -> None:
    assert RunConfig(dataset=dataset).epochs == epochs
    assert RunConfig(dataset=dataset, epochs=3).epochs == 3


def _digest_by_hand(**changed: Any) -> str:
    text = json.dumps(dict(sorted({"format_version": 1, **changed}.items()))).replace(": ", ":").replace(", ", ",")
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({}, {}),
        ({"dataset": "mnist"}, {"dataset": "mnist"}),
        ({"dataset": "mnist", "epochs": 30}, {"dataset": "mnist"}),
        ({"dataset": "notmnist", "epochs": 15}, {"dataset": "notmnist"}),
        ({"dataset": "notmnist", "epochs": 30}, {"dataset": "notmnist", "epochs": 30}),
        ({"members": ["ST", "M"], "batch_size": 64, "learning_rate": 1 / 1024}, {}),
        ({"method": "L2", "weight": 0.01, "seed": 2}, {"method": "L2", "weight": 0.01, "seed": 2}),
        ({"members": ("M",), "augment": True}, {"members": ["M"], "augment": True}),
    ],
)
def test_the_digest_is_the_sha256_of_the_canonical_json_of_what_differs_from_the_defaults(
    settings: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert RunConfig(**settings).digest() == _digest_by_hand(**changed)


def test_no_epochs_and_the_usual_epochs_are_the_same_run() -> None:
    usual, explicit = RunConfig(dataset="mnist"), RunConfig(dataset="mnist", epochs=30)
    assert usual == explicit
    assert usual.digest() == explicit.digest()


def test_every_field_is_covered_below() -> None:
    assert set(_OTHER) == {field.name for name in registry.names() for field in registry.method(name).config.in_order()}


@pytest.mark.parametrize("pair", _OTHER, indirect=True)
def test_every_changed_field_changes_the_digest(pair: tuple[str, RunConfig, RunConfig]) -> None:
    _, base, changed = pair
    assert changed.digest() != base.digest()


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({"method": "L2", "weight": 0}, {"method": "L2", "weight": 0.0}),
        ({"method": "L2", "weight": 10}, {"method": "L2", "weight": 10.0}),
        ({"learning_rate": 1}, {"learning_rate": 1.0}),
        ({"regularization_rate": 0}, {"regularization_rate": 0.0}),
        ({"method": "L2", "weight": np.float64(0.25)}, {"method": "L2", "weight": 0.25}),
        ({"seed": np.int64(3)}, {"seed": 3}),
    ],
)
def test_equal_configurations_have_equal_digests(settings: dict[str, Any], same: dict[str, Any]) -> None:
    assert RunConfig(**settings) == RunConfig(**same)
    assert RunConfig(**settings).digest() == RunConfig(**same).digest()


@pytest.mark.parametrize("pair", _OTHER, indirect=True)
def test_json_gives_back_every_field(pair: tuple[str, RunConfig, RunConfig]) -> None:
    name, _, config = pair
    text = json.dumps(config.to_json(), allow_nan=False)
    value = getattr(config, name)
    assert json.loads(text)[name] == (list(value) if isinstance(value, tuple) else value)
    restored = RunConfig.from_json(json.loads(text))
    assert restored == config
    assert restored.digest() == config.digest()
    assert restored.members == config.members


def test_json_of_an_older_release_without_a_field_takes_its_default() -> None:
    values = RunConfig(method="L2").to_json()
    del values["pairing"]
    assert RunConfig.from_json(values) == RunConfig(method="L2")


def test_snapshots_of_the_first_release_average_logits_under_their_old_digest() -> None:
    """It had neither the field nor a choice; its digest said nothing of it."""
    config = RunConfig(system="snapshot", dataset="cifar10", snapshots=2, averaging="logits")
    younger = {"averaging", "cycle", "cycle_epochs", "cycle_learning_rate", "lowest_learning_rate"}
    values = {name: value for name, value in config.to_json().items() if name not in younger}
    read = RunConfig.from_json(values)
    assert read == config
    assert read.digest() == _digest_by_hand(dataset="cifar10", snapshots=2, system="snapshot")
    now = RunConfig(system="snapshot", dataset="cifar10", snapshots=2)
    assert now.digest() == _digest_by_hand(averaging="softmax", dataset="cifar10", snapshots=2, system="snapshot")


def test_unknown_settings_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="unknown settings: momentum, width"):
        RunConfig.from_json({**RunConfig().to_json(), "momentum": 0.9, "width": 0.5})


@pytest.mark.parametrize(
    ("members", "names"),
    [
        (("ST", "M"), ("ST", "M")),
        (("ST", "ST", "M", "ST"), ("ST", "ST_2", "M", "ST_3")),
        (("B1R1F2", "B1R1F3", "B1R1F2"), ("B1R1F2", "B1R1F3", "B1R1F2_2")),
    ],
)
def test_repeated_members_are_numbered_from_the_second_on(members: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert RunConfig(members=members).member_names() == names


def test_images_that_cannot_be_halved_often_enough_are_refused() -> None:
    config = RunConfig(members=("ST", "B5R1F4"))
    config.check_data(Description((32, 48, 1), 1000))
    for shape in ((8, 32, 1), (32, 8, 1), (28, 28, 1)):
        with pytest.raises(ConfigError) as caught:
            config.check_data(Description(shape, 1000))
        for fragment in ("B5R1F4", "multiples of 16", "digits", f"{shape[0]} x {shape[1]}"):
            assert fragment in str(caught.value)
    RunConfig(members=("B1R1F4",)).check_data(Description((7, 5, 1), 1000))


def test_a_limit_above_the_training_examples_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--train_limit=101: digits has 100 training examples; allowed: 1 to 100$"):
        RunConfig(dataset="digits", train_limit=101).check_data(Description((8, 8, 1), 100))
    RunConfig(dataset="digits", train_limit=100).check_data(Description((8, 8, 1), 100))


@pytest.mark.parametrize(
    ("settings", "num_train", "allowed"),
    [
        ({"batch_size": 101}, 100, 100),
        ({"batch_size": 65, "train_limit": 64}, 100, 64),
    ],
)
def test_a_batch_of_more_than_the_training_examples_is_refused(
    settings: dict[str, Any], num_train: int, allowed: int
) -> None:
    with pytest.raises(ConfigError, match=f"--batch_size={settings['batch_size']}.*allowed: 1 to {allowed}$"):
        RunConfig(**settings).check_data(Description((8, 8, 1), num_train))
    RunConfig(**{**settings, "batch_size": allowed}).check_data(Description((8, 8, 1), num_train))
