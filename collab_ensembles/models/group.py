"""Group: named members with one prediction, without their training."""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from collab_ensembles import environment
from collab_ensembles.machine import TENSORFLOW
from collab_ensembles.models.averaging import average
from collab_ensembles.models.members import check as check_members
from collab_ensembles.networks.joined import joined
from collab_ensembles.networks.own import BY_PLACE
from collab_ensembles.tensor import Tensor

_MANY = 500
"""Images of a batch where nothing depends on its size."""


class Group(keras.Model):
    """Named members and the ensemble's prediction. `models.model.Model` trains them.

    `model(images)` and `predict` give the logits of `answer`, [batch, classes]; `logits` gives those of each member.

    Attributes:
      members: the networks by name, in order; each maps float32 examples, such as images [batch, height, width,
        channels], to logits [batch, classes].
      statistics_names: the outputs whose statistics are recorded: the members, then `ensemble` if there are several.
      averaging: the ensemble's prediction is the mean of the members' `logits` or, with `softmax`, of their
        probabilities.
      head: a layer that computes the ensemble's logits from those of all members, in place of an average; or None.
    """

    averaging: str
    head: keras.layers.Dense | None

    def __init__(self, members: Mapping[str, keras.Model]) -> None:
        """Takes built members.

        Raises:
          ConfigError: Keras' settings for numbers are not its defaults.
          ValueError: there is no member, one is named `ensemble`, or one is not a built classifier with one input; see
            `models.members`.
        """
        environment.check_keras_numbers()
        super().__init__()
        self.averaging, self.head = "logits", None
        check_members(members)
        self.members = dict(members)
        self.statistics_names = [*members, "ensemble"] if len(members) > 1 else list(members)
        self.built = True

    @property
    def answer(self) -> str:
        """The name of the output that the group answers with: `ensemble`, or the only member."""
        return self.statistics_names[-1]

    @property
    def averages(self) -> bool:
        """Whether the ensemble's prediction is the mean that `averaging` names."""
        return len(self.members) > 1 and self.head is None

    def logits(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The logits of every member, float32 [batch, classes] each, for a batch of images."""
        images = keras.ops.cast(images, "float32")
        return [keras.ops.cast(member(images, training=training), "float32") for member in self.members.values()]

    def output_logits(self, images: np.ndarray) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Of many images, in batches: their places, and the logits [batch, classes] of each output, as `with_ensemble`.

        More than one batch is traced, and compiled by XLA if training steps are; one would cost less than its tracing.
        """
        compute: Callable[[Tensor], list[Tensor]] = self.logits
        if len(images) > _MANY and keras.config.backend() == TENSORFLOW:
            import tensorflow as tf

            compiled = self.jit_compile or None
            compute = tf.function(self.logits, autograph=False, reduce_retracing=True, jit_compile=compiled)
        for start in range(0, len(images), _MANY):
            rows = slice(start, start + _MANY)
            yield rows, self.with_ensemble([np.asarray(output) for output in compute(images[rows])])

    def with_ensemble(self, logits: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Of the members' logits [batch, classes], those of each of `statistics_names`."""
        together = [np.asarray(self.ensemble_logits(logits))] if len(logits) > 1 else []
        return dict(zip(self.statistics_names, [*logits, *together], strict=True))

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        """The logits of the answer, float32 [batch, classes]."""
        return self.answer_logits(self.logits(images, training=training))

    def answer_logits(self, logits: Sequence[Tensor]) -> Tensor:
        """Of the members' logits, float32 [batch, classes] each, those of `answer`."""
        return self.together(logits)

    def ensemble_logits(self, logits: Sequence[Tensor]) -> Tensor:
        """The ensemble's prediction, [batch, classes]: the head's logits, or an average of the members' outputs."""
        if self.head is None:
            return average(logits, self.averaging)
        return self.head(keras.ops.concatenate(logits, axis=-1))

    def together(self, logits: Sequence[Tensor]) -> Tensor:
        """Of the members' logits, float32 [batch, classes] each, the ensemble's, or those of the only member."""
        return self.ensemble_logits(logits) if len(logits) > 1 else logits[0]

    def member_variables(self) -> dict[str, keras.Variable]:
        """All variables of the members, trained or not, by permanent names; those that members share once."""
        variables: dict[str, keras.Variable] = {}
        for name, member in self.members.items():
            known = {id(variable) for variable in variables.values()}
            by_place = getattr(member, BY_PLACE, False)
            for place, variable in enumerate(member.variables):
                key = f"{name}/{place if by_place else variable.path}"
                if id(variable) not in known:
                    # Equal networks within a member have variables of equal paths.
                    variables[_unused(key, variables)] = variable
        return variables

    def inference_names(self) -> list[str]:
        """The arguments of `inference_network`: members, and `ensemble` if there are several."""
        return list(self.statistics_names)

    def inference_network(self, name: str) -> keras.Model:
        """A member as a separate network, without the parts that only training needs; or all members as one network.

        In that one, networks have the names of their members: Keras allows no two layers of one name.
        """
        if name != "ensemble":
            return self.members[name]
        networks = {each: self.inference_network(each) for each in self.inference_names() if each != name}
        return joined(networks, name, self.head, self.averaging)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, for models that can be saved as a whole.

        Raises:
          NotImplementedError: this one cannot.
        """
        raise NotImplementedError(
            f"a {type(self).__name__} cannot be saved as a whole; save only its weights (save_weights_only=True), or "
            "one output: model.inference_network(name).save(path)"
        )


def _unused(key: str, taken: Collection[str]) -> str:
    numbered = (f"{key}#{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([key], numbered) if each not in taken)
