"""What a language is like: measures of the literature on emergent languages. NumPy and SciPy alone."""

from collections import Counter

import numpy as np
from scipy import stats
from scipy.spatial.distance import pdist


def frequencies(messages: np.ndarray) -> np.ndarray:
    """How often each message occurs, int64, the highest first; messages are integers up to 255, [examples, length]."""
    counts = Counter(map(bytes, messages.astype(np.uint8)))
    return np.array([count for _, count in counts.most_common()])


def entropy(counts: np.ndarray) -> float:
    """The entropy in bits of messages that occur so often.

    For messages that an image decides without chance it is I(X; S). Of n examples it is at most log2 n.
    """
    shares = counts / counts.sum()
    return float(-np.sum(shares * np.log2(shares)))


def topographic_similarity(images: np.ndarray, messages: np.ndarray) -> float:
    """Whether similar images have similar messages: Brighton and Kirby (2006).

    The rank correlation, over all pairs of examples, of the Euclidean distance of images and the Hamming distance of
    messages; 0 if all messages are equal.

    Args:
      images: numbers [examples, ...].
      messages: integers [examples, length].
    """
    of_messages = pdist(messages, "hamming")
    if of_messages.min() == of_messages.max():
        return 0.0
    of_images = pdist(images.reshape(len(images), -1).astype(np.float64))
    return float(stats.spearmanr(of_images, of_messages).statistic)


def class_shares(messages: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """How often the messages of a class have symbol 1 at each place, float64 [classes, length]; 0 without examples.

    Args:
      messages: integers 0 or 1, [examples, length].
      labels: integers [examples].
      classes: from 0 on, how many to show.
    """
    of_classes = [messages[labels == label] for label in range(classes)]
    return np.stack([each.mean(axis=0) if len(each) else np.zeros(messages.shape[1]) for each in of_classes])
