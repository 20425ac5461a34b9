"""Findings, warnings, alerts and advice of a run, one line each, with a count of the rest."""

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from bench.core.report.cautions import list_cautions
from bench.core.report.report import Report
from bench.render.short.block import LineBlock, Rank, clean, cut_text

_MOST_NOTES = 6
_PLAIN = frozenset({"level", "finding", "advice"})
"""Kinds of notes that need no caution."""


def list_notes(notes: Mapping[str, Sequence[str]], width: int) -> LineBlock:
    """Return the notes by kind: the first of each kind comes first.

    Args:
        notes: Sentences by kind, such as `warning`.
        width: Columns of the terminal.
    """
    lines = []
    for kind, note in _take_turns(notes):
        line = Text.assemble((f"{kind}: ", "" if kind in _PLAIN else "yellow"), clean(note))
        lines.append(cut_text(line, width))
    return LineBlock(
        tuple(lines),
        rank=Rank.NOTES,
        least=2,
        most=_MOST_NOTES,
        describe_rest=lambda omitted: f"{omitted} more note{'' if omitted == 1 else 's'}: --verbose",
    )


def describe_cautions(report: Report) -> dict[str, tuple[str, ...]]:
    """Return the conditions that weaken or explain the numbers, by their kind."""
    notes: dict[str, tuple[str, ...]] = {}
    for caution in list_cautions(report):
        notes[caution.label] = (caution.text,)
    return notes


def _take_turns(notes: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield the first note of each kind, then the second ones."""
    longest = max(map(len, notes.values()), default=0)
    for number in range(longest):
        for kind, of_kind in notes.items():
            if number < len(of_kind):
                yield kind, of_kind[number]
