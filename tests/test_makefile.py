"""Which commands a target runs, by `make --dry-run`."""

import re
import shlex

import command_runner


def _flags(module: str) -> set[str]:
    """The names of all flags that a command knows."""
    result = command_runner.run(module, "--helpfull", preloaded="little")
    return set(re.findall(r"^ +--(?:\[no\])?(\w+)", result.output, re.MULTILINE))


def test_question_7_trains_with_all_labels_what_its_sweep_trains_with_few() -> None:
    sweep, train = _flags("experiments.sweep"), _flags("experiments.train")
    # Of a sweep alone, or in a single run for another purpose: members on several machines.
    only = [*sorted(sweep - train - {"grid", "seeds"}), "executor", "address", "gpus", "send_package"]
    assert {"workers", "report", "measure"} <= set(only)
    given = ["--seeds=0,3", "--epochs=3", "--data_dir=/elsewhere", *(f"--{name}=1" for name in only)]
    result = command_runner.run_command(["make", "--dry-run", "question-7", f"SWEEP_FLAGS={' '.join(given)}"])
    assert result.exit_status == 0, result.errors
    (seeds, command) = re.findall(r"for seed in ([\d ]+); do \S+ -m experiments.train (.*?) \|\|", result.output)[0]
    assert seeds == "0 3"
    flags = shlex.split(command)
    assert {"--epochs=3", "--data_dir=/elsewhere", "--dataset=digits"} <= set(flags)
    assert {flag.removeprefix("--").partition("=")[0] for flag in flags} <= train - set(only)
    assert not any(flag.startswith("--train_limit") for flag in flags)
