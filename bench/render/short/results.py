"""The short results of a run that is not judged."""

from collections.abc import Sequence

from rich.text import Text

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.report.words import DECISIONS
from bench.core.run.result import RunResult
from bench.core.verdict.compare import Decision
from bench.render.document.capacity import CapacityDocument, make_capacity_document
from bench.render.document.format import ShortLayout
from bench.render.document.results import RunResults, make_results
from bench.render.short.block import (
    LineBlock,
    Rank,
    clean,
    cut_text,
    fit,
    print_lines,
    usable_width,
    wrap_text,
)
from bench.render.short.listed import list_facts, list_rows, list_trials
from bench.render.short.notes import list_notes
from bench.render.terminal import style_decision

_MOST_HEADLINE = 3
_MOST_PROBLEMS = 3
_MOST_FACTS = 8
_MOST_ROWS = 6


def short_results_text(result: RunResult, layout: ShortLayout, *, width: int, colour: bool) -> str:
    """Return the results of a run in at most the lines of a screen.

    Args:
        result: The run.
        layout: The lines that they may have.
        width: Columns of the terminal.
        colour: Use ANSI colours.
    """
    columns = usable_width(width)
    document = make_capacity_document(result)
    if document is None or result.capacity is None:
        blocks = _list_blocks(result, make_results(result), columns)
    else:
        blocks = _list_capacity_blocks(result, result.capacity, document, columns)
    return print_lines(fit(blocks, layout.lines, columns), width=columns, colour=colour)


def _list_blocks(result: RunResult, results: RunResults, width: int) -> list[LineBlock]:
    ranks = (Rank.METRICS, Rank.MESSAGES, Rank.TIERS, Rank.LOADS, Rank.FAILURES)
    tables = []
    for table, rank in zip(results.tables, ranks, strict=False):
        tables.append(list_rows(table, width, _MOST_ROWS, rank))
    marks = LineBlock((cut_text(Text(results.marks, "dim"), width),), Rank.NOTES, is_apart=False)
    if results.marks and tables:
        tables.insert(1, marks)
    return [
        _sentence(results.headline, width),
        _problems(results.problems, width),
        list_facts(results.facts, width, _MOST_FACTS),
        *tables,
        _notes(result, results.findings, results.warnings, width),
    ]


def _list_capacity_blocks(
    result: RunResult, capacity: CapacityResult, document: CapacityDocument, width: int
) -> list[LineBlock]:
    next_step = wrap_text(Text(clean(document.next_step)), width, _MOST_HEADLINE)
    return [
        _sentence(document.answer, width),
        LineBlock(next_step, Rank.NEXT_STEP, is_apart=False),
        _problems(result.validity.reasons, width),
        list_trials(capacity, width),
        list_facts(document.facts, width, _MOST_FACTS),
        _notes(result, (), result.warnings, width),
    ]


def _sentence(text: str, width: int) -> LineBlock:
    lines = wrap_text(Text(clean(text), "bold"), width, _MOST_HEADLINE)
    return LineBlock(lines, Rank.VERDICT, least=len(lines))


def _problems(problems: Sequence[str], width: int) -> LineBlock:
    lines = []
    for problem in problems:
        line = Text.assemble(style_decision(DECISIONS[Decision.INVALID]), f" {clean(problem)}")
        lines.append(cut_text(line, width))
    return LineBlock(
        tuple(lines),
        rank=Rank.CROSSED,
        most=_MOST_PROBLEMS,
        describe_rest=lambda omitted: f"{omitted} more reasons: --verbose",
        is_apart=False,
    )


def _notes(result: RunResult, findings: Sequence[str], warnings: Sequence[str], width: int) -> LineBlock:
    injections = result.provenance.injections
    knobs = ", ".join(f"{knob}={value:g}" for knob, value in injections.items())
    notes = {"injected": (knobs,) if knobs else (), "finding": findings, "warning": warnings}
    return list_notes(notes, width)
