"""Saves a member of a trained run, or the ensemble, as a Keras file that loads without this package.

Example:
  python -m experiments.export RUN_DIRECTORY --member=ST --out=st.keras
Then, elsewhere:
  keras.models.load_model("st.keras").predict(images)   # float32, pixels as the data set has them; gives logits
"""

import os
from collections.abc import Sequence

from absl import flags, logging

from collab_ensembles import files
from collab_ensembles.errors import ConfigError
from collab_ensembles.runs import run_directory
from experiments import command_line, path_flags, runtime

_MEMBER = flags.DEFINE_string(
    "member",
    None,
    "name of the member, or ensemble for all members as one model; default: the first member; for snapshots the last",
)
_OUT = path_flags.define("out", None, "the file to write, ending in .keras; default: MEMBER.keras")


def main(arguments: list[str]) -> None:
    """Restores the newest checkpoint and saves the member."""
    directory = command_line.one_argument(arguments, "the directory of a run")
    _check_member([*run_directory.read_config(directory).member_names(), "ensemble"])
    if _OUT.value and not _OUT.value.endswith(".keras"):
        raise ConfigError(f"--out={_OUT.value}: the name must end in .keras")
    if _OUT.value:
        files.check_can_write(_OUT.value)
    runtime.start_tensorflow(None)

    from collab_ensembles.networks import exported
    from collab_ensembles.runs import run_model

    model, status = run_model.restore(directory)
    names = model.inference_names()
    # Some members may not be trained yet.
    _check_member(names)
    name = _MEMBER.value or names[0]
    out = _OUT.value or f"{name}.keras"
    network = model.inference_network(name)
    exported.save(network, out)
    if classes := exported.own_classes(network):
        logging.warning("%s: to load it, give load_model the custom_objects %s", out, ", ".join(classes))
    print(f"{name} after epoch {status.epoch_of_weights}: {out} ({os.path.getsize(out):,} bytes)")


def _check_member(allowed: Sequence[str]) -> None:
    if _MEMBER.value and _MEMBER.value not in allowed:
        raise ConfigError(f"--member={_MEMBER.value}: not in this run; allowed: {', '.join(allowed)}")


if __name__ == "__main__":
    command_line.launch(main)
