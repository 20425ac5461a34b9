"""Sentence, point, interval and verdict agree in every format, for any comparison."""

import html
import re
from collections.abc import Callable, Iterator

import pytest

from bench.core.report.report import Report, make_report
from bench.core.report.series import make_series
from bench.core.report.suite import judge_suite
from bench.core.report.words import find_word
from bench.core.samples.metric import Better, Part
from bench.core.samples.metrics import metric, tier_key
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.render.comment import Origin, render_comment
from bench.render.document.document import comparison_table, make_document, message_table
from bench.render.document.table import Compared, Table
from bench.render.html.assets import Assets
from bench.render.html.page import render_page
from bench.render.json_ import run_json
from bench.render.junit import run_junit
from bench.render.markdown import run_markdown
from bench.render.text import run_text
from tests.factories import run_at
from tests.render.random_comparisons import random_comparisons

SEEDS = range(20)
COUNT = 500  # comparisons of each seed: 10,000 together
RENDERED = 20  # comparisons that are rendered in every format
RUN = run_at()
SERIES = make_series(RUN)
WORSE_WORDS = {"worse", "worse, within tolerance", "slower, within tolerance", "slower"}
BETTER_WORDS = {"better", "faster"}
SIZE = re.compile(
    r"(less than )?([\d.,]+) (%|times as) (slower|faster|more|less|higher|lower|slow|high|much)"
)
TIERS = re.compile(r", in ((?:`[a-z]+`(?:, | and )?)+)")


def number(text: str) -> float:
    """Return the number at the start of a text, seconds as milliseconds: `-1.2 %`, `2,100`."""
    first = re.split(r"[^\d.,+-]", text.replace("\u2212", "-"))[0].replace(",", "")
    return float(first) * (1000.0 if text.endswith(" s") else 1.0)


def cells(table: Table) -> Iterator[tuple[Compared, dict[str, str]]]:
    """Yield each compared row with its cells by heading."""
    for row, texts in zip(table.compared, table.rows, strict=True):
        named = dict(zip(table.columns, texts, strict=True))
        interval = next(text for name, text in named.items() if name.endswith("interval"))
        yield row, {**named, "interval": interval, "typical": texts[table.columns.index(TYPICAL)]}


TYPICAL = "typical (paired by message)"


def worse_sign(key: str) -> int:
    """Return 1 if larger values are worse."""
    return 1 if metric(key).better is Better.LOWER else -1


def check_row(row: Compared, named: dict[str, str]) -> None:
    """Check that the cells of a row have one direction and the row's verdict."""
    word = named["verdict"]
    sign = worse_sign(row.key)
    if named["interval"] == "–":  # noqa: RUF001 - the dash
        assert word in {"missing", "new"}, named
        return
    first, last = named["interval"].split(" to ")
    low, high = number(first + last[-2:].removesuffix("%")), number(last)
    point = number(named["change"])
    assert low <= point <= high, named
    old, _, new = named["typical"].partition(" → ")
    if word in WORSE_WORDS:
        assert sign * point > 0, named
        assert min(sign * low, sign * high) > 0, named
        assert old != new.rpartition(" ")[0], named
    elif word in BETTER_WORDS:
        assert sign * point < 0, named
        assert max(sign * low, sign * high) < 0, named
    elif word == "no change":
        assert low <= 0 <= high, named
    else:
        assert word == "cannot tell", named
    assert find_word(word) is not None


def rows_of(report: Report) -> list[Compared]:
    """Return all compared rows of a report."""
    comparison = report.comparison
    return [*comparison.metrics, *comparison.against_pinned, *comparison.messages]


def check_sentence(report: Report) -> None:
    """Check that the first sentence has a row's size and values, and names only tiers that grew."""
    headline = report.headline
    sizes = SIZE.findall(headline)
    if report.decision is Decision.FAIL and report.comparison.regressed(Part.DECIDES):
        assert sizes or "requests succeeded" in headline, headline
    for less, size, unit, word in sizes:
        assert any(_has_size(row, less, size, unit, word) for row in rows_of(report)), headline
    named = TIERS.search(headline)
    verdicts = {row.key: row.verdict for row in report.comparison.metrics}
    for tier in re.findall(r"`([a-z]+)`", named[1]) if named else ():
        assert tier != "unattributed", headline
        assert verdicts[tier_key(tier)] in {Verdict.WORSE, Verdict.WITHIN_TOLERANCE}, headline
    assert "unattributed" not in headline


def _has_size(row: Compared, less: str, size: str, unit: str, word: str) -> bool:
    """Return whether a row with a proven change has this size and this direction."""
    if row.change_ratio is None or row.verdict not in PROVEN:
        return False
    grew = word in {"slower", "more", "higher", "slow", "high", "much"}
    if grew != (row.change_ratio > 0):
        return False
    if unit == "times as":
        return abs(1 + row.change_ratio - number(size)) <= max(0.051, 0.051 * number(size))
    if less:
        return abs(row.change_ratio) < 0.001
    return abs(100 * abs(row.change_ratio) - number(size)) <= (0.0501 if "." in size else 0.501)


PROVEN = {Verdict.WORSE, Verdict.WITHIN_TOLERANCE, Verdict.BETTER}


@pytest.mark.parametrize("seed", SEEDS)
def test_words_and_numbers_agree(seed: int) -> None:
    """Ten thousand random comparisons: every row and the first sentence are consistent."""
    for comparison in random_comparisons(seed, COUNT):
        report = make_report(RUN, comparison)
        check_sentence(report)
        metrics = comparison_table("…", "metric", (*comparison.metrics, *comparison.against_pinned))
        for table in (metrics, message_table(comparison.messages)):
            for row, named in cells(table):
                check_row(row, named)


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": lambda report: run_text(report, width=200, colour=False),
    "markdown": run_markdown,
    "comment": lambda report: render_comment(judge_suite([report]), Origin("pr", "a" * 40)),
    "page": lambda report: render_page(report, SERIES, Assets("", "")),
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_the_same_words_and_numbers(form: str) -> None:
    """The cells of each row occur in one line of the output, in their order; the sentence occurs, too."""
    for comparison in random_comparisons(99, RENDERED):
        report = make_report(RUN, comparison)
        text = _plain(FORMATS[form](report))
        lines = text.splitlines()
        if form != "comment" or judge_suite([report]).decision is report.decision:
            assert any(_plain(report.headline.rpartition("Cannot tell")[2]) in line for line in lines)
        for table in make_document(report).judged:
            for row in table.rows if table.compared else ():
                assert any(_has_cells(line, row) for line in lines), row


def _has_cells(line: str, row: tuple[str, ...]) -> bool:
    """Return whether a line has the cells of a row in their order."""
    place = 0
    for cell in map(_plain, row):
        place = line.find(cell, place)
        if place < 0:
            return False
        place += len(cell)
    return True


def _plain(text: str) -> str:
    """Return a text without markup and escapes; the cells of an HTML row are on one line."""
    text = re.sub(r"</t[hd]>\s*(?:<td class=.interval.*?</td>)?\s*<t[hd]", " <td", text, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    return re.sub(r"[\u00a0\u200b\\`]", lambda match: " " if match[0] == "\u00a0" else "", text)


def test_data_formats_have_the_same_verdicts() -> None:
    """JSON keeps each row; JUnit fails exactly for what is worse, missing or vanished, if the run failed."""
    for comparison in random_comparisons(7, 2 * RENDERED):
        report = make_report(RUN, comparison)
        assert Report.model_validate_json(run_json(report)) == report
        failures = run_junit(report).count("<failure")
        worse = sum(
            row.verdict in {Verdict.WORSE, Verdict.MISSING} and _gates(row) for row in rows_of(report)
        )
        expected = worse + len(comparison.vanished_messages)
        assert failures == (expected if report.decision is Decision.FAIL else 0)


def _gates(row: Compared) -> bool:
    return getattr(row, "part", Part.DECIDES) is not Part.EXPLAINS
