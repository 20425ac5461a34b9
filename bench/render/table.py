"""Rows of text that every format can show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading; the first column is a name, the last a word, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
