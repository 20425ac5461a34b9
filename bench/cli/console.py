"""What commands say to people, on stderr; stdout is for data."""

import sys
from typing import NoReturn

from bench.errors import BenchError


def say(text: str) -> None:
    """One line for people."""
    print(text, file=sys.stderr, flush=True)


def fail(error: BenchError) -> NoReturn:
    """Say what is wrong and what to do about it, and exit with the error's code."""
    hint = f"\n\nhint: {error.hint}" if error.hint else ""
    say(f"error: {error.message}{hint}")
    raise SystemExit(error.exit_code)
