"""The grid of Noel (2017), and the part of it that many seeds can be spared for."""

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.ensemble.options import COLLABORATING
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.method import Grid, Settings

NOEL_WEIGHTS = (1.0, 0.1, 0.01, 0.0001)


def noel(settings: Settings) -> list[RunConfig]:
    """The 13 ensembles of Noel (2017), section 5.2: plain, and each method with each weight."""
    return [_plain(settings), *_collaborating(settings, COLLABORATING, NOEL_WEIGHTS)]


def noel_best(settings: Settings) -> list[RunConfig]:
    """The plain ensemble and L2 with weight 0.01, the best one of Noel (2017) on MNIST: for many seeds."""
    return [_plain(settings), *_collaborating(settings, ("L2",), (0.01,))]


def _plain(settings: Settings) -> RunConfig:
    if settings.get("target_gradient"):
        raise ConfigError(
            "--target_gradient has an effect with --method=CE only, and this grid trains others; leave it out, "
            "or use experiments.train --method=CE"
        )
    plain = RunConfig(**settings)
    if len(plain.members) < 2:
        raise ConfigError(
            f"--members={plain.members[0]}: this grid compares members; name two or more, or train this one with "
            "experiments.train"
        )
    return plain


def _collaborating(settings: Settings, methods: tuple[str, ...], weights: tuple[float, ...]) -> list[RunConfig]:
    return [RunConfig(**{**settings, "method": method, "weight": weight}) for method in methods for weight in weights]


_DECIDED = ("method", "weight", "target_gradient")

GRIDS = {"noel": Grid(noel, _DECIDED), "noel-best": Grid(noel_best, _DECIDED)}
