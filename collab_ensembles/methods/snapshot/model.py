"""SnapshotModel: one network at several moments of its training, as an ensemble."""

import bisect
import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.models.averaging import average_of_first
from collab_ensembles.models.batch import unweighted
from collab_ensembles.models.model import Model
from collab_ensembles.models.steps import descend, mean_cross_entropy
from collab_ensembles.tensor import Tensor


class SnapshotModel(Model):
    """Members that are trained one after the other; each starts from the weights of the one before.

    Snapshot ensembles, Huang et al. (2017), and fast geometric ensembles, Garipov et al. (2018). One network is
    trained, and each member in turn is this network: at its first epoch a member copies the weights and the averages of
    batch normalisation of the member before; after that only this member changes. The optimizer keeps momenta for each
    variable, so that each member starts with new ones, unless it copies them too.

    A member that is not trained yet has the logits of the member in training. So it needs no forward pass, and the two
    do not differ in the disagreement, a mean over all pairs. The ensemble is the average of the members up to the one
    in training. The training statistics under every name are those of the member in training: only it sees those
    examples.
    """

    def __init__(
        self,
        members: Mapping[str, keras.Model],
        starts: Sequence[int],
        *,
        averaging: str = "softmax",
        keep_momentum: bool = False,
    ) -> None:
        """Puts snapshots together.

        Args:
          members: networks of the same layers by name, in the order of their training. The initial weights matter for
            the first only.
          starts: the first epoch of each member's training, from 0, in ascending order.
          averaging: see `Group`.
          keep_momentum: whether a member copies the optimizer's momenta with the weights.

        Raises:
          ValueError: the starts do not train every member in this order.
        """
        super().__init__(members)
        self.averaging, self._keep_momentum = averaging, keep_momentum
        self._starts = list(starts)
        if len(starts) != len(members) or self._starts != sorted({0, *starts}):
            raise ValueError(
                f"received {len(members)} members and trainings that begin at epochs {', '.join(map(str, starts))}; "
                "needed: one start for each member, the first 0, in ascending order"
            )
        # 64 bits, since XLA cannot reach variables of 32-bit integers on a GPU: TensorFlow keeps them on the CPU.
        self._cycle = keras.Variable(0, dtype="int64", trainable=False, name="cycle")

    def begin_epoch(self, epoch: int) -> None:
        """Switches to the epoch's member; call it before each epoch, also after a restart."""
        cycle = bisect.bisect_right(self._starts, epoch) - 1
        if cycle > 0 and epoch == self._starts[cycle]:
            before, member = list(self.members.values())[cycle - 1 : cycle + 1]
            for source, target in zip(before.variables, member.variables, strict=True):
                target.assign(source)
            if self._keep_momentum:
                self.optimizer.take_over(before.trainable_variables, member.trainable_variables)
        self._cycle.assign(cycle)

    def training_variables(self) -> dict[str, keras.Variable]:
        """The variables of any model, and as `cycle` the number of the member in training, from 0."""
        return {**super().training_variables(), "cycle": self._cycle}

    def inference_names(self) -> list[str]:
        """The snapshots so far, the last one first, and their ensemble if there are several."""
        trained = list(self.members)[: int(self._cycle) + 1]
        return [*reversed(trained), *(["ensemble"] if len(trained) > 1 else [])]

    @property
    def answer(self) -> str:
        """The ensemble of the snapshots so far, or the only one."""
        return self.inference_names()[-1]

    def with_ensemble(self, logits: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Of the members' logits [batch, classes], those of the snapshots so far and of their ensemble."""
        known, trained = super().with_ensemble(logits), self.inference_names()
        return {name: own for name, own in known.items() if name in trained}

    def logits(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The logits of every member, float32 [batch, classes] each; untrained members repeat the last trained one."""
        members = list(self.members.values())
        logits = [_logits(members[0], images, training)]
        for index, member in enumerate(members[1:], start=1):
            own = functools.partial(_logits, member, images, training)
            logits.append(tf.cond(self._trained() > index, own, functools.partial(tf.identity, logits[-1])))
        return logits

    def ensemble_logits(self, logits: Sequence[Tensor]) -> Tensor:
        """The average of the members trained so far, [batch, classes]."""
        return average_of_first(logits, self._trained(), self.averaging)

    def train_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """One step of the optimizer on the variables of the member in training."""
        images, labels = unweighted(data)
        steps = [functools.partial(self._member_step, index, images, labels) for index in range(len(self.members))]
        logits, cost = tf.switch_case(self._trained() - 1, steps)
        return self.record(labels, [logits] * len(steps), cost, [cost] * len(steps))

    def _member_step(self, index: int, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Trains one member; returns its logits [batch, classes] and its cost before the step."""
        member = list(self.members.values())[index]
        with tf.GradientTape() as tape:
            logits = _logits(member, images, training=True)
            cost = mean_cross_entropy(labels, logits) + sum(member.losses)
        descend(self.optimizer, tape, cost, member.trainable_variables)
        return logits, cost

    def _trained(self) -> Tensor:
        """The number of members that are trained or in training, int32 []."""
        return tf.cast(tf.convert_to_tensor(self._cycle), "int32") + 1


def _logits(member: keras.Model, images: Tensor, training: bool) -> Tensor:
    images = keras.ops.cast(images, "float32")
    return keras.ops.cast(member(images, training=training), "float32")
