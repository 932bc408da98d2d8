"""The commands that a dry run prints, used as what they are: commands for another scheduler."""

import pathlib
import shlex
import sys

from command_runner import run
from experiments.launch.executors import LocalExecutor, Task


def test_they_do_not_end_with_an_input_that_is_closed_from_the_start(tmp_path: pathlib.Path) -> None:
    flags = ["--members=B1R1F2,B1R1F3", "--train_limit=64", "--epochs=1", "--threads=1"]
    result = run("experiments.sweep", *flags, "--dry_run", f"--log_dir={tmp_path}", f"--data_dir={tmp_path / 'data'}")
    command = shlex.split(result.output.splitlines()[0])
    assert "--end_with_stdin" not in command
    assert command[:3] == [sys.executable, "-m", "experiments.train"]
    # Without an input, as a batch scheduler starts it.
    trained = run(*command[2:])
    assert (trained.exit_status, trained.errors) == (0, "")


def test_a_process_that_is_given_a_pipe_is_told_to_end_with_it(tmp_path: pathlib.Path) -> None:
    script = "import sys; print(*sys.argv[1:])"
    task = Task("run", [sys.executable, "-S", "-c", script, "--epochs=1"], str(tmp_path / "run"))
    LocalExecutor(1).compute([task], lambda: None)
    assert task.last_words() == "--epochs=1 --end_with_stdin"
