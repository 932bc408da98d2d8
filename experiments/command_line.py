"""What all commands share: help, one-line errors, exit status and plain log lines.

Exit status: 0 for success, 1 for failures, 2 for settings or data that are not allowed, 130 after Ctrl-C, 143
after SIGTERM and 129 after SIGHUP. Errors and warnings go to stderr, everything else to stdout.
"""

import dataclasses
import functools
import gc
import io
import logging as standard_logging
import os
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TextIO

from absl import app, flags, logging

from collab_ensembles import canvas
from collab_ensembles.errors import CollabError, ConfigError, one_line

Main = Callable[[list[str]], int | None]
Flag = tuple[str, str, object]
"""Name, help text and default."""


@dataclasses.dataclass(frozen=True)
class FurtherFlags:
    """Flags of a command that depend on the value of another one.

    Attributes:
      hidden: the defined flags that the help does not show.
      sections: for each heading of the help, in order, the names of its flags.
      defaults: gives the defaults that depend on other settings, as texts, by the names of their flags; for the help.
      others: gives flags that are not defined, by heading; for `--helpfull`.
      owner: takes the name of an unknown flag; returns a message that names its system, or an empty text.
    """

    hidden: Collection[str] = ()
    sections: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    defaults: Callable[[], Mapping[str, str]] = dict
    others: Callable[[], Sequence[tuple[str, list[Flag]]]] = tuple
    owner: Callable[[str], str] = lambda flag: ""


Define = Callable[[Sequence[str]], FurtherFlags]
"""Defines further flags, given the arguments of the command."""

_DEBUG = flags.DEFINE_bool("debug", False, "show the traceback of an error")


def given(flag: str, arguments: Sequence[str]) -> str | None:
    """The value of a flag in the arguments, also if the flag is not defined yet; None if it is not there."""
    value = None
    arguments = flags.FLAGS.read_flags_from_files(list(arguments), force_gnu=True)
    for argument, following in zip(arguments, [*arguments, None][1:], strict=True):
        if argument == "--":
            break
        if argument.lstrip("-") == flag and argument.startswith("-"):
            value = following
        elif argument.startswith((f"--{flag}=", f"-{flag}=")):
            value = argument.partition("=")[2]
    return value


def launch(main: Main, define: Define = lambda arguments: FurtherFlags()) -> NoReturn:
    """Runs `main` with the arguments that are not flags, and ends the process.

    The help text begins with the docstring of the module `__main__`.

    Args:
      main: the command.
      define: defines flags that depend on the value of another one.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup has told this process to ignore the end of the terminal; that must stay so.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    # Closed by whoever started this process.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # If the locale has no plus-minus sign, print its code; otherwise the command would fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    canvas.forget_styles()

    def run(arguments: list[str]) -> int:
        status = _guarded(main, arguments[1:])
        # Otherwise the interpreter looks for cycles among all objects of TensorFlow before it ends: more than a second.
        gc.freeze()
        return status

    app.run(run, flags_parser=functools.partial(_parse, define))
    raise AssertionError("app.run ends the process")


def no_arguments(arguments: list[str]) -> None:
    """Raises ConfigError if there are arguments that are not flags."""
    if arguments:
        raise ConfigError(f"unexpected argument {arguments[0]!r}; all settings are flags, such as --seed=1; see --help")


def one_argument(arguments: list[str], what: str) -> str:
    """Returns the only argument, a path, with `~` expanded.

    Raises:
      ConfigError: there is no argument, or more than one.
    """
    if len(arguments) != 1:
        raise ConfigError(f"received {len(arguments)} arguments; needed: one, {what}; see --help")
    return os.path.expanduser(arguments[0])


def two_arguments(arguments: list[str], first: str, second: str) -> tuple[str, str]:
    """Returns both arguments, paths, with `~` expanded.

    Raises:
      ConfigError: there are fewer or more.
    """
    if len(arguments) != 2:
        raise ConfigError(f"received {len(arguments)} arguments; needed: two, {first} and {second}; see --help")
    return os.path.expanduser(arguments[0]), os.path.expanduser(arguments[1])


def some_arguments(arguments: list[str], what: str) -> list[str]:
    """Returns the arguments, paths, with `~` expanded.

    Raises:
      ConfigError: there is no argument.
    """
    if not arguments:
        raise ConfigError(f"received 0 arguments; needed: {what}; see --help")
    return [os.path.expanduser(argument) for argument in arguments]


def _parse(define: Define, arguments: list[str]) -> list[str]:
    root = standard_logging.getLogger()
    root.removeHandler(logging.get_absl_handler())
    root.addHandler(_PlainHandler())
    further = FurtherFlags()
    try:
        further = define(arguments[1:])
        given_names = {argument.partition("=")[0] for argument in arguments[1:]}
        if {"--help", "-help", "-h", "--helpshort", "--helpfull", "--helpxml"} & given_names:
            sys.exit(_guarded(lambda _: print(_help(further, "--helpfull" in given_names)), []))
        return list(flags.FLAGS(arguments))
    except flags.UnrecognizedFlagError as error:
        why = further.owner(error.flagname)
        _say_error(ConfigError(why) if why else error)
        sys.exit(2)
    except Exception as error:
        _say_error(error)
        sys.exit(2 if isinstance(error, flags.Error | ConfigError) else 1)


def _guarded(main: Main, arguments: list[str]) -> int:
    try:
        status = main(arguments) or 0
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of the output, such as head, has closed the pipe: no error.
        write_nowhere(sys.stdout)
        return 0
    except Exception as error:
        if flags.FLAGS.is_parsed() and _DEBUG.value:
            raise
        _say_error(error)
        return error.exit_status if isinstance(error, CollabError) else 1


def _say_error(error: Exception) -> None:
    text = one_line(error)
    if not isinstance(error, (CollabError, flags.Error)):
        text = f"{type(error).__name__}: {text}; add --debug for the traceback"
    print(f"error: {text}", file=sys.stderr)


def _help(further: FurtherFlags, in_full: bool) -> str:
    placed = {name for names in further.sections.values() for name in names}
    by_module = flags.FLAGS.flags_by_module_dict()
    # First those of the command itself, last those of all commands.
    modules = sorted(by_module, key=lambda module: (module != sys.argv[0], module.endswith(__name__)))
    own = [
        flag.name
        for module in modules
        if not module.startswith("absl")
        for flag in by_module[module]
        if flag.name not in placed
    ]
    defaults, others = further.defaults(), further.others()
    lines = [(sys.modules["__main__"].__doc__ or "").strip()]
    for heading, names in (*further.sections.items(), ("This command" if further.sections else "Flags", own)):
        shown = [flags.FLAGS[name] for name in names if name not in further.hidden]
        lines += _help_section(
            heading, [(flag.name, flag.help, _default(flag) or defaults.get(flag.name)) for flag in shown]
        )
    for heading, described in others if in_full else ():
        lines += _help_section(heading, described)
    if others and not in_full:
        lines += ["", "To see the settings of all systems, use --helpfull."]
    return "\n".join(lines)


def _default(flag: "flags.Flag[Any]") -> str | None:
    return None if flag.default is None else str(flag.default_as_str).strip("'")


def _help_section(heading: str, described: Iterable[Flag]) -> list[str]:
    lines = []
    for name, text, default in described:
        # A list follows, one name a line.
        head, *rest = text.split("\n")
        lines += [f"  --{name}: {head}{'' if default in (None, ()) else f' (default: {default})'}", *rest]
    return ["", f"{heading}:", *lines] if lines else []


def _end(number: int, frame: object) -> NoReturn:
    # Raised as an exception, so that subprocesses are ended and no work is left half done.
    raise SystemExit(128 + number)


def write_nowhere(stream: TextIO) -> None:
    """Drops what is written to a stream from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _PlainHandler(standard_logging.Handler):
    def emit(self, record: standard_logging.LogRecord) -> None:
        is_note = record.levelno <= standard_logging.INFO
        stream = sys.stdout if is_note else sys.stderr
        text = record.getMessage() if is_note else f"{record.levelname.lower()}: {record.getMessage()}"
        try:
            print(text, file=stream, flush=True)
        except BrokenPipeError:
            # A training goes on without its reader.
            write_nowhere(stream)
