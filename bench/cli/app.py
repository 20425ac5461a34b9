"""The entry point of the `bench` command."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

from bench.cli.console import fail, say
from bench.cli.tree import overview
from bench.errors import BenchError, Exit

_HELP = (["-h"], ["--help"])


def main(command: Callable[[], object] | None = None) -> None:
    """Run the command line and exit with the code of its result.

    Args:
        command: The function to run instead of the command line, for tests.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        (command or _run)()
    except BenchError as error:
        fail(error)
    except Exception:  # noqa: BLE001 - every other exception is a bug in bench
        sys.excepthook(*sys.exc_info())
        say("error: this is a bug in bench; please report the lines above")
        sys.exit(Exit.BUG)


def _run() -> None:
    if sys.argv[1:] in _HELP:
        print(overview(), end="")
        sys.exit(Exit.PASS)
    from bench.cli.commands import app  # noqa: PLC0415 - the help needs no Typer

    app()


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
    """Clean up after SIGTERM in the same way as after Ctrl-C."""
    raise KeyboardInterrupt
