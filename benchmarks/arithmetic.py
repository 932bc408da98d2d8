"""The arithmetic limit: operations of a training step over the machine's rate of matrix products.

Run as `python -m benchmarks.arithmetic bfloat16` it prints the rate of one thread in FLOP a second.
"""

import math
import sys
import time

from collab_ensembles.networks.sizes import ResNetSize, parse_size


def step_flop(members: tuple[str, ...], image_shape: tuple[int, int, int]) -> int:
    """Floating-point operations of a training step for one image.

    Convolutions alone, a multiplication and an addition counted as two: forward, gradient with
    respect to the kernel and, but for the first convolution, gradient with respect to the input.
    """
    return sum(_network_flop(parse_size(member), image_shape) for member in members)


def _network_flop(size: ResNetSize, image_shape: tuple[int, int, int]) -> int:
    height, width, channels = image_shape
    pixels, filters = height * width, size.filters
    total = 2 * _convolution(pixels, 3, channels, filters)
    for brick in range(size.bricks):
        total += 3 * 2 * size.repetitions * _convolution(pixels, 3, filters, filters)
        if brick < size.bricks - 1:
            pixels //= 4
            main = _convolution(pixels, 3, filters, 2 * filters) + _convolution(pixels, 3, 2 * filters, 2 * filters)
            total += 3 * (main + _convolution(pixels, 2, filters, 2 * filters))
            filters *= 2
    return total


def _convolution(pixels: int, width: int, inputs: int, outputs: int) -> int:
    return 2 * pixels * width**2 * inputs * outputs


def matrix_rate(dtype: str, size: int = 1024, seconds: float = 2.0) -> float:
    """FLOP a second of square matrix products on one thread: the best of many."""
    from experiments import runtime

    runtime.start_tensorflow(1)
    import tensorflow as tf

    a = tf.cast(tf.random.normal((size, size)), dtype)
    product = tf.function(lambda: tf.linalg.matmul(a, a))
    product()
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        product().numpy()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


if __name__ == "__main__":
    print(matrix_rate(sys.argv[1]))
