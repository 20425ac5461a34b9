"""Rows of text that every format can show."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bench.core.verdict.message_comparison import MessageComparison
from bench.core.verdict.verdict import MetricComparison

Compared = MetricComparison | MessageComparison


@dataclass(frozen=True, slots=True)
class Drawing:
    """A column of drawings made of characters, for a terminal."""

    heading: str
    """Its head."""
    cells: tuple[str, ...]
    """The drawing of each row."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text below a heading. The first column is a name, the last a word, the others are numbers."""

    title: str
    """The heading."""
    columns: tuple[str, ...]
    """The head of each column."""
    rows: tuple[tuple[str, ...], ...]
    """The cells."""
    compared: tuple[Compared, ...] = ()
    """The compared metric or message of each row, for formats that draw it; empty if it compares none."""
    ends_in_number: bool = False
    """Whether the last column is a number, too."""
    shown: int | None = None
    """Rows that stay open where a format can fold rows; None for all."""
    drawing: Drawing | None = None
    """Drawings after the first column, for a terminal; None without them."""

    def first(self, count: int) -> "Table":
        """Return the table with its first rows."""
        return replace(self, rows=self.rows[:count])

    def after(self, count: int) -> "Table":
        """Return the table without its first rows."""
        return replace(self, rows=self.rows[count:])

    @property
    def open_part(self) -> "Table":
        """The table without the folded rows."""
        if self.shown is None:
            return self
        return replace(self, rows=self.rows[: self.shown], compared=self.compared[: self.shown], shown=None)

    @property
    def folded_part(self) -> "Table":
        """The folded rows; they may be none."""
        start = len(self.rows) if self.shown is None else self.shown
        title = f"{self.title}, continued"
        return replace(self, title=title, rows=self.rows[start:], compared=self.compared[start:], shown=None)


def without_empty(tables: Iterable[Table]) -> tuple[Table, ...]:
    """Return the tables that have rows."""
    return tuple(table for table in tables if table.rows)
