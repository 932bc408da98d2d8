"""A package of somebody else's, installed in a directory, with entry points as pip writes them."""

import pathlib
import shutil
from collections.abc import Mapping

from collab_ensembles.settings import registry

METHODS = "collab_ensembles.methods"
CONSENSUS = pathlib.Path(__file__).with_name("methods") / "consensus.py"


def install(
    directory: pathlib.Path, modules: Mapping[str, str], points: Mapping[str, str], name: str = "own"
) -> dict[str, str]:
    """Writes modules and their entry points.

    Args:
      directory: where packages are installed.
      modules: their source by name.
      points: the entry points of systems, such as {"consensus": "consensus:METHOD"}.
      name: of the package.

    Returns:
      The environment variables with which Python finds the package.
    """
    metadata = directory / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{point} = {value}" for point, value in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{METHODS}]", *lines, ""]))
    for module, source in modules.items():
        (directory / f"{module}.py").write_text(source)
    return {"PYTHONPATH": str(directory)}


def install_consensus(directory: pathlib.Path) -> dict[str, str]:
    """Installs the system that docs/EXTENDING.md shows."""
    variables = install(directory, {}, {"consensus": "consensus:METHOD"}, "consensus")
    shutil.copy(CONSENSUS, directory)
    return variables


def forget() -> None:
    """Has this process look for systems again."""
    for cached in (registry._loaded, registry._entry_points, registry.grids):
        cached.cache_clear()
