"""What is recorded of a language after each epoch, on the validation part."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from collab_ensembles.methods.language import measures
from collab_ensembles.methods.language.messages import symbols
from collab_ensembles.tensor import Tensor

MOST_CLASSES = 10
"""The messages of so many classes are recorded."""

_OF_AGENT = ("validation_error", "information", "message_entropy", "distinct_messages", "topographic_similarity")
_OF_BOTH = ("surprise", "agreement")

_PAIRED = 500
"""Of so many images all pairs are compared."""


class Seen(NamedTuple):
    """What is seen of an agent on images.

    Attributes:
      logits: of the classes, [examples, classes].
      symbol_logits: of the symbols, [examples, length, vocabulary].
      information: the discriminator's bound on I(X; S) in bits, [].
    """

    logits: Tensor
    symbol_logits: Tensor
    information: Tensor


def names(agents: Sequence[str], classes: int, length: int) -> list[str]:
    """The names of all quantities.

    Of each agent: `validation_error` (a fraction), `information`, the discriminator's bound on I(X; S) with the
    messages of training; and of the most probable messages `message_entropy` (both in bits), `distinct_messages` and
    `topographic_similarity`, see `measures`. Of both: `surprise`, the bits that the student needs for the teacher's
    message, -log2 p(s_A | x_B); `agreement`, the share of equal symbols. And how often the student has symbol 1 at
    each place when it speaks of a class.
    """
    of_agents = [f"{agent}_{quantity}" for agent in agents for quantity in _OF_AGENT]
    return [*of_agents, *_OF_BOTH, *(share_name(each, place) for each in range(classes) for place in range(length))]


def share_name(label: int, place: int) -> str:
    """The name of the share of symbol 1 at a place in the student's messages on a class; both from 0."""
    return f"class_{label}_symbol_{place}"


def quantities(seen: dict[str, Seen], images: np.ndarray, labels: np.ndarray, classes: int) -> dict[str, float]:
    """All quantities by name.

    Args:
      seen: by agent, the teacher first.
      images: the images, [examples, height, width, channels].
      labels: int32 [examples].
      classes: how many to record messages of.
    """
    result: dict[str, float] = {}
    messages = {}
    for name, each in seen.items():
        own = messages[name] = np.asarray(symbols(each.symbol_logits))
        counts = measures.frequencies(own)
        values = (
            np.mean(np.argmax(each.logits, axis=-1) != labels),
            each.information,
            measures.entropy(counts),
            len(counts),
            measures.topographic_similarity(images[:_PAIRED], own[:_PAIRED]),
        )
        result |= {f"{name}_{quantity}": float(value) for quantity, value in zip(_OF_AGENT, values, strict=True)}
    teacher, student = messages.values()
    *_, of_student = seen.values()
    result |= {
        "surprise": _surprise(of_student.symbol_logits, teacher),
        "agreement": float(np.mean(teacher == student)),
    }
    shares = measures.class_shares(student, labels, classes)
    return result | {share_name(*place): float(share) for place, share in np.ndenumerate(shares)}


def _surprise(symbol_logits: Tensor, message: np.ndarray) -> float:
    """The mean of -log2 of the probability of messages, integers [examples, length]."""
    logarithms = np.asarray(keras.ops.log_softmax(symbol_logits, axis=-1), np.float64)
    own = np.take_along_axis(logarithms, message[..., None], axis=-1)
    return float(-own.sum(axis=(1, 2)).mean() / np.log(2))
