"""What a node compares with the driver before it computes anything."""

import pathlib

import pytest

from experiments.launch import ray_worker


@pytest.fixture
def packages(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    """Two small packages in place of this project's."""
    directories = [tmp_path / "collab_ensembles", tmp_path / "experiments"]
    for directory in directories:
        (directory / "inner").mkdir(parents=True)
        (directory / "inner" / "module.py").write_text("a = 1\n")
    return directories


def test_equal_files_in_other_places_are_equal(packages: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    elsewhere = [directory.rename(tmp_path / f"new-{directory.name}") for directory in packages]
    before = ray_worker.facts([directory.rename(tmp_path / directory.name[4:]) for directory in elsewhere])
    (tmp_path / "collab_ensembles" / "notes.txt").write_text("no source file")
    assert ray_worker.difference(ray_worker.facts(packages), before) == ""


def test_a_changed_file_and_a_renamed_one_are_noticed(packages: list[pathlib.Path]) -> None:
    before = ray_worker.facts(packages)
    module = packages[0] / "inner" / "module.py"
    module.write_text("a = 2\n")
    changed = ray_worker.facts(packages)
    module.write_text("a = 1\n")
    module.rename(module.with_name("other.py"))
    renamed = ray_worker.facts(packages)
    for facts in (changed, renamed):
        digests = (facts["collab-ensembles"], before["collab-ensembles"])
        assert ray_worker.difference(facts, before) == "collab-ensembles is {}, on the driver {}".format(*digests)
    assert changed != renamed


def test_a_missing_package_is_called_missing(packages: list[pathlib.Path]) -> None:
    assert ray_worker.facts(packages[:1])["collab-ensembles"] == "missing"


def test_other_versions_are_named_one_by_one(packages: list[pathlib.Path]) -> None:
    here = ray_worker.facts(packages)
    assert set(here) == {"Python", "tensorflow", "keras", "numpy", "collab-ensembles"}
    driver = {**here, "numpy": "1.0", "keras": "2.0"}
    expected = f"keras is {here['keras']}, on the driver 2.0; numpy is {here['numpy']}, on the driver 1.0"
    assert ray_worker.difference(here, driver) == expected


def test_this_projects_packages_are_found() -> None:
    assert [directory.name for directory in ray_worker.package_directories()] == ["collab_ensembles", "experiments"]
    assert all((directory / "__init__.py").exists() for directory in ray_worker.package_directories())


def test_the_latest_report_of_each_run_is_kept_until_it_is_taken() -> None:
    reports = ray_worker.Reports()
    reports.put(1, "first", {"epochs_done": 1})
    reports.put(2, "second", {"epochs_done": 1})
    reports.put(1, "first", {"epochs_done": 2})
    assert reports.take() == {1: ("first", {"epochs_done": 2}), 2: ("second", {"epochs_done": 1})}
    assert reports.take() == {}
