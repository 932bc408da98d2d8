"""Two networks of your own learn together, with and without a collaboration cost.

Example:
  python -m examples.two_networks
"""

from typing import Any

import keras
from sklearn.datasets import load_digits

import collab_ensembles as ce


def network(width: int) -> keras.Model:
    """A network with one hidden layer; its last layer gives logits."""
    keras.utils.set_random_seed(width)
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Rescaling(1 / 16),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dense(10),
        ]
    )


def main() -> None:
    """Trains both ensembles on scikit-learn's digits, and compares their test errors."""
    x, y = load_digits(return_X_y=True)
    for cost in (None, ce.squared_distance):
        options: dict[str, Any] = {} if cost is None else {"collaboration_cost": cost, "weight": 0.01}
        model = ce.EnsembleModel({"small": network(8), "large": network(64)}, **options)
        model.compile(keras.optimizers.Adam(0.01))
        model.fit(x[:1437], y[:1437], batch_size=64, epochs=10, verbose=0)
        errors = model.evaluate(x[1437:], y[1437:], verbose=0, return_dict=True)
        named = ", ".join(f"{name} {100 * errors[f'{name}_error']:.1f} %" for name in model.statistics_names)
        print(f"{'plain' if cost is None else 'collaborating':14s} test errors: {named}")


if __name__ == "__main__":
    main()
