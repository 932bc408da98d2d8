"""How the weights of collaboration costs change over a training, as shares of their full values."""

import math

SCHEDULES = ("constant", "linear", "cosine", "ramp_up", "ramp_down", "step")


def share(schedule: str, epoch: int, start: int, end: int) -> float:
    """The share of the full weight in an epoch, from 0 to 1.

    With T = (epoch - start) / (end - start), limited to 0 and 1:

      constant: 1.
      linear: T; the weight rises from 0.
      cosine: (1 + cos(pi T)) / 2; it falls to 0.
      ramp_up: exp(-5 (1 - T)^2), and ramp_down: exp(-12.5 T^2), as in Laine and Aila, "Temporal ensembling for
        semi-supervised learning", ICLR 2017, section 3.
      step: 1 from `start` to before `end`, otherwise 0.

    Args:
      schedule: one of SCHEDULES.
      epoch: counted from 0.
      start: the epoch at which the change begins.
      end: the epoch at which it ends, after `start`.
    """
    t = min(max((epoch - start) / (end - start), 0.0), 1.0)
    shares = {
        "constant": 1.0,
        "linear": t,
        "cosine": (1 + math.cos(math.pi * t)) / 2,
        "ramp_up": math.exp(-5 * (1 - t) ** 2),
        "ramp_down": math.exp(-12.5 * t**2),
        "step": 1.0 if start <= epoch < end else 0.0,
    }
    return shares[schedule]
