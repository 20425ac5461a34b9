"""Tables and facts whose last lines may be left out."""

from collections.abc import Iterable
from dataclasses import replace

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.values import wording
from bench.render.document.capacity import trial_table
from bench.render.document.table import Table
from bench.render.rich_table import make_grid, make_rich_table
from bench.render.short.block import LineBlock, Rank, render_lines

_MOST_TRIALS = 7
_WIDE = 76
"""Columns that all numbers of a trial need."""


def list_rows(table: Table, width: int, most: int, rank: Rank = Rank.LOADS) -> LineBlock:
    """Return the rows of a table without its title; rows that it has no space for are counted."""
    if not table.rows:
        return LineBlock((), rank)
    head, *rows = render_lines(make_rich_table(table), width)
    return LineBlock(tuple(rows), rank=rank, most=most, heading=head, describe_rest=_describe_rest)


def list_trials(capacity: CapacityResult, width: int) -> LineBlock:
    """Return the trials that are nearest to the safe load, by load."""
    omitted = len(capacity.trials) - _MOST_TRIALS
    table = trial_table(capacity, _MOST_TRIALS)
    if width < _WIDE:
        table = _without_numbers(table)
    block = list_rows(table, width, 2 * _MOST_TRIALS)
    if omitted <= 0 or not block.lines:
        return block
    rest = f"{wording.counted(omitted, 'more trial')}, far from the safe load: --verbose"
    return replace(block, describe_rest=lambda _: rest, always_rest=True)


def _without_numbers(table: Table) -> Table:
    """Return the loads with their times and verdicts, for a narrow terminal."""
    rows = tuple((*row[:2], row[-1]) for row in table.rows)
    return replace(table, columns=(*table.columns[:2], table.columns[-1]), rows=rows)


def list_facts(facts: Iterable[tuple[str, str]], width: int, most: int) -> LineBlock:
    """Return labels with a text each."""
    lines = render_lines(make_grid(facts), width)
    return LineBlock(lines, rank=Rank.FACTS, most=most, describe_rest=_describe_rest)


def _describe_rest(omitted: int) -> str:
    return f"{omitted} more line{'' if omitted == 1 else 's'}: --verbose"
