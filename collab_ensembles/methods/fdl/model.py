"""FeatureDifferenceModel: identical networks that learn to differ in the outputs of their convolutions."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from collab_ensembles.methods.fdl.options import JOINT, PHASES, are_allowed
from collab_ensembles.methods.fdl.recipes import RECIPES, Recipe
from collab_ensembles.models import collaboration
from collab_ensembles.models.batch import unweighted
from collab_ensembles.models.members import averages_kept
from collab_ensembles.models.model import Model
from collab_ensembles.models.steps import descend, mean_cross_entropy
from collab_ensembles.networks.features import with_features
from collab_ensembles.streams import Stream, generator
from collab_ensembles.tensor import Tensor

QUANTITIES = ("similarity_loss", "feature_difference")
"""Additional statistics of several members: means over all pairs, in every phase."""


class FeatureDifferenceModel(Model):
    """Identical networks that are trained in phases on each minibatch; Das and Dutta Roy (2022).

    Each phase has its own forward pass and its own optimizer, and starts from the weights of the phase before:

    - `cross_entropy`: each network on its own cross-entropy;
    - `similarity`: one pair of networks, drawn anew for each minibatch, on the square of the difference of their
      cross-entropies; the other networks do not change;
    - `feature_difference`: all networks on minus L_FDL, the mean over all pairs of the poster's loss. Only the weights
      that the features depend on change;
    - `head`: the ensemble head, a dense layer from the logits of all networks to the classes, on its cross-entropy; the
      networks run in inference mode and do not change. With a head, its logits are the logits of the ensemble.

    `joint` replaces the first three: the poster's single objective, -L_FDL + k S + k1 L_1 + k2 L_2, for two networks.

    A recipe says which epochs have which phases. It also says whether the head learns from each minibatch or has its
    own pass over the training examples. `pretraining` is plain training, like `cross_entropy`, with its own optimizer.

    The statistics are those of the first phase's forward pass: costs, errors, S and L_FDL before the step. Their `loss`
    is the objective of the first phase; in evaluation it is the sum of the costs.
    """

    def __init__(
        self,
        members: Mapping[str, keras.Model],
        phases: Sequence[str] = PHASES,
        *,
        head: keras.layers.Dense | None = None,
        recipe: Recipe = RECIPES["cifar"],
        k: float = 1.0,
        k1: float = 1.0,
        k2: float = 1.0,
        bn_updates: str = "every_phase",
        pretraining_epochs: int = 0,
        seed: int = 0,
    ) -> None:
        """Puts networks together.

        Args:
          members: networks of the same layers by name, differently initialised; at least two, or one with the phase
            `cross_entropy` alone.
          phases: `cross_entropy`, then any of the others in the order of `methods.fdl.options.PHASES`; or
            `joint`; or `joint` and `head`.
          head: the ensemble head, not built: a dense layer of as many units as there are classes.
          recipe: what the authors' scripts do, beyond the other arguments.
          k: the weight of the similarity loss in the single objective.
          k1: that of the first network's cross-entropy.
          k2: that of the second network's.
          bn_updates: `every_phase`: batch normalisation updates its moving averages in each forward pass in training
            mode; `once`: only in the first phase. In both cases the phases normalise by the minibatch.
          pretraining_epochs: the number of epochs of plain training at the beginning, without k1 and k2; see
            `begin_epoch`.
          seed: the seed of the random pairs.

        Raises:
          ValueError: phases and members do not fit, or there is a phase `head` but no head.
        """
        super().__init__(members, further=QUANTITIES if len(members) > 1 else ())
        _check(tuple(phases), list(members), head)
        self._phases, self._pretraining_epochs = tuple(phases), pretraining_epochs
        self._recipe, self._active = recipe, self._phases
        has_own = pretraining_epochs > 0 and recipe.pretraining != "first_phase"
        self._optimized = (*(["pretraining"] if has_own else []), *self._phases)
        self._weights = k, (k1, k2)
        self._bn_updates, self._seed = bn_updates, seed
        self._pairs = collaboration.pairs(len(members), "all")
        self._networks = [with_features(member) for member in members.values()]
        self._feature_networks = [keras.Model(network.inputs, network.outputs[1:]) for network in self._networks]
        if head is not None and "head" in phases:
            head.build((None, sum(member.output_shape[-1] for member in members.values())))
            self.head = head
        self._optimizers: dict[str, keras.Optimizer] = {}
        # The epoch's seed and the step in the epoch. In 64 bits: TensorFlow keeps variables of 32-bit integers off the
        # GPU, where XLA cannot reach them.
        self._pair_seed = keras.Variable([0, 0], dtype="int64", trainable=False, name="pair_seed")
        self.begin_epoch(0)

    def compile(self, optimizer: Mapping[str, keras.Optimizer] | None = None, **options: Any) -> None:
        """Gives each phase its optimizer, built for the variables that it trains; see `Model.compile`.

        Raises:
          ValueError: optimizers are given, but not one for each phase (and for pre-training, if it has its own).
        """
        optimizers = dict(optimizer or {})
        if optimizers and set(optimizers) != set(self._optimized):
            raise ValueError(f"received optimizers for {', '.join(optimizers)}; needed: {', '.join(self._optimized)}")
        super().compile(**options)
        self._optimizers = {phase: optimizers[phase] for phase in self._optimized if optimizers}
        for phase, its_optimizer in self._optimizers.items():
            its_optimizer.build(self.variables_of(phase))

    def optimizers(self) -> dict[str, keras.Optimizer]:
        """The optimizers by phase; the model must be compiled for training."""
        return dict(self._optimizers)

    def variables_of(self, phase: str) -> list[keras.Variable]:
        """The variables that a phase trains; for `similarity` those of all pairs."""
        if phase == "head" and self.head is not None:
            return list(self.head.trainable_variables)
        networks = self._feature_networks if phase == "feature_difference" else self._networks
        return [variable for network in networks for variable in network.trainable_variables]

    def training_variables(self) -> dict[str, keras.Variable]:
        """The variables of members, head and optimizers; the pairs follow from the epoch and need no variable."""
        head = {f"{self.head.name}/{variable.name}": variable for variable in self.head.variables} if self.head else {}
        return {**super().training_variables(), **head}

    def begin_epoch(self, epoch: int) -> None:
        """Decides the epoch's phases and random pairs; call it before each epoch, also after a restart."""
        phases = self._recipe.phases_of(epoch, self._phases, self._pretraining_epochs)
        changed, self._active = phases != self._active, phases
        if changed and self.train_function is not None:
            # The traced step has the phases of the epoch before. `fit` looks the step up again each time.
            self.make_train_function(force=True)
        if self._recipe.fresh_momentum:
            for phase in set(phases) & set(self._optimizers) - {"pretraining"}:
                for momentum in self._optimizers[phase].momentums:
                    momentum.assign(keras.ops.zeros_like(momentum))
        self._pair_seed.assign([int(generator(self._seed, Stream.PAIRS, epoch).integers(2**62)), 0])

    def logits_and_features(self, images: Tensor, training: bool = False) -> tuple[list[Tensor], list[list[Tensor]]]:
        """The logits of every member, [batch, classes], and its features, [batch, height, width, filters]; float32."""
        images = keras.ops.cast(images, "float32")
        outputs = [network(images, training=training) for network in self._networks]
        outputs = [[keras.ops.cast(each, "float32") for each in member_outputs] for member_outputs in outputs]
        return [logits for logits, *_ in outputs], [features for _, *features in outputs]

    def train_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Runs all phases of the epoch, one after the other, on one minibatch."""
        images, labels = unweighted(data)
        statistics = self.first_phase(images, labels)
        passes_update = self._bn_updates == "every_phase" or not {"similarity", "feature_difference"} & set(
            self._active
        )
        # With `once`, only the first phase updates moving averages.
        with contextlib.nullcontext() if passes_update else averages_kept(self.members):
            if "similarity" in self._active:
                self.similarity_phase(images, labels)
            if "feature_difference" in self._active:
                self.feature_difference_phase(images)
        if "head" in self._active and not self._recipe.head_pass:
            self.head_phase(images, labels)
        return statistics

    def callbacks(self, batches: tf.data.Dataset) -> list[keras.callbacks.Callback]:
        """Trains the head on the epoch's batches, if the recipe says so. This happens when the epoch's test begins."""
        if self.head is None or not self._recipe.head_pass:
            return []
        head_pass = tf.function(self._head_pass)

        def begin_test(logs: Any = None) -> None:
            if "head" in self._active:
                head_pass(batches)

        return [keras.callbacks.LambdaCallback(on_test_begin=begin_test)]

    def _head_pass(self, batches: tf.data.Dataset) -> None:
        for batch in batches:
            self.head_phase(*unweighted(batch))

    def test_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The statistics of one batch, with batch normalisation in inference mode."""
        images, labels = unweighted(data)
        logits, features = self.logits_and_features(images)
        total, costs = self.objective(labels, logits)
        return self.record(labels, logits, total, costs, self._quantities(labels, logits, features))

    def first_phase(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """One step of all members on the sum of their costs, or on the single objective; gives the statistics."""
        with tf.GradientTape() as tape:
            logits, features = self.logits_and_features(images, training=True)
            total, costs = self.objective(labels, logits)
            quantities = self._quantities(labels, logits, features)
            if JOINT in self._active:
                similarity, difference = quantities
                k, weights = self._weights
                total = k * similarity - difference
                total = total + sum(weight * cost for weight, cost in zip(weights, costs, strict=True))
        optimizer = self._optimizers["pretraining" if "pretraining" in self._active else self._phases[0]]
        descend(optimizer, tape, total, self.variables_of("cross_entropy"))
        return self.record(labels, logits, total, costs, quantities)

    def similarity_phase(self, images: Tensor, labels: Tensor) -> None:
        """One step of one pair of members towards equal cross-entropies."""
        steps = [functools.partial(self._similarity_step, images, labels, pair) for pair in self._pairs]
        if len(steps) == 1:
            steps[0]()
        else:
            tf.switch_case(self.next_pair(), steps)

    def feature_difference_phase(self, images: Tensor) -> None:
        """One step of all members towards different features."""
        with tf.GradientTape() as tape:
            # The whole networks, as in the other phases: with `every_phase`, all their moving averages are updated.
            _, features = self.logits_and_features(images, training=True)
            loss = -feature_difference(features, self._pairs)
        descend(self._optimizers["feature_difference"], tape, loss, self.variables_of("feature_difference"))

    def head_phase(self, images: Tensor, labels: Tensor) -> None:
        """One step of the ensemble head."""
        logits = self.logits(images)
        with tf.GradientTape() as tape:
            cost = mean_cross_entropy(labels, self.ensemble_logits(logits))
        descend(self._optimizers["head"], tape, cost, self.variables_of("head"))

    def next_pair(self) -> Tensor:
        """The index of the pair to train, int32 []: a function of the seed, the epoch and the step in the epoch."""
        seed = self._pair_seed.assign_add([0, 1])
        return tf.random.stateless_uniform((), seed, 0, len(self._pairs), tf.int32, alg="philox")

    def _similarity_step(self, images: Tensor, labels: Tensor, pair: tuple[int, int]) -> Tensor:
        members = [list(self.members.values())[index] for index in pair]
        images = keras.ops.cast(images, "float32")
        if self._bn_updates == "every_phase":
            for index, member in enumerate(self.members.values()):
                if index not in pair:
                    # To update the moving averages: the published code runs all networks forward.
                    member(images, training=True)
        with tf.GradientTape() as tape:
            costs = [mean_cross_entropy(labels, member(images, training=True)) for member in members]
            loss = similarity_loss(costs, [(0, 1)])
        variables = [variable for member in members for variable in member.trainable_variables]
        descend(self._optimizers["similarity"], tape, loss, variables)
        return loss

    def _quantities(
        self, labels: Tensor, logits: Sequence[Tensor], features: Sequence[Sequence[Tensor]]
    ) -> list[Tensor]:
        """The statistics in `QUANTITIES`, scalars; none for a single member."""
        if not self._pairs:
            return []
        costs = [mean_cross_entropy(labels, each) for each in logits]
        return [similarity_loss(costs, self._pairs), feature_difference(features, self._pairs)]


def similarity_loss(costs: Sequence[Tensor], pairs: Sequence[tuple[int, int]]) -> Tensor:
    """S = (L_i - L_j)^2 of the poster, the mean over pairs of networks; a scalar, like each of the costs."""
    return keras.ops.mean(keras.ops.stack([keras.ops.square(costs[i] - costs[j]) for i, j in pairs]))


def feature_difference(features: Sequence[Sequence[Tensor]], pairs: Sequence[tuple[int, int]]) -> Tensor:
    """L_FDL of the poster, the mean over pairs of networks; a scalar.

    Args:
      features: for each network the features of all D layers, float32 [batch, height, width, channels]; the loss is the
        mean over the layers of the mean squared difference.
      pairs: the networks to compare.
    """
    differences = [
        keras.ops.mean(keras.ops.square(a - b)) for i, j in pairs for a, b in zip(features[i], features[j], strict=True)
    ]
    return keras.ops.mean(keras.ops.stack(differences))


def _check(phases: tuple[str, ...], members: list[str], head: keras.layers.Dense | None) -> None:
    if not are_allowed(phases):
        raise ValueError(f"received phases {phases}; allowed: the first and any of {PHASES}, {JOINT}, or {JOINT}, head")
    if len(members) == 1 and phases != ("cross_entropy",):
        raise ValueError(f"received one member, {members}, and phases {phases}; allowed for one member: cross_entropy")
    if JOINT in phases and len(members) != 2:
        raise ValueError(f"received members {members}; needed for the single objective: two")
    if "head" in phases and head is None:
        raise ValueError("received no head; the phase head needs one")
