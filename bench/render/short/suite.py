"""The short report on a suite: the decision, a line for each scenario, and the changes of the worst one."""

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from bench.core.report.report import Report
from bench.core.report.suite import SuiteReport
from bench.core.report.words import sign_unanswered
from bench.render.document.format import ShortLayout
from bench.render.short.block import (
    LineBlock,
    Rank,
    clean,
    count_words,
    cut_text,
    fit,
    list_sentences,
    print_lines,
    usable_width,
)
from bench.render.short.places import list_commands, place_lines
from bench.render.short.run import headline, list_changes, next_step
from bench.render.terminal import style_decision

_MOST_REASONS = 4
_MOST_LOG_LINES = 5
_LEAST_RUNS = 4


def short_suite_text(suite: SuiteReport, layout: ShortLayout, *, width: int, colour: bool) -> str:
    """Return the report on a suite in at most the lines of a screen.

    Args:
        suite: The judged suite.
        layout: The lines that it may have, and the files of its most important run.
        width: Columns of the terminal.
        colour: Use ANSI colours.
    """
    columns = usable_width(width)
    blocks = [headline(suite.word, suite.headline, columns)]
    if suite.lead is not None:
        blocks.append(next_step(suite.lead.next_step, columns))
    blocks += [_reasons(suite, columns), _log(suite, columns), _runs(suite.reports, columns)]
    if suite.lead is not None:
        name = cut_text(Text(clean(suite.lead.result.scenario.name), "bold"), columns)
        blocks += list_changes(suite.lead, columns, name if len(suite.reports) > 1 else None)
    blocks.append(_places(layout, columns))
    return print_lines(fit(blocks, layout.lines, columns), width=columns, colour=colour)


def _reasons(suite: SuiteReport, width: int) -> LineBlock:
    return LineBlock(
        list_sentences(suite.reasons, width),
        rank=Rank.CROSSED,
        most=_MOST_REASONS,
        describe_rest=lambda omitted: f"{omitted} more reasons: --verbose",
        is_apart=False,
    )


def _log(suite: SuiteReport, width: int) -> LineBlock:
    """Return the last lines of the first known log of a scenario that was not measured."""
    for failure in suite.not_measured:
        if failure.log:
            lines = list_sentences(failure.log[-_MOST_LOG_LINES:], width, start="  ")
            heading = cut_text(Text(f"The end of the log of {clean(failure.scenario)}:"), width)
            return LineBlock(lines, rank=Rank.FAILURES, least=len(lines), heading=heading)
    return LineBlock((), Rank.FAILURES)


def _runs(reports: Sequence[Report], width: int) -> LineBlock:
    """Return a line for each run, the worst first."""
    widest = max((len(f"{sign_unanswered(report.word)}{report.word.text}") for report in reports), default=0)
    lines = []
    words = []
    for report in reports:
        words.append(report.word.text)
        word = style_decision(report.word, report.word.text)
        word.pad_right(widest + 1 - word.cell_len)
        sentence = clean(f"{report.result.scenario.name}: {report.headline}")
        lines.append(cut_text(Text.assemble(word, sentence), width))
    return LineBlock(
        tuple(lines),
        rank=Rank.RUNS,
        least=_LEAST_RUNS,
        describe_rest=lambda omitted: count_words(Counter(words[len(words) - omitted :])),
    )


def _places(layout: ShortLayout, width: int) -> LineBlock:
    lines: list[Text] = []
    for label, text in list_commands(layout).items():
        if text:
            lines += place_lines(label, text, width)
    return LineBlock(tuple(lines), rank=Rank.PLACES, least=len(lines))
