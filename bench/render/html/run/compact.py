"""Tables of few columns that fit half a page: a name, numbers, a drawn interval and a verdict.

The complete table follows in a fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.report.row_words import row_verdict_text
from bench.core.report.words import VERDICTS, Word
from bench.core.values import wording
from bench.core.verdict.verdict import Verdict
from bench.render.document.table import Compared
from bench.render.html.figures import Interval


@dataclass(frozen=True, slots=True)
class CompactRow:
    """A row of a compact table."""

    name: str
    """Its name."""
    cells: tuple[str, ...]
    """Numbers."""
    change: str = ""
    """The change; empty if the table compares nothing."""
    word: Word | None = None
    """The verdict; None if the table compares nothing."""
    interval: Interval | None = None
    """The change on the tolerance."""
    colour: int | None = None
    """Number of the colour that the drawing above the table gives this row."""
    is_group: bool = False
    """The row is a class of messages."""
    bar: float | None = None
    """Length of its bar, in per cent of the longest one; None if the table has no bars."""

    @property
    def is_same(self) -> bool:
        """Its change is known, and is none."""
        return self.word == VERDICTS[Verdict.UNCHANGED] and self.change != wording.DASH


@dataclass(frozen=True, slots=True)
class CompactTable:
    """A table that fits half a page."""

    title: str
    """Name for readers who cannot see it."""
    columns: tuple[str, ...]
    """Heads of the name and of the numbers."""
    rows: tuple[CompactRow, ...]
    """Its rows."""
    directions: tuple[str, str] = ("faster", "slower")
    """Meaning of the left and of the right side of the drawn intervals."""
    values_first: bool = False
    """The first number stands before the change, else after it."""
    has_words: bool = True
    """Verdicts are written as words; else as signs only, with a legend below."""

    @property
    def has_changes(self) -> bool:
        """The rows are compared with a baseline."""
        return any(row.word is not None for row in self.rows)

    @property
    def has_intervals(self) -> bool:
        """A row has a drawn interval."""
        return any(row.interval is not None for row in self.rows)

    @property
    def has_bars(self) -> bool:
        """The rows have bars."""
        return any(row.bar is not None for row in self.rows)


def describe_verdict(row: Compared) -> Word:
    """Return the verdict on a row, in the words for its metric."""
    return VERDICTS[row.verdict]._replace(text=row_verdict_text(row))


def list_tones(rows: Sequence[CompactRow]) -> tuple[Word, ...]:
    """Return each verdict of some rows once: the legend of their signs."""
    words: dict[str, Word] = {}
    for row in rows:
        if row.word is not None:
            words.setdefault(row.word.text, row.word)
    return tuple(words.values())
