"""The short report on a run: worse, how much, who, where, since when, and what now."""

from collections.abc import Iterator

from rich.text import Text

from bench.core.report.affected import find_decisive_row
from bench.core.report.report import Report
from bench.core.report.words import Word
from bench.core.samples.metrics import label_and_unit
from bench.core.samples.sample import EXCLUDED_OUTCOMES, Outcome
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.render.document.document import Document, make_document, split_headline, threshold_table
from bench.render.document.facts import measured_facts
from bench.render.document.format import ShortLayout
from bench.render.document.loads import load_tables
from bench.render.document.results import first_failures, time_table
from bench.render.short.block import (
    LineBlock,
    Rank,
    clean,
    cut_text,
    fit,
    list_sentences,
    print_lines,
    usable_width,
    wrap_text,
)
from bench.render.short.changes import draw_decisive, find_rows, list_blocks
from bench.render.short.listed import list_facts, list_rows, list_trials
from bench.render.short.notes import describe_cautions, list_notes
from bench.render.short.places import list_places
from bench.render.terminal import style_decision

_MOST_HEADLINE = 4
_MOST_NEXT_STEP = 5
_MOST_ANSWER = 3
_MOST_LOADS = 7
_MOST_FAILURES = 3
_MOST_CROSSED = 4
_MOST_REASONS = 4
_SHORT_FACTS = ("answered", "bottleneck")
_MOST_FACTS = 8


def short_run_text(report: Report, layout: ShortLayout, *, width: int, colour: bool) -> str:
    """Return the report on a run in at most the lines of a screen.

    Args:
        report: The judged run.
        layout: The lines that it may have, and the files that it names.
        width: Columns of the terminal.
        colour: Use ANSI colours.
    """
    columns = usable_width(width)
    blocks = [*list_run_blocks(report, columns), list_places(report, layout, columns)]
    return print_lines(fit(blocks, layout.lines, columns), width=columns, colour=colour)


def list_run_blocks(report: Report, width: int) -> Iterator[LineBlock]:
    """Yield the blocks of a run without the places to look at."""
    document = make_document(report)
    yield _capacity_answer(document, width)
    yield headline(document.word, document.headline, width)
    yield next_step(document.next_step, width)
    yield _reasons(report, width)
    yield _crossed(report, width)
    yield from list_changes(report, width)
    yield _loads(report, width)
    yield from _without_comparison(report, width)
    if document.capacity is not None:
        yield list_facts(document.capacity.facts, width, _MOST_FACTS)
    yield _failures(report, width)
    yield list_notes(
        {
            "without an answer": _vanished(report),
            **describe_cautions(report),
            "level": _level(report),
            "finding": document.findings,
            "warning": document.warnings,
            "alert": document.alerts,
            "advice": document.advice,
        },
        width,
    )


def list_changes(report: Report, width: int, heading: Text | None = None) -> Iterator[LineBlock]:
    """Yield the decisive change on its tolerance, then metrics, messages and tiers.

    Args:
        report: The judged run.
        width: Columns of the terminal.
        heading: A line above the decisive change.
    """
    row = find_decisive_row(report)
    drawn = () if row is None else draw_decisive(row, width)
    yield LineBlock(drawn, rank=Rank.DECISIVE, least=len(drawn), heading=heading)
    yield from list_blocks(find_rows(report), width)


def next_step(sentence: str, width: int) -> LineBlock:
    """Return what the reader can do now."""
    lines = wrap_text(Text(clean(sentence)), width, _MOST_NEXT_STEP)
    return LineBlock(lines, rank=Rank.NEXT_STEP, least=len(lines), is_apart=False)


def headline(word: Word, sentence: str, width: int) -> LineBlock:
    """Return the decision with its sentence."""
    decision, rest = split_headline(word, clean(sentence))
    text = Text.assemble(style_decision(word, decision), rest)
    lines = wrap_text(text, width, _MOST_HEADLINE)
    return LineBlock(lines, rank=Rank.VERDICT, least=len(lines), is_apart=False)


def _capacity_answer(document: Document, width: int) -> LineBlock:
    answer = "" if document.capacity is None else clean(document.capacity.answer)
    lines = wrap_text(Text(answer, "bold"), width, _MOST_ANSWER) if answer else ()
    return LineBlock(lines, rank=Rank.VERDICT, least=len(lines))


def _crossed(report: Report, width: int) -> LineBlock:
    """Return the crossed thresholds; a capacity search shows its trials instead."""
    lines = []
    for threshold in report.result.thresholds if report.result.capacity is None else ():
        if threshold.crossed:
            label, _ = label_and_unit(threshold.metric)
            limit = clean(f"{label} {threshold.expression.source}, measured {threshold.measured}")
            lines.append(cut_text(Text.assemble(("threshold crossed: ", "red"), limit), width))
    return LineBlock(
        tuple(lines),
        rank=Rank.CROSSED,
        most=_MOST_CROSSED,
        describe_rest=lambda omitted: f"{omitted} more crossed thresholds",
    )


def _loads(report: Report, width: int) -> LineBlock:
    """Return the trials of a search, the results at each load, or the times of a run without a comparison."""
    capacity = report.result.capacity
    if capacity is not None:
        return list_trials(capacity, width)
    summary = report.result.summary
    tables = load_tables(summary.bottleneck)
    if tables and not report.comparison.metrics:
        return list_rows(tables[0], width, _MOST_LOADS)
    if report.comparison.metrics or report.decision is Decision.INVALID:
        return LineBlock((), Rank.LOADS)
    return list_rows(time_table(summary), width, _MOST_LOADS)


def _without_comparison(report: Report, width: int) -> Iterator[LineBlock]:
    """Yield throughput, slowest tier and kept thresholds of a run that is compared with nothing."""
    result = report.result
    if report.comparison.metrics or result.capacity is not None or report.decision is Decision.INVALID:
        return
    facts = [(label, text) for label, text in measured_facts(result) if label in _SHORT_FACTS]
    yield list_facts(facts, width, _MOST_FACTS)
    if not any(threshold.crossed for threshold in result.thresholds):
        yield list_rows(threshold_table(result), width, _MOST_CROSSED, Rank.FAILURES)


def _failures(report: Report, width: int) -> LineBlock:
    """Return the failed requests by outcome, with the first words of the server."""
    summary = report.result.summary
    words = first_failures(summary)
    lines = []
    for outcome, count in sorted(summary.outcomes.items(), key=lambda item: -item[1]):
        if outcome is not Outcome.OK and outcome not in EXCLUDED_OUTCOMES:
            text = f"failed: {count:,} of {summary.requests:,} requests, {outcome.value}"
            detail = words.get(outcome, "")
            lines.append(cut_text(Text(clean(f"{text}: {detail}" if detail else text)), width))
    return LineBlock(
        tuple(lines),
        rank=Rank.FAILURES,
        most=_MOST_FAILURES,
        describe_rest=lambda omitted: f"{omitted} more outcomes of failed requests",
    )


def _reasons(report: Report, width: int) -> LineBlock:
    """Return why a run has no verdict; the rows of metrics show why it failed."""
    has_verdict = report.decision in {Decision.PASS, Decision.FAIL}
    reasons = () if has_verdict else report.comparison.reasons[1:]
    return LineBlock(
        list_sentences(reasons, width),
        rank=Rank.REASONS,
        most=_MOST_REASONS,
        describe_rest=lambda omitted: f"{omitted} more reasons",
        is_apart=False,
    )


def _level(report: Report) -> tuple[str, ...]:
    """Return the head's first runs compared with the committed baseline; empty without both."""
    level = report.comparison.level
    return () if level is None else (level,)


def _vanished(report: Report) -> tuple[str, ...]:
    """Return the messages that only the base has answers to, on one line."""
    names = report.comparison.vanished_messages
    return (f"{wording.counted(len(names), 'message')}: {', '.join(names)}",) if names else ()
