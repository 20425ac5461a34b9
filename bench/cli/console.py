"""What commands say to people, on stderr; stdout is for data."""

import sys
from typing import TYPE_CHECKING, NoReturn

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.measure.recorder import Progress

_PLAIN_EVERY_S = 5.0


def say(text: str) -> None:
    """One line for people."""
    print(text, file=sys.stderr, flush=True)


def fail(error: BenchError) -> NoReturn:
    """Say what is wrong and what to do about it, and exit with the error's code."""
    hint = f"\n\nhint: {error.hint}" if error.hint else ""
    say(f"error: {error.message}{hint}")
    raise SystemExit(error.exit_code)


class ProgressLine:
    """How far a run is: one line that rewrites itself on a terminal, else a line every five seconds."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._next_s = 0.0

    def show(self, progress: "Progress") -> None:
        """Show how far the run is."""
        planned = "" if progress.planned_s is None else f" of {progress.planned_s:.0f} s"
        text = (
            f"{progress.elapsed_s:5.0f} s{planned}   {progress.finished} requests   {progress.failed} failed"
        )
        if self._live:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
        elif progress.elapsed_s >= self._next_s:
            self._next_s += _PLAIN_EVERY_S
            say(text)

    def end(self) -> None:
        """Leave the line as it is and go to the next."""
        if self._live:
            say("")
