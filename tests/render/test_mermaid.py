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
    """Return a regression whose first tiers have other values."""
    report = REPORTS["regression"]
    tier, *others = (each for each in report.comparison.metrics if each.key.startswith("tier."))
    metrics = (tier.model_copy(update=changes), *others)
    return make_report(report.result, report.comparison.model_copy(update={"metrics": metrics}))


def test_a_changed_tier_has_a_chart() -> None:
    """A slower or faster tier has a chart; a run without changes or without tiers has none."""
    drawn = {name for name, report in REPORTS.items() if tiers_chart(report)}
    assert {"regression", "improvement", "mixed"} <= drawn
    assert not {"pass", "no-baseline", "too-noisy", "hostile", "all-failed", "interrupted"} & drawn


@pytest.mark.parametrize("name", REPORTS)
def test_every_chart_follows_the_grammar(name: str) -> None:
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
    """Special characters of Mermaid and of Markdown are replaced in names."""
    report = _with_tiers(key=tier_key(text), head=900.0)
    compare_with = report.comparison.model_copy(update={"compare_with": text})
    chart = tiers_chart(make_report(report.result, compare_with))
    assert GRAMMAR.fullmatch(chart)
    assert max(map(len, chart.splitlines())) < 500


def test_numbers_have_no_exponent() -> None:
    """A chart has no number with an exponent and none below 0."""
    assert GRAMMAR.fullmatch(tiers_chart(_with_tiers(head=1e15, base=-1.0)))


def test_a_single_tier_has_no_chart() -> None:
    """A chart needs at least two tiers."""
    report = _with_tiers(verdict=Verdict.WORSE)
    (tier, *_) = report.comparison.metrics
    alone = report.comparison.model_copy(update={"metrics": (tier,)})
    assert tiers_chart(make_report(report.result, alone)) == ""
