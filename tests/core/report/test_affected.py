"""Whom a change affects, in which tier, and since when."""

import pytest

from bench.core.report.affected import (
    describe_affected,
    describe_since,
    find_decisive_row,
    list_classes,
    list_tiers,
)
from bench.core.report.report import find_claim, make_report
from bench.core.verdict.compare import compare
from bench.core.verdict.message_comparison import MessageComparison
from tests.factories import TIER_TIMES, make_baseline, run_at
from tests.render.reports import reports

REPORTS = reports()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("long-messages", "long: 3 messages, 23.1 % of the requests"),
        ("errors", "9 of 100 requests failed"),
        ("pass", "no message"),
        ("in-turns", "all 4 messages"),
        ("no-baseline", ""),
        ("interrupted", ""),
        ("too-noisy", "not known"),
    ],
)
def test_the_affected_are_named(name: str, text: str) -> None:
    """Classes with their share of the requests, failed requests, all messages, or none of them."""
    assert describe_affected(REPORTS[name]) == text


@pytest.mark.parametrize("name", REPORTS)
def test_the_decisive_row_is_that_of_the_headline(name: str) -> None:
    """The picture shows the row that the headline describes; a run that was not judged has no picture."""
    report = REPORTS[name]
    claim = find_claim(report)
    row = find_decisive_row(report)
    if claim is not None and claim.rows:
        assert row is claim.rows[0]
    if not report.comparison.metrics:
        assert row is None


@pytest.mark.parametrize("name", REPORTS)
def test_the_rows_below_are_others(name: str) -> None:
    """At most three classes or messages stand below the decisive row, none of which is that row."""
    report = REPORTS[name]
    rows = list_classes(report)
    assert len(rows) <= 3
    assert all(isinstance(row, MessageComparison) for row in rows)
    assert find_decisive_row(report) not in rows


def test_the_named_tiers_have_their_change() -> None:
    """The tiers of the headline, with the change of their time and their share of the growth of all tiers."""
    (tier,) = list_tiers(REPORTS["regression"])
    assert tier.name == "decode"
    assert tier.change.startswith("+")
    assert 0.9 < tier.share <= 1.0
    assert list_tiers(REPORTS["pass"]) == ()


def test_half_of_the_growth_is_half_of_the_bar() -> None:
    """Two tiers that grow equally share the growth."""
    run = run_at(1.5, tier_times=TIER_TIMES | {"decode": TIER_TIMES["decode"] + 90, "queue": 130.0})
    tiers = list_tiers(make_report(run, compare(run, make_baseline())))
    assert {tier.name for tier in tiers} == {"decode", "queue"}
    assert all(0.4 < tier.share < 0.6 for tier in tiers)


def test_since_names_the_version_that_was_compared() -> None:
    """The newest commit of the baseline with its day and the number of runs; the base of pairs."""
    assert describe_since(REPORTS["regression"]) == (
        "after the last good commit ccccccccc of 2026-01-05 (baseline, 10 runs)"
    )
    assert describe_since(REPORTS["long-messages"]) == "after embedded@main (ddddddddd), 4 pairs"
    assert describe_since(REPORTS["pass"]) == "commit ccccccccc of 2026-01-05 (baseline, 10 runs)"
    assert describe_since(REPORTS["no-baseline"]) == ""
    confirmed = REPORTS["regression"].comparison.model_copy(update={"confirmed_by": "other"})
    report = REPORTS["regression"].model_copy(update={"comparison": confirmed})
    assert describe_since(report).endswith(", confirmed by a second run")


def test_a_drift_is_since_the_pinned_baseline() -> None:
    """The messages are compared with the newest level, so they do not stand below a drift."""
    assert describe_since(REPORTS["drifted"]) == "after the pinned baseline of 2026-01-05"
    assert list_classes(REPORTS["drifted"]) == ()


def test_messages_do_not_stand_below_a_tier() -> None:
    """A tier is drawn in milliseconds, and messages change in per cent."""
    row = find_decisive_row(REPORTS["mixed"])
    assert row is not None
    assert row.key == "tier.prefill_ms"
    assert list_classes(REPORTS["mixed"]) == ()


def test_a_vanished_metric_has_no_interval() -> None:
    """A run that failed without a compared change shows no other metric in its place."""
    assert find_decisive_row(REPORTS["missing"]) is None
