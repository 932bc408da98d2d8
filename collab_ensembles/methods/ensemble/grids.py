"""The grid of Noel (2017)."""

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.ensemble.options import COLLABORATING
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.method import Grid, Settings

NOEL_WEIGHTS = (1.0, 0.1, 0.01, 0.0001)


def noel(settings: Settings) -> list[RunConfig]:
    """The 13 ensembles of Noel (2017), section 5.2: plain, and each method with each weight."""
    if settings.get("target_gradient"):
        raise ConfigError(
            "--target_gradient has an effect with --method=CE only, and --grid=noel trains every method; leave it out, "
            "or use experiments.train --method=CE"
        )
    plain = RunConfig(**settings)
    if len(plain.members) < 2:
        raise ConfigError(
            f"--members={plain.members[0]}: --grid=noel compares members; name two or more, or train this one with "
            "experiments.train"
        )
    collaborating = [
        RunConfig(**{**settings, "method": method, "weight": weight})
        for method in COLLABORATING
        for weight in NOEL_WEIGHTS
    ]
    return [plain, *collaborating]


GRIDS = {"noel": Grid(noel, ("method", "weight", "target_gradient"))}
