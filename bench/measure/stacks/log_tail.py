"""The last lines of a log, for an error."""

from collections.abc import Iterable

from bench.core.values.escape import one_line

TAIL_LINES = 30
"""Lines that an error contains: an exception of Node.js or Python has its reason above its stack."""
SHORT_TAIL_LINES = 3
"""Lines that a sentence contains."""
ENDING = "; the end of its log:"
"""Ends the first line of a message that the lines of a log follow."""


def last_lines(text: str, count: int = TAIL_LINES) -> list[str]:
    """Return the last lines of a text that are not empty, without control characters."""
    lines = [one_line(line).rstrip() for line in text.splitlines()]
    return [line for line in lines if line][-count:]


def end_of_log(lines: Iterable[str]) -> str:
    """Return the end of a message: the lines of a log; empty without lines."""
    indented = [f"\n  {line}" for line in lines]
    return "".join([ENDING, *indented]) if indented else ""


def short_end_of_log(lines: Iterable[str]) -> str:
    """Return the same on one line."""
    text = " | ".join(lines)
    return f": {text}" if text else ""
