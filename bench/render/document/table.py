"""Rows of text that every format can show."""

from dataclasses import dataclass

from bench.core.verdict.verdict import MetricComparison


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading; the first column is a name, the last a word, the others are numbers.

    Attributes:
        title: The heading.
        columns: What each column has.
        rows: Their cells.
        compared: What each row is made from, for formats that can draw; empty where nothing is compared.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    compared: tuple[MetricComparison, ...] = ()
