"""A console that writes into memory, for text that a terminal shows."""

import io

from rich.console import Console
from rich.text import Text

from bench.core.report.words import Tone, Word, sign_unanswered

STYLES = {
    Tone.BAD: "red",
    Tone.CAUTION: "yellow",
    Tone.GOOD: "green",
    Tone.UNSURE: "magenta",
    Tone.INVALID: "reverse",
    Tone.QUIET: "",
}
"""The style of each tone. Reverse video is the frame of an invalid run, which has no colour."""


def style_decision(word: Word, text: str = "") -> Text:
    """Return a decision with its style, and with its sign if it is no answer: `! INVALID`.

    Args:
        word: The decision.
        text: How to write it; default: in capitals.
    """
    shown = text or word.text.upper()
    return Text(f"{sign_unanswered(word)}{shown}", f"bold {STYLES[word.tone]}")


def open_console(*, width: int, colour: bool) -> Console:
    """Return a console that writes into memory. The arguments are those of `run_text`."""
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def read_console(console: Console) -> str:
    """Return the text of a console that `open_console` made, without blanks at the ends of lines."""
    assert isinstance(console.file, io.StringIO)  # noqa: S101 - see open_console
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"
