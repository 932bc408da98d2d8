"""MultiheadModel: heads of one network that learn from the labels and from the consensus of the others."""

from collections.abc import Sequence

import keras

from collab_ensembles.methods.multihead.head_graph import HeadGraph
from collab_ensembles.models.batch import refuse_weights
from collab_ensembles.models.model import Model
from collab_ensembles.models.steps import Objective, mean_cross_entropy
from collab_ensembles.tensor import Tensor


class MultiheadModel(Model):
    """Objective: the sum of the heads' losses, plus the weight decay once; Song and Chai (2018), sections 3.2 and 3.3.

    The loss of head h is beta J_hard + (1 - beta) T^2 J_soft: the cross-entropy with the label, and the cross-entropy
    with the softmax, at temperature T, of the mean of the other heads' logits. The loss of a single head is its
    cross-entropy.
    """

    def __init__(
        self,
        graph: HeadGraph,
        *,
        temperature: float = 2.0,
        beta: float = 0.5,
        rescale_losses: bool = False,
        alternating: bool = False,
        target_gradient: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        """Takes built heads.

        Args:
          graph: the heads; it was built with or without rescaling of gradients at its branchings.
          temperature: T, above 0.
          beta: the share of the labels, above 0 and at most 1.
          rescale_losses: divide each head's loss by the number of heads ("loss scaling" in table 3).
          alternating: one head after the other, each time with new predictions of all, instead of one step on
            the sum of the losses (table 2).
          target_gradient: let the gradient flow into the soft labels; the paper does not mention this.
          label_smoothing: the share of the label that is spread over all classes, from 0 to below 1.

        Raises:
          ValueError: a number is not allowed.
        """
        super().__init__(graph.heads)
        if temperature <= 0 or not 0 < beta <= 1 or not 0 <= label_smoothing < 1:
            raise ValueError(
                f"received temperature {temperature}, beta {beta}, label smoothing {label_smoothing}; allowed: above "
                "0, above 0 to 1, from 0 to below 1"
            )
        self._graph, self._network = graph, graph.network
        self._temperature, self._beta = temperature, beta
        self._loss_factor = 1 / len(graph.heads) if rescale_losses else 1.0
        self._alternating, self._target_gradient = alternating, target_gradient
        self._label_smoothing = label_smoothing

    def inference_network(self, name: str) -> keras.Model:
        """One head, by its name, as the target network; or all heads as one network.

        The training graph is removed, so that inference costs as much as in the target network (section 3.1).
        """
        if name == "ensemble":
            return super().inference_network(name)
        return self._graph.export(list(self.members).index(name))

    def logits(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The logits of every head; layers that heads share are computed once."""
        outputs = self._network(keras.ops.cast(images, "float32"), training=training)
        return [keras.ops.cast(output, "float32") for output in outputs.values()]

    def head_losses(self, labels: Tensor, logits: Sequence[Tensor]) -> list[Tensor]:
        """L(h) of every head, a scalar each, without weight decay: equation 3."""
        losses = [self._hard_loss(labels, head_logits) for head_logits in logits]
        if len(logits) > 1:
            losses = [
                self._beta * hard + (1 - self._beta) * self._temperature**2 * self._soft_loss(index, logits)
                for index, hard in enumerate(losses)
            ]
        return [self._loss_factor * loss for loss in losses]

    def _hard_loss(self, labels: Tensor, logits: Tensor) -> Tensor:
        if not self._label_smoothing:
            return mean_cross_entropy(labels, logits)
        one_hot = keras.ops.one_hot(labels, logits.shape[-1])
        return keras.ops.mean(
            keras.losses.categorical_crossentropy(
                one_hot, logits, from_logits=True, label_smoothing=self._label_smoothing
            )
        )

    def _soft_loss(self, head: int, logits: Sequence[Tensor]) -> Tensor:
        others = [head_logits for index, head_logits in enumerate(logits) if index != head]
        consensus = keras.ops.softmax(sum(others) / len(others) / self._temperature)
        if not self._target_gradient:
            consensus = keras.ops.stop_gradient(consensus)
        return keras.ops.mean(
            keras.losses.categorical_crossentropy(consensus, logits[head] / self._temperature, from_logits=True)
        )

    def objective(
        self, labels: Tensor, logits: Sequence[Tensor], sample_weight: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The sum of the heads' losses plus the decay of all variables, once; see `Model.objective`.

        Sample weights are refused.
        """
        refuse_weights(sample_weight)
        _, costs = super().objective(labels, logits)
        return sum(self.head_losses(labels, logits)) + sum(self._network.losses), costs

    def turns(self) -> list[tuple[Objective, list[keras.Variable]]]:
        """One objective for all heads at once, or one for each head after the other; see `Model.turns`."""
        if not self._alternating:
            return super().turns()

        def of_head(index: int, path: keras.Model) -> Objective:
            def objective(
                labels: Tensor, logits: Sequence[Tensor], sample_weight: Tensor | None = None
            ) -> tuple[Tensor, list[Tensor]]:
                refuse_weights(sample_weight)
                return self.head_losses(labels, logits)[index] + sum(path.losses), []

            return objective

        return [(of_head(*each), each[1].trainable_variables) for each in enumerate(self.members.values())]
