"""What all commands share: help, one-line errors, exit status and plain log lines.

Exit status: 0 for success, 1 for failures, 2 for settings or data that are not allowed, 130 after Ctrl-C, 143
after SIGTERM and 129 after SIGHUP. Errors and warnings go to stderr, everything else to stdout.
"""

import dataclasses
import functools
import io
import logging as standard_logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

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
      hidden: defined flags that the help leaves out.
      sections: the names of defined flags by the heading that they stand under in the help, in order.
      defaults: those of defined flags that depend on other settings, as texts.
      others: what `--helpfull` shows besides, of flags that are not defined.
      owner: takes the name of an unknown flag; gives a message that says whose it is, or nothing.
    """

    hidden: Sequence[str] = ()
    sections: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    defaults: Mapping[str, str] = dataclasses.field(default_factory=dict)
    others: Sequence[tuple[str, list[Flag]]] = ()
    owner: Callable[[str], str] = lambda flag: ""


Define = Callable[[Sequence[str]], FurtherFlags]
"""Defines further flags, given the arguments of the command."""

_DEBUG = flags.DEFINE_bool("debug", False, "show the traceback of an error")


def given(flag: str, arguments: Sequence[str]) -> str | None:
    """The value that the arguments give a flag which is not defined yet; None if they do not."""
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
    """Runs `main` with the arguments that are no flags and ends the process.

    The docstring of the module `__main__` is the head of the help text.

    Args:
      main: the command.
      define: defines flags that depend on the value of another one.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Under nohup the end of the terminal is to be ignored, as it then is already.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where the locale has no plus-minus sign, say its code, in place of ending there.
        sys.stdout.reconfigure(errors="backslashreplace")
    canvas.forget_styles()
    app.run(lambda arguments: _guarded(main, arguments[1:]), flags_parser=functools.partial(_parse, define))
    raise AssertionError("app.run ends the process")


def no_arguments(arguments: list[str]) -> None:
    """Raises ConfigError if there are arguments that are no flags."""
    if arguments:
        raise ConfigError(f"unexpected argument {arguments[0]!r}; all settings are flags, such as --seed=1; see --help")


def one_argument(arguments: list[str], what: str) -> str:
    """The only argument, a path; `~` is expanded.

    Raises:
      ConfigError: there is none, or several.
    """
    if len(arguments) != 1:
        raise ConfigError(f"received {len(arguments)} arguments; needed: one, {what}; see --help")
    return os.path.expanduser(arguments[0])


def some_arguments(arguments: list[str], what: str) -> list[str]:
    """The arguments, paths; `~` is expanded.

    Raises:
      ConfigError: there is none.
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
        if {"--help", "-help", "-h", "--helpshort", "--helpfull", "--helpxml"} & set(arguments[1:]):
            sys.exit(_guarded(lambda _: print(_help(further, "--helpfull" in arguments)), []))
        return list(flags.FLAGS(arguments))
    except flags.UnrecognizedFlagError as error:
        why = further.owner(error.flagname)
        _say_error(ConfigError(why) if why else error)
        sys.exit(2)
    except (flags.Error, ConfigError) as error:
        _say_error(error)
        sys.exit(2)


def _guarded(main: Main, arguments: list[str]) -> int:
    try:
        status = main(arguments) or 0
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if _DEBUG.value:
            raise
        _say_error(error)
        return error.exit_status if isinstance(error, CollabError) else 1


def _say_error(error: Exception) -> None:
    text = one_line(error)
    if not isinstance(error, (CollabError, flags.Error)):
        text = f"{type(error).__name__}: {text}; add --debug for the traceback"
    print(f"error: {text}", file=sys.stderr)


def _help(further: FurtherFlags, in_full: bool) -> str:
    placed = {*further.hidden, *(name for names in further.sections.values() for name in names)}
    own = [
        flag.name
        for module, module_flags in flags.FLAGS.flags_by_module_dict().items()
        if not module.startswith("absl")
        for flag in module_flags
        if flag.name not in placed
    ]
    lines = [(sys.modules["__main__"].__doc__ or "").strip()]
    for heading, names in (*further.sections.items(), ("This command" if further.sections else "Flags", own)):
        defined = [flags.FLAGS[name] for name in names]
        lines += _help_section(
            heading,
            [(flag.name, flag.help, _default(flag) or further.defaults.get(flag.name)) for flag in defined],
        )
    for heading, described in further.others if in_full else ():
        lines += _help_section(heading, described)
    if further.others and not in_full:
        lines += ["", "--helpfull shows the settings of all systems."]
    return "\n".join(lines)


def _default(flag: "flags.Flag[Any]") -> str | None:
    return None if flag.default is None else str(flag.default_as_str).strip("'")


def _help_section(heading: str, described: Iterable[Flag]) -> list[str]:
    lines = ["", f"{heading}:"]
    for name, text, default in described:
        lines.append(f"  --{name}: {text}{'' if default in (None, ()) else f' (default: {default})'}")
    return lines


def _end(number: int, frame: object) -> NoReturn:
    # An exception, so that subprocesses are ended and nothing is left half done.
    raise SystemExit(128 + number)


class _PlainHandler(standard_logging.Handler):
    def emit(self, record: standard_logging.LogRecord) -> None:
        if record.levelno <= standard_logging.INFO:
            print(record.getMessage(), flush=True)
        else:
            print(f"{record.levelname.lower()}: {record.getMessage()}", file=sys.stderr, flush=True)
