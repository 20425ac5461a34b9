"""The entry point of the `bench` command."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from types import FrameType

from bench.cli.console import OutputError, end_output, fail, open_streams, say
from bench.cli.overview import overview
from bench.cli.tree import HELP_OPTIONS, sends_load
from bench.errors import BenchError, ConfigError, Exit, MeasurementError, StoreError

# Signals that end a command besides Ctrl-C: a cancelled job, a terminal that was closed, and Ctrl-\.
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main(command: Callable[[], object] | None = None) -> None:
    """Run the command line and exit with the code of its result.

    Args:
        command: The function to run instead of the command line, for tests.
    """
    for number in _ENDING:
        if (
            number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
        ):  # `nohup` ignores it
            signal.signal(number, _interrupt)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Python's warnings are for the developers of a package
    try:
        open_streams()
        _write_all(command or _run)
    except OutputError as error:
        end_output(error)
    except Exception as error:  # noqa: BLE001 - an exception without an explanation is a bug in bench
        explained = _explain(error)
        if explained is not None:
            fail(explained)
        sys.excepthook(*sys.exc_info())
        say("error: this is a bug in bench; please report the lines above")
        sys.exit(Exit.BUG)


def _write_all(command: Callable[[], object]) -> None:
    """Run a command, and write its output to the end, so that the exit code is right."""
    try:
        command()
    finally:
        sys.stdout.flush()


def _explain(error: Exception) -> BenchError | None:
    """Return the error that a person can act on; None for a bug."""
    match error:
        case BenchError():
            return error
        case MemoryError():
            return MeasurementError("the memory is full", "close other programs, or raise the memory limit")
        case OSError(strerror=None):
            return StoreError(f"the system reports an error: {error}")
        case OSError(filename=None):
            return StoreError(f"the system reports an error: {error.strerror}")
        case OSError():
            return StoreError(f"cannot use {_name(error.filename)}: {error.strerror}")
        case _:
            return None


def _name(file: object) -> str:
    return file.decode(errors="replace") if isinstance(file, bytes) else str(file)


def _run() -> None:
    arguments = sys.argv[1:]
    if len(arguments) == 1 and arguments[0] in HELP_OPTIONS:
        print(overview(), end="")
        sys.exit(Exit.PASS)
    _check_arguments(arguments)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # it would look for one in each installed package
    if sends_load(arguments):
        from bench.measure.load.spawn import start_early  # noqa: PLC0415 - no other command needs it

        start_early()
    from bench.cli.commands import app  # noqa: PLC0415 - the help needs no Typer

    app()


def _check_arguments(arguments: Sequence[str]) -> None:
    """Refuse arguments that no result file can hold."""
    for argument in arguments:
        if argument.encode(errors="replace").decode() != argument:
            raise ConfigError(f"the argument {argument!a} is not text in UTF-8", "rename the file")


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
    """Clean up after these signals in the same way as after Ctrl-C."""
    raise KeyboardInterrupt
