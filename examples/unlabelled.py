"""Few labels, and collaboration on images without labels: settings of a run, and what it learns from.

Example:
  python -m examples.unlabelled
"""

import os
import tempfile
from typing import Any

import collab_ensembles as ce

SETTINGS: dict[str, Any] = {
    "members": ("mlp16-16", "mlp32-32"),
    "train_limit": 100,
    "batch_size": 20,
    "learning_rate": 0.01,
    "epochs": 40,
    "method": "CE",
}


def main() -> None:
    """Trains two runs in a temporary directory, and asks both about the first test images."""
    data = ce.load_data("digits")
    with tempfile.TemporaryDirectory() as directory:
        for unlabelled in ("none", "rest"):
            run_directory = os.path.join(directory, unlabelled)
            status = ce.run(ce.RunConfig(**{**SETTINGS, "unlabelled": unlabelled}), run_directory)
            predictions = ce.load(run_directory).predict(data.test_images[:8])
            print(f"--unlabelled={unlabelled}: test error {100 * status.test_errors['ensemble']:.1f} %")
            print(f"  answers {predictions.classes.tolist()}, labels {data.test_labels[:8].tolist()}")


if __name__ == "__main__":
    main()
