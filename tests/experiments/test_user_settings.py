"""Whatever the user's settings of Keras, TensorFlow, matplotlib and Python say: the same bits."""

import json
import os
import pickle
from pathlib import Path

import pytest

import command_runner
from trainings import series

_FLAGS = (
    "--dataset=digits",
    "--members=convnet4,B2R1F2",
    "--train_limit=96",
    "--batch_size=32",
    "--epochs=2",
    "--threads=1",
)


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Variables of the environment that are all unlike the defaults."""
    (tmp_path / "keras").mkdir()
    settings = {"image_data_format": "channels_first", "floatx": "float64", "epsilon": 0.01, "backend": "jax"}
    (tmp_path / "keras" / "keras.json").write_text(json.dumps(settings))
    (tmp_path / "matplotlibrc").write_text("savefig.dpi: 40\nlines.linewidth: 9\nfont.size: 20\ntext.usetex: True\n")
    return {
        "KERAS_HOME": str(tmp_path / "keras"),
        "KERAS_BACKEND": "torch",
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "KERAS_NNX_ENABLED": "true",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
        "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
        "TF_DETERMINISTIC_OPS": "1",
        "TF_USE_DEEP_CONV2D": "1",
        "TF_NUM_INTRAOP_THREADS": "3",
        "TF_NUM_INTEROP_THREADS": "3",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OMP_NUM_THREADS": "7",
        "PYTHONHASHSEED": "7",
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "LC_ALL": "de_DE.ISO-8859-1",
        "TZ": "Asia/Kathmandu",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "DISPLAY": "nowhere:9",
    }


def _pictures(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.rglob("*") if path.suffix in (".png", ".svg")}


def _statistics(directory: Path) -> dict[str, bytes]:
    contents = {path.name: pickle.loads(path.read_bytes()) for path in directory.rglob("*.pkl")}
    return series(contents)


def test_settings_of_the_user_change_no_bit(tmp_path: Path, hostile: dict[str, str]) -> None:
    for name, preloaded, variables in (
        ("clean", "tensorflow", {"KERAS_HOME": os.devnull}),
        ("hostile", "nothing", hostile),
    ):
        flags = (*_FLAGS, f"--log_dir={tmp_path / name}")
        result = command_runner.run("experiments.train", *flags, preloaded=preloaded, **variables)
        assert (result.exit_status, result.errors) == (0, "")
        # Of the same runs, so that the figures have to be the same.
        directories = (f"--log_dir={tmp_path / 'clean'}", f"--out={tmp_path / f'figures_{name}'}")
        result = command_runner.run("analysis.figures", *directories, preloaded=preloaded, **variables)
        assert result.exit_status == 0, result.errors
    assert _statistics(tmp_path / "clean") == _statistics(tmp_path / "hostile")
    for clean, other in (("clean", "hostile"), ("figures_clean", "figures_hostile")):
        expected, received = _pictures(tmp_path / clean), _pictures(tmp_path / other)
        assert expected
        assert [name for name in expected if expected[name] != received.get(name)] == []
