"""Rows of text that every format can show."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.core.verdict.verdict import MetricComparison


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text below a heading. The first column is a name, the last a word, the others are numbers."""

    title: str
    """The heading."""
    columns: tuple[str, ...]
    """The head of each column."""
    rows: tuple[tuple[str, ...], ...]
    """The cells."""
    compared: tuple[MetricComparison, ...] = ()
    """The compared metric of each row, for formats that draw it; empty if the table compares no metrics."""
    ends_in_number: bool = False
    """Whether the last column is a number, too."""


def without_empty(tables: Iterable[Table]) -> tuple[Table, ...]:
    """Return the tables that have rows."""
    return tuple(table for table in tables if table.rows)
