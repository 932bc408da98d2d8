"""The mutual information of images and messages, from the scores of a discriminator; section 4.2.2.3.

A discriminator tells pairs of an image and its message from pairs of an image and the message of another one. The score
of the best one is log p(x, s) / (p(x) p(s)), whose mean over pairs that belong together is I(X; S), equation 4.2.1.
"""

import math

import keras

from collab_ensembles.tensor import Tensor


def discrimination_cost(together: Tensor, apart: Tensor) -> Tensor:
    """The cost of the discriminator of a GAN, -R_info: -mean log D(x, s) - mean log(1 - D(x, s')).

    Generator and discriminator both lower it: the more a message says of its image, the lower it can be.

    Args:
      together: scores (logits of D) of images with their own messages, float32 [pairs].
      apart: of images with messages of other images, float32 [other pairs].
    """
    return keras.ops.mean(keras.ops.softplus(-together)) + keras.ops.mean(keras.ops.softplus(apart))


def information_bound(together: Tensor, apart: Tensor) -> Tensor:
    """The bound of Donsker and Varadhan on I(X; S), in bits, from the same scores: mean T - log mean exp T'.

    With means over all pairs it is at most I(X; S), and equal to it for the scores of the best discriminator. From a
    sample of pairs it may lie above by chance. Belghazi et al. (2018) train a discriminator on it.
    """
    count = keras.ops.cast(keras.ops.shape(apart)[0], "float32")
    nats = keras.ops.mean(together) - (keras.ops.logsumexp(apart) - keras.ops.log(count))
    return nats / math.log(2)
