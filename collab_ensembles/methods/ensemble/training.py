"""Builds collaborative ensembles, and chooses their optimizer and learning rate."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import keras

from collab_ensembles.machine import JAX
from collab_ensembles.methods.assembly import build_members
from collab_ensembles.methods.ensemble.directed_links import parse
from collab_ensembles.methods.ensemble.options import NO_IMAGES, PSEUDO_LABELS, EnsembleConfig
from collab_ensembles.methods.ensemble.unlabelled_model import UnlabelledEnsemble
from collab_ensembles.methods.ensemble.weight_schedules import share
from collab_ensembles.models import collaboration
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.links import Link, Weight
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import Adam
from collab_ensembles.models.schedules import Rate, halving
from collab_ensembles.models.single import SingleModel
from collab_ensembles.settings.method import Shape


def build(config: EnsembleConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`."""
    members = build_members(config, image_shape, num_classes)
    if config.unlabelled != NO_IMAGES:
        pseudo_labels = _weights(config)(config.weight) if config.unlabelled_cost == PSEUDO_LABELS else None
        return UnlabelledEnsemble(
            members, **_collaboration(config), every=config.unlabelled_every, pseudo_labels=pseudo_labels
        )
    if len(members) == 1:
        return SingleModel(next(iter(members.values())))
    return EnsembleModel(members, **_collaboration(config))


def _collaboration(config: EnsembleConfig) -> dict[str, Any]:
    """The arguments of `EnsembleModel` beside the members."""
    cost = collaboration.by_name(config.method, config.target_gradient)
    if cost is None:
        return {}
    weights = _weights(config)
    if config.links:
        return {"links": _links(config, cost, weights)}
    return {"collaboration_cost": cost, "weight": weights(config.weight), "pairing": config.pairing}


def _weights(config: EnsembleConfig) -> Callable[[float], Weight]:
    """Makes weights that follow the schedule; equal numbers give the same weight, so that their links are one term."""
    if config.weight_schedule == "constant":
        # With JAX an input of the compiled step, so that runs with other weights share the program. A cost of weight 0
        # is left out.
        return functools.cache(_variable) if keras.config.backend() == JAX else lambda weight: weight
    ends = config.schedule_start, config.schedule_end or config.epochs
    return functools.cache(lambda weight: lambda epoch: weight * share(config.weight_schedule, epoch, *ends))


def _variable(weight: float) -> Weight:
    return keras.Variable(weight, dtype="float32", trainable=False, name="weight") if weight else weight


def _links(
    config: EnsembleConfig, cost: collaboration.CollaborationCost, weights: Callable[[float], Weight]
) -> list[Link]:
    """The links that the settings name, in the order of the pairs of members.

    A pair whose directions have equal weights is linked as without `--links`. Otherwise each link stops the gradient at
    its source.
    """
    given = {(link.source, link.target): link.weight for link in parse(config.links, config.member_names())}
    pairs = [pair for pair in itertools.combinations(config.member_names(), 2) if {pair, pair[::-1]} & given.keys()]
    links: list[Link] = []
    for pair in pairs:
        # The distances of all pairs are averaged, the cross-entropies added up.
        symmetric = collaboration.links(cost, [pair]) or []
        mean_of = 1 if len(symmetric) == 2 else len(pairs)
        both = [given.get(each, 0.0) for each in (pair, pair[::-1])]
        if both[0] == both[1]:
            made = [dataclasses.replace(link, weight=weights(both[0]), mean_of=mean_of) for link in symmetric]
        else:
            made = [
                Link(*each, symmetric[0].cost, weights(weight), mean_of=mean_of)
                for each, weight in zip((pair, pair[::-1]), both, strict=True)
                if weight
            ]
        links += made
    return links


def optimizer(config: EnsembleConfig) -> Adam:
    """Adam, as in Noel (2017), section 5.2."""
    rates = config.rates()
    return Adam(rates=rates) if rates else Adam(config.single_rate)


def learning_rates(config: EnsembleConfig) -> dict[str, Rate]:
    """The learning rate is halved three times; if each member has its own, all at the same epochs."""

    def rate(initial: float) -> Rate:
        return Rate(lambda epoch: halving(initial, epoch + 1, config.epochs))

    rates = config.rates() or {"optimizer": config.single_rate}
    return {name: rate(initial) for name, initial in rates.items()}
