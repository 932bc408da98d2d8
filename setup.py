"""Packaging: the dependencies of the project and their tested versions."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="collab-ensembles",
    version="0.2.0",
    description="Groups of neural networks that learn from the labels and from each other",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["collab_ensembles*", "experiments*", "analysis*"]),
    package_data={
        "collab_ensembles": ["data/author_order/*.npz"],
        "analysis": ["reference/*.csv", "reference/*.csv.xz"],
    },
    install_requires=[
        "absl-py>=2.1,<3",
        "filelock>=4,<5",
        # Needed by tensorflow-datasets, which does not declare it.
        "importlib_resources>=6",
        "keras>=3.12,<3.16",
        "matplotlib>=3.9,<4",
        "numpy>=2.0,<3",
        "pandas>=2.2,<4",
        "pillow>=10",
        "platformdirs>=4,<5",
        "rich>=13,<16",
        "scikit-learn>=1.5,<2",
        "scipy>=1.15,<2",
        "tensorflow>=2.20,<2.22",
        "tensorflow-datasets>=4.9.8,<5",
    ],
    extras_require={
        # Training without TensorFlow: docs/GPU.md.
        "jax": ["jax>=0.10,<0.12"],
        "gpu": ["tensorflow[and-cuda]>=2.20,<2.22"],
        "tensorboard": ["tensorboard>=2.19,<3"],
        "ray": ["ray>=2.52,<2.61"],
        # The benchmarks compare with PyTorch.
        "bench": ["torch==2.13.0"],
        "dev": [
            # dill: needed by tensorflow_datasets.testing, which does not declare it.
            "dill",
            "hypothesis",
            "import-linter>=2.16,<3",
            "mypy",
            "pandas-stubs",
            "pytest",
            "pytest-xdist",
            "tensorboard>=2.19,<3",
            "ruff",
        ],
    },
)
