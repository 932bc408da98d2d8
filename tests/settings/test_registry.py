"""The systems of other packages: what is wrong with one is said, and takes nothing else away."""

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Iterator

import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from own_package import CONSENSUS, forget, install

_OURS = ["distillation", "ensemble", "fdl", "language", "multihead", "nodes", "snapshot", "teaching"]
_SOURCE = CONSENSUS.read_text()

Install = Callable[[str], None]


@pytest.fixture
def installed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package that brings a system `own`, given the source of its module."""

    def install_own(source: str) -> None:
        install(tmp_path, {"own_system": source}, {"own": "own_system:METHOD"})
        monkeypatch.syspath_prepend(str(tmp_path))
        forget()

    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "own_system", raising=False)
        yield install_own
    sys.modules.pop("own_system", None)
    forget()


def _source(**changes: str) -> str:
    """The source of the system of the tests, named `own`, with parts replaced."""
    return _SOURCE.replace('name="consensus"', 'name="own"') + "".join(
        f"\nMETHOD = dataclasses.replace(METHOD, {name}={value})\n" for name, value in changes.items()
    )


def test_a_system_of_another_package_is_known_by_its_name(installed: Install) -> None:
    installed(_source())
    assert registry.names() == [*_OURS, "own"] == registry.usable()
    assert registry.owners("share") == ["own"]
    assert "consensus-shares" in registry.grids()
    config = RunConfig(system="own", share=0.25)
    assert RunConfig.from_json(config.to_json()) == config
    assert dataclasses.replace(config, seed=3).digest() != config.digest()


@pytest.mark.parametrize(
    ("source", "fragments"),
    [
        ("import no_such_module", ["ModuleNotFoundError", "no_such_module"]),
        ("raise RuntimeError('two\\nlines')", ["RuntimeError: two lines"]),
        ("raise SystemExit(3)", ["SystemExit: 3"]),
        ("", ["AttributeError", "METHOD"]),
        ("METHOD = 3", ["own_system:METHOD", "no collab_ensembles.settings.method.Method"]),
        (_source(name='"other"'), ["named other", "entry point own"]),
        (_source(config="int"), ["no subclass of RunConfig"]),
        (_source(grids="3"), ["no mapping from names to Grid"]),
        (_source(grids="{'a': 3}"), ["no mapping from names to Grid"]),
        (_source(training="3"), ["no name of a module"]),
        (_source().replace("share: float = option(0.5,", "share: float = (0.5) or ("), ["share", "option"]),
        (_source().replace("share: float", "share: list[int]"), ["share", "list[int]", "allowed: str, bool, int"]),
        (_source().replace("share: float", "share: 'Nothing'"), ["NameError", "Nothing"]),
        (_source().replace("share: float", "seed: int"), ["setting seed"]),
        (_source().replace("@dataclasses.dataclass(frozen=True, kw_only=True)\nclass", "class"), ["dataclass"]),
    ],
)
def test_what_is_wrong_with_a_package_is_said_when_its_system_is_asked_for(
    installed: Install, source: str, fragments: list[str]
) -> None:
    installed(source)
    with pytest.raises(ConfigError) as caught:
        RunConfig(system="own")
    message = str(caught.value)
    assert "\n" not in message
    for fragment in ("--system=own: the package own that brings it cannot be used: ", *fragments):
        assert fragment in message
    assert registry.usable() == _OURS
    assert RunConfig.from_json(RunConfig(method="L2").to_json()) == RunConfig(method="L2")
    assert "noel" in registry.grids()


def test_a_package_is_imported_once_whether_it_can_be_used_or_not(installed: Install, tmp_path: pathlib.Path) -> None:
    count = tmp_path / "count"
    count.write_text("")
    note = f"path = pathlib.Path({str(count)!r})\npath.write_text(path.read_text() + 'x')"
    installed(f"import pathlib\n{note}\nraise ValueError('no')")
    for _ in range(3):
        registry.usable()
        RunConfig.from_json(RunConfig().to_json())
    assert count.read_text() == "x"


@pytest.mark.parametrize("system", ["none", ["ensemble"], None, 3])
def test_a_system_that_is_not_there_is_a_config_error(system: object) -> None:
    with pytest.raises(ConfigError, match="--system="):
        RunConfig(system=system)
