"""Text for people on stderr. stdout is for data."""

import sys
from typing import NoReturn

from bench.errors import BenchError


def say(text: str) -> None:
    """Print one line on stderr."""
    print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning on stderr."""
    say(f"warning: {text}")


def fail(error: BenchError) -> NoReturn:
    """Print an error with its hint, and exit with the error's code."""
    hint = f"\n\nhint: {error.hint}" if error.hint else ""
    say(f"error: {error.message}{hint}")
    raise SystemExit(error.exit_code)
