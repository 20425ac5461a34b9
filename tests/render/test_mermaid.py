import re

import pytest

from bench.core.report.report import Report, make_report
from bench.core.samples.metrics import tier_key
from bench.core.verdict.verdict import Verdict
from bench.render.mermaid import tiers_chart
from tests.render.reports import HOSTILE, reports

REPORTS = reports()
NAME = r'"[A-Za-z0-9 ._-]+"'
NUMBERS = r"\[\d+\.\d(?:, \d+\.\d)*\]"
# What Mermaid's parser takes, as far as it is used: each line, whole.
GRAMMAR = re.compile(
    rf"```mermaid\nxychart-beta\n    title {NAME}\n    x-axis \[{NAME}(?:, {NAME})*\]\n"
    rf'    y-axis "ms" 0 --> \d+\n    bar {NUMBERS}\n    line {NUMBERS}\n```\n'
)


def _with_tiers(**changes: object) -> Report:
    """A regression whose first tier has other values."""
    report = REPORTS["regression"]
    tier, *others = (each for each in report.comparison.metrics if each.key.startswith("tier."))
    metrics = (tier.model_copy(update=changes), *others)
    return make_report(report.result, report.comparison.model_copy(update={"metrics": metrics}))


def test_there_is_a_chart_where_a_tier_moved() -> None:
    """A slower tier and a faster one are worth a picture; a run like the others, or without tiers, is not."""
    drawn = {name for name, report in REPORTS.items() if tiers_chart(report)}
    assert {"regression", "improvement", "mixed"} <= drawn
    assert not {"pass", "no-baseline", "too-noisy", "hostile", "all-failed", "interrupted"} & drawn


@pytest.mark.parametrize("name", REPORTS)
def test_every_chart_is_of_the_grammar(name: str) -> None:
    """A chart has a bar and a point of the line for each name, and its axis is higher than all of them."""
    chart = tiers_chart(REPORTS[name])
    if chart:
        assert GRAMMAR.fullmatch(chart)
        names, bars, points = (re.search(rf"{part} \[(.*)\]", chart) for part in ("x-axis", "bar", "line"))
        assert names is not None
        assert bars is not None
        assert points is not None
        assert len(names[1].split(", ")) == len(bars[1].split(", ")) == len(points[1].split(", ")) > 1
        top = re.search(r"--> (\d+)", chart)
        assert top is not None
        assert max(map(float, (bars[1] + ", " + points[1]).split(", "))) <= float(top[1])


@pytest.mark.parametrize("text", [HOSTILE, '"]\n```\n<script>', "%%{init: {}}%%", "a" * 10_000])
def test_hostile_text_is_not_in_a_chart(text: str) -> None:
    """A name that is something else to Mermaid or to Markdown has it taken away."""
    report = _with_tiers(key=tier_key(text), head=900.0)
    compare_with = report.comparison.model_copy(update={"compare_with": text})
    chart = tiers_chart(make_report(report.result, compare_with))
    assert GRAMMAR.fullmatch(chart)
    assert max(map(len, chart.splitlines())) < 500


def test_numbers_are_written_out() -> None:
    """A value that Python would write as a power is none in a chart, and none is below nought."""
    assert GRAMMAR.fullmatch(tiers_chart(_with_tiers(head=1e15, base=-1.0)))


def test_a_single_tier_has_no_chart() -> None:
    """One bar beside one point says less than the table."""
    report = _with_tiers(verdict=Verdict.REGRESSED)
    (tier, *_) = report.comparison.metrics
    alone = report.comparison.model_copy(update={"metrics": (tier,)})
    assert tiers_chart(make_report(report.result, alone)) == ""
