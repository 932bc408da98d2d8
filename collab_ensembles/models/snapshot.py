"""SnapshotModel: one network at the ends of several learning-rate cycles, as an ensemble."""

import functools
import math
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from collab_ensembles import schedule
from collab_ensembles.models.model import Model, descend, mean_cross_entropy
from collab_ensembles.tensor import Tensor


class SnapshotModel(Model):
    """Members that are trained one after the other, each from where the one before ended; Huang et al. (2017).

    The E epochs fall into M cycles of ceil(E / M), the last perhaps shorter. The one network that is trained is a
    member in each: at the first epoch of its cycle a member takes over the weights of the one before, batch
    normalisation's averages with them, and afterwards it is the only one that changes. The optimizer's moments are
    kept for each variable, so that each cycle begins with new ones.

    A member whose cycle has not come stands for the network as it is now. It costs no forward pass: in evaluation its
    logits are those of the member in training, and so in the disagreement, a mean over all pairs, they do not differ.
    The ensemble is the mean of the logits of the members up to that one. The training statistics are those of the
    network in training, under every name: no other sees those examples.
    """

    def __init__(self, members: Mapping[str, keras.Model], epochs: int) -> None:
        """Puts snapshots together.

        Args:
          members: M networks of the same layers by name, one a cycle, in order. What any but the first begins with
            does not matter.
          epochs: E, the length of the whole training.

        Raises:
          ValueError: with cycles of ceil(E / M) epochs, some members would never be trained.
        """
        super().__init__(members)
        self._cycle_length = schedule.cycle_length(epochs, len(members))
        if self._cycle_length * (len(members) - 1) >= epochs:
            raise ValueError(
                f"received {len(members)} members and {epochs} epochs; in cycles of {self._cycle_length} epochs, "
                f"{math.ceil(epochs / self._cycle_length)} members fill them"
            )
        # 64 bits, since XLA cannot reach variables of 32-bit integers on a GPU: TensorFlow keeps them on the CPU.
        self._cycle = keras.Variable(0, dtype="int64", trainable=False, name="cycle")

    def begin_epoch(self, epoch: int) -> None:
        """Moves on to the epoch's member; to be called before each epoch, whichever comes first."""
        cycle, epoch_in_cycle = divmod(epoch, self._cycle_length)
        if cycle > 0 and epoch_in_cycle == 0:
            before, member = list(self.members.values())[cycle - 1 : cycle + 1]
            for source, target in zip(before.variables, member.variables, strict=True):
                target.assign(source)
        self._cycle.assign(cycle)

    def training_variables(self) -> dict[str, keras.Variable]:
        """Those of any model, and the cycle, which says which members are trained."""
        return {**super().training_variables(), "cycle": self._cycle}

    def inference_names(self) -> list[str]:
        """The ensemble of the snapshots so far, if there are several, and those, the last one first."""
        trained = list(self.members)[: int(self._cycle) + 1]
        return [*reversed(trained), *(["ensemble"] if len(trained) > 1 else [])]

    def logits(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The logits of every member, float32 [batch, classes] each; later members give those of the last trained."""
        members = list(self.members.values())
        logits = [_logits(members[0], images, training)]
        for index, member in enumerate(members[1:], start=1):
            own = functools.partial(_logits, member, images, training)
            logits.append(tf.cond(self._trained() > index, own, functools.partial(tf.identity, logits[-1])))
        return logits

    def ensemble_logits(self, logits: Sequence[Tensor]) -> Tensor:
        """The mean of the logits of the members trained so far, [batch, classes]."""
        is_trained = tf.reshape(tf.range(len(logits)) < self._trained(), (-1, 1, 1))
        # Not as a product of matrices, which some GPUs compute in fewer bits.
        total = tf.reduce_sum(tf.where(is_trained, tf.stack(logits), 0.0), axis=0)
        return total / tf.cast(self._trained(), "float32")

    def train_step(self, data: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """One step of the optimizer on the variables of the cycle's member."""
        steps = [functools.partial(self._member_step, index, *data) for index in range(len(self.members))]
        logits, cost = tf.switch_case(self._trained() - 1, steps)
        return self._record(data[1], [logits] * len(steps), cost, [cost] * len(steps))

    def _member_step(self, index: int, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Gives the member's logits [batch, classes] and cost before the step."""
        member = list(self.members.values())[index]
        with tf.GradientTape() as tape:
            logits = _logits(member, images, training=True)
            cost = mean_cross_entropy(labels, logits) + sum(member.losses)
        descend(self.optimizer, tape, cost, member.trainable_variables)
        return logits, cost

    def _trained(self) -> Tensor:
        """How many members are trained or in training, int32 []."""
        return tf.cast(tf.convert_to_tensor(self._cycle), "int32") + 1


def _logits(member: keras.Model, images: Tensor, training: bool) -> Tensor:
    images = keras.ops.cast(images, "float32")
    return keras.ops.cast(member(images, training=training), "float32")
