"""The check of committed results finds every error that is planted."""

import pathlib
import re
import shutil
from collections.abc import Callable

import pytest
from published_runs import configs_of, write

import committed_results
from analysis import results


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory of results of three seeds on MNIST."""
    log_dir, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("results") / "mnist"
    write(log_dir, configs_of((0, 1, 5)))
    results.write(str(out), results.contents(str(log_dir), "mnist", str(out)))
    # What is found below in altered copies is not found in an unaltered one.
    committed_results.check(pathlib.Path(shutil.copytree(out, tmp_path_factory.mktemp("copy") / "mnist")))
    return out


@pytest.fixture
def copy(published: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """The same, to be altered."""
    return pathlib.Path(shutil.copytree(published, tmp_path / "mnist"))


def _replace(name: str, pattern: str, text: str | Callable[[re.Match[str]], str]) -> Callable[[pathlib.Path], None]:
    """Alters the first place where a pattern occurs."""

    def alter(directory: pathlib.Path) -> None:
        before = (directory / name).read_text()
        after, count = re.subn(pattern, text, before, count=1, flags=re.MULTILINE)
        assert count == 1
        assert after != before
        (directory / name).write_text(after)

    return alter


def _without_rows(pattern: str) -> Callable[[pathlib.Path], None]:
    def alter(directory: pathlib.Path) -> None:
        lines = (directory / "statistics.csv").read_text().splitlines(keepends=True)
        kept = [line for line in lines if not re.match(pattern, line)]
        assert len(kept) < len(lines)
        (directory / "statistics.csv").write_text("".join(kept))

    return alter


def _swapped_models(directory: pathlib.Path) -> None:
    """ST and M of one run change places in the statistics."""
    path = directory / "statistics.csv"
    lines = path.read_text().splitlines(keepends=True)
    start = next(place for place, line in enumerate(lines) if line.startswith("L2,0.01,1,ST,1,"))
    for place in range(start, start + 30):
        other = place + 30
        first, second = lines[place].split(",", 5), lines[other].split(",", 5)
        lines[place], lines[other] = ",".join([*first[:5], second[5]]), ",".join([*second[:5], first[5]])
    path.write_text("".join(lines))


def _next_digit(match: re.Match[str]) -> str:
    return match[1] + str((int(match[2]) + 1) % 10)


ERRORS: dict[str, Callable[[pathlib.Path], None]] = {
    "last digit of an error in tables.csv": _replace("tables.csv", r"^(.*,L2,0.01,M,3,\d\.\d+)(\d)", _next_digit),
    "last digit of a cost in tables.csv": _replace(
        "tables.csv", r"(^.*,L1,0.1,Ens,.*,0\.\d+)(\d)(?=,0\.\d+,0\.\d+,0\.\d+,)", _next_digit
    ),
    "end of an interval in tables.csv": _replace("tables.csv", r"(^.*,CE,1,ST,3,\d\.\d+,\d\.\d{3})(\d)", _next_digit),
    "published number in tables.csv": _replace("tables.csv", r",0\.77,", ",0.78,"),
    "number of seeds in tables.csv": _replace("tables.csv", r"CE,1,M,3,", "CE,1,M,2,"),
    "row of tables.csv": _replace("tables.csv", r"^.*,CE,0.1,M,.*\n", ""),
    "digit in tables.md": _replace("tables.md", r"(^\| L2 +\| +0.01 \| +\**\d\.\d)(\d)", _next_digit),
    "difference in tables.md": _replace("tables.md", r"(^\| CE .*[+]\d\.\d)(\d)", _next_digit),
    "mark in tables.md": _replace("tables.md", r"\*\*(\d\.\d\d)\*\*", r"\1"),
    "cost in tables.md": _replace("tables.md", r"(^\| L1 .*0\.0\d{4})(\d)(?= \|$)", _next_digit),
    "last epoch in statistics.csv": _replace("statistics.csv", r"(^L1,0.01,5,M,30,\d\.\d{6})(\d)", _next_digit),
    "last cost in statistics.csv": _replace("statistics.csv", r"(^Single,1,0,Ens,30,[\d.]+,0\.\d{6})(\d)", _next_digit),
    "epoch missing": _without_rows("CE,0.01,1,Ens,17,"),
    "last epoch missing everywhere": _without_rows(r"\w+,[\d.]+,\d,\w+,30,"),
    "run missing": _without_rows("L2,0.1,5,"),
    "seed missing": _without_rows(r"\w+,[\d.]+,1,"),
    "statistic missing": _replace("statistics.csv", r"^(CE,1,0,ST,3,.*,)[^,]+,,$", r"\1,,"),
    "models swapped": _swapped_models,
    "number of runs in README.md": _replace("README.md", "39 runs", "38 runs"),
    "number in README.md": _replace("README.md", r"(^\| L2 +\| +0.01 \| +\**\d\.\d)(\d)", _next_digit),
    "claim of other runs": _replace("claims.md", r"(^\| 6\.1 \(3a\).*ST less Ens [+-]\d\.\d*)(\d)", _next_digit),
    "figure missing": lambda directory: (directory / "b1_mnist.png").unlink(),
    "figure left over": lambda directory: (directory / "b1_mnist.png").rename(directory / "b2_mnist.png"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_the_check_of_committed_results_finds(error: str, copy: pathlib.Path) -> None:
    ERRORS[error](copy)
    with pytest.raises(AssertionError):
        committed_results.check(copy)
