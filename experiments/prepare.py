"""Fetches a data set and saves its decoded arrays. If they exist already, verifies and repairs them.

Example:
  python -m experiments.prepare --dataset=mnist
"""

from absl import flags

from collab_ensembles import data
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.runs import run_data
from experiments import command_line, path_flags, runtime

_DATASET = flags.DEFINE_string("dataset", "digits", f"data set: {', '.join(catalogue.CATALOGUE)}")
_SPLIT = flags.DEFINE_enum("split", "report", list(catalogue.SPLITS), "see experiments.train")
_DATA_DIR = path_flags.data_dir()
_END_WITH_STDIN = flags.DEFINE_bool(
    "end_with_stdin",
    False,
    "end when standard input is closed, which happens when the process that started this command dies",
)


def main(arguments: list[str]) -> None:
    """Loads the data set once and verifies it."""
    command_line.no_arguments(arguments)
    catalogue.check_name(_DATASET.value)
    if catalogue.is_folder(_DATASET.value):
        raise ConfigError(f"--dataset={_DATASET.value}: nothing to prepare; each run reads a folder of images itself")
    if _END_WITH_STDIN.value:
        runtime.end_with_stdin()
    runtime.quiet_tensorflow()
    data_dir = _DATA_DIR.value or data.default_data_dir()
    dataset = data.load(_DATASET.value, data_dir, _SPLIT.value, verify=True)
    run_data.announce(dataset, dataset.digest())
    if not catalogue.is_file(_DATASET.value):
        print(f"kept in {data_dir}")


if __name__ == "__main__":
    command_line.launch(main)
