"""What release 0.1.0 wrote of its configurations, and what it called their runs: all of it stays.

`configurations_0_1_0.json` was written by that release: of several hundred configurations the settings as its
config.json has them (as what differs from a system's defaults), the digest, and the names; `*` stands for the run name.
Every option was varied for every system that takes it, alone and with others, and every grid is there with two seeds.

Three texts have changed since, on purpose, because a default did, and a table must not mix runs of both:

- Feature-difference ensembles are trained as the authors' scripts do; runs of 0.1.0 are described by `recipe 0.1.0`.
- Snapshots average what softmax gives; in 0.1.0 they averaged logits, and are described by `averaging logits`.
- With the residual block of `post2018` every kernel decays. The setting of a run of 0.1.0 with this block names
  `decay_scope=report`, which was the default, and not `decay_scope=all`, which is now.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest

from analysis import recorded_run
from collab_ensembles.errors import ConfigError
from collab_ensembles.runs import naming
from collab_ensembles.settings.config import RunConfig

_RECORD = json.loads(pathlib.Path(__file__).with_name("configurations_0_1_0.json").read_text(encoding="utf-8"))
_DEFAULTS = _RECORD["defaults"]
_BY_SYSTEM: dict[str, list[dict[str, Any]]] = {
    system: [each for each in _RECORD["configurations"] if each["system"] == system] for system in _DEFAULTS
}
_LATER_DEFAULTS = {"fdl": "recipe 0.1.0", "snapshot": "averaging logits"}


def _settings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """As they stand under `config` in a config.json of 0.1.0: the options of all systems."""
    return {**_DEFAULTS[recorded["system"]], **recorded["config"]}


def _named(config: RunConfig) -> dict[str, Any]:
    """What has a place in the record."""
    stem = config.run_name()
    directory = pathlib.PurePath(naming.run_directory("runs", config)).relative_to("runs").as_posix()
    statistics = naming.statistics_names(config)
    assert all(name.startswith(stem) for name in statistics.values())
    return {
        "digest": config.digest(),
        "run_name": stem,
        "directory": directory.replace(stem, "*"),
        "statistics": {member: name.removeprefix(stem) for member, name in statistics.items()},
        "description": naming.describe(config),
        "setting": recorded_run.setting(config),
    }


def _expected(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The record, with what the texts say since a default changed."""
    values = _settings(recorded)
    description, setting = recorded["description"].split(", "), recorded["setting"].split(", ")
    if recorded["system"] in _LATER_DEFAULTS:
        description.insert(2, _LATER_DEFAULTS[recorded["system"]])
    if values["resnet"] == "post2018":
        # Named where it was not, and the reverse; in the order of the fields of 0.1.0.
        fields = list(_DEFAULTS[recorded["system"]])
        toggled = set(setting) ^ {f"decay_scope={values['decay_scope']}"}
        setting = sorted(toggled, key=lambda part: fields.index(part.partition("=")[0]))
    kept = {name: value for name, value in recorded.items() if name not in ("system", "config")}
    return {**kept, "description": ", ".join(description), "setting": ", ".join(setting)}


@pytest.mark.parametrize("system", _DEFAULTS)
def test_digests_names_and_settings_are_those_of_the_first_release(system: str) -> None:
    assert len(_BY_SYSTEM[system]) >= 80
    for recorded in _BY_SYSTEM[system]:
        assert _named(RunConfig.from_json(_settings(recorded))) == _expected(recorded)


@pytest.mark.parametrize("system", _DEFAULTS)
def test_what_is_written_anew_reads_as_the_same_configuration(system: str) -> None:
    for recorded in _BY_SYSTEM[system]:
        config = RunConfig.from_json(_settings(recorded))
        written = json.loads(json.dumps(config.to_json()))
        again = RunConfig.from_json(written)
        assert again == config
        assert again.digest() == recorded["digest"]
        # A distilled network's system has another name since, and so has the method of plain ensembles.
        renamed = {"system", *(["method"] if written.get("method") == "plain" else [])}
        common = (set(written) & set(_settings(recorded))) - renamed
        assert len(common) >= 15
        assert {name: written[name] for name in common} == {name: _settings(recorded)[name] for name in common}


@pytest.mark.parametrize(
    ("system", "name"), [(system, name) for system, names in _RECORD["refused"].items() for name in names]
)
def test_an_option_of_another_system_is_refused_unless_at_its_default(system: str, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"--{name}\b"):
        RunConfig.from_json({**_DEFAULTS[system], name: _RECORD["refused"][system][name]})
