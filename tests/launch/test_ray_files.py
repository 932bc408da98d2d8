"""The files of a run that was computed by a node: what is collected there, and what is written here."""

import pathlib
from collections.abc import Callable

import pytest

from collab_ensembles import files
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.runs import naming, run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig
from experiments.launch import returned_files

_CONFIG = RunConfig(method="L2", weight=0.1)


@pytest.fixture
def finished(tmp_path: pathlib.Path) -> pathlib.Path:
    """A run directory on the node, as a finished run leaves it."""
    directory = pathlib.Path(naming.run_directory(str(tmp_path / "node"), _CONFIG))
    run_directory.write_config(str(directory), _CONFIG)
    pickles = {f"{stem}.pkl": stem.encode() for stem in naming.statistics_names(_CONFIG).values()}
    others = {"output.log": b"epoch 1\n", "lock": b"", "x.tmp": b"half", "tensorboard/events": b"scalars"}
    checkpoints = {f"checkpoint/epoch-000{epoch}.npz": epoch.encode() for epoch in ("09", "10")}
    for name, content in {**pickles, **others, **checkpoints}.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
    digests = {name: run_directory.sha256(str(directory / name)) for name in pickles}
    run_directory.write_status(str(directory), Status(state="done", epochs_done=10, pickles=digests))
    return directory


@pytest.fixture
def here(tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(naming.run_directory(str(tmp_path / "driver"), _CONFIG))


def _names(directory: pathlib.Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_all_come_back_but_locks_half_written_files_and_older_checkpoints(
    finished: pathlib.Path, here: pathlib.Path
) -> None:
    returned_files.write(str(here), returned_files.collect(str(finished)), is_done=True)
    assert _names(finished) - _names(here) == {"x.tmp", "checkpoint/epoch-00009.npz"}
    assert _names(here) <= _names(finished)
    for name in _names(here) - {"lock"}:
        assert (here / name).read_bytes() == (finished / name).read_bytes()
    assert run_directory.is_done(str(here))


def test_the_status_is_written_last(
    finished: pathlib.Path, here: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write_bytes = files.write_bytes

    def note(path: str, content: bytes) -> None:
        written.append(path)
        write_bytes(path, content)

    monkeypatch.setattr(files, "write_bytes", note)
    returned_files.write(str(here), returned_files.collect(str(finished)), is_done=True)
    assert written[-1] == str(here / "status.json")
    assert written.count(str(here / "status.json")) == 1


def test_what_was_printed_is_added_to_what_was_printed_before(finished: pathlib.Path, here: pathlib.Path) -> None:
    here.mkdir(parents=True)
    (here / "output.log").write_bytes(b"earlier, here\n")
    (finished / "output.log").write_bytes(b"earlier, there\nnow\n")
    printed_before = len(b"earlier, there\n")
    returned_files.write(str(here), returned_files.collect(str(finished), printed_before), is_done=True)
    assert (here / "output.log").read_text() == "earlier, here\nnow\n"
    assert returned_files.printed(str(here)) == len(b"earlier, here\nnow\n")


def test_a_directory_that_does_not_exist_has_printed_nothing(tmp_path: pathlib.Path) -> None:
    assert returned_files.printed(str(tmp_path / "none")) == 0
    assert returned_files.collect(str(tmp_path / "none")) == {}


def _damage_pickle(content: dict[str, bytes]) -> None:
    name = next(name for name in content if name.endswith(".pkl"))
    content[name] += b"x"


def _lose_pickle(content: dict[str, bytes]) -> None:
    del content[next(name for name in content if name.endswith(".pkl"))]


def _lose_status(content: dict[str, bytes]) -> None:
    del content["status.json"]


def _change_config(content: dict[str, bytes]) -> None:
    content["config.json"] = content["config.json"].replace(b'"seed": 0', b'"seed": 1')


def _lead_out(content: dict[str, bytes]) -> None:
    content["../elsewhere"] = b"x"


def _lead_to_root(content: dict[str, bytes]) -> None:
    content["/elsewhere"] = b"x"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_damage_pickle, "incomplete or damaged"),
        (_lose_pickle, "incomplete or damaged"),
        (_lose_status, "incomplete or damaged"),
        (_change_config, "it was changed"),
        (_lead_out, "a node sent a file called '../elsewhere'"),
        (_lead_to_root, "a node sent a file called '/elsewhere'"),
    ],
)
def test_what_is_damaged_is_refused_and_nothing_written(
    spoil: Callable[[dict[str, bytes]], None], message: str, finished: pathlib.Path, here: pathlib.Path
) -> None:
    content = returned_files.collect(str(finished))
    spoil(content)
    with pytest.raises(RunDirectoryError, match=message):
        returned_files.write(str(here), content, is_done=True)
    assert not here.exists()


def test_another_run_is_refused(finished: pathlib.Path, here: pathlib.Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"the node sent the run digits_collab.*L2_0\.1x1-seed0-"):
        returned_files.write(f"{here}-other", returned_files.collect(str(finished)), is_done=True)


def test_a_run_that_failed_leaves_what_it_has(finished: pathlib.Path, here: pathlib.Path) -> None:
    content = {"output.log": b"error: the cost is nan\n", "config.json": b"{}"}
    returned_files.write(str(here), content, is_done=False)
    assert _names(here) == {"output.log", "config.json", "lock"}
