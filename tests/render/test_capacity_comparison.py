"""The comparison of a capacity search in each format: users that a change costs, in plain words."""

from collections.abc import Callable

import pytest

from bench.core.report.level import describe_level
from bench.core.report.load_change import describe_load_change, load_values
from bench.core.report.report import Report, make_report
from bench.core.report.suite import judge_suite
from bench.core.report.verdict_line import describe_run
from bench.core.values.wording import MINUS
from bench.core.verdict.compare import compare
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.publish.check import check_of
from bench.render.baseline_levels import describe_levels
from bench.render.baseline_levels import describe_run as describe_accepted
from bench.render.comment import Origin, render_comment
from bench.render.junit import run_junit
from bench.render.text import run_text
from tests.searches import Interval, accept_searches, head_at

Golden = Callable[[str, str], None]
ORIGIN = Origin("monthly", "a" * 40, pull=7, people={"queue": ("tess",)})
EXACT: tuple[Interval, ...] = ((17, 16, 18),) * 5
OPEN: tuple[Interval, ...] = ((40, 39, None),) * 2


def _plain(text: str) -> str:
    """The text with the minus of keyboards."""
    return text.replace(MINUS, "-")


def report(head: Interval | None, base: tuple[Interval | None, ...] = EXACT) -> Report:
    """The report on a search, compared with accepted ones."""
    run = head_at(head)
    return make_report(run, compare(run, accept_searches(base)))


@pytest.mark.parametrize(
    ("head", "base", "headline"),
    [
        (
            (14, 13, 15),
            EXACT,
            "This change costs three users of capacity (17 → 14, 96 % -5 to -1), in `queue`.",
        ),
        ((22, 21, 23), EXACT, "This change carries five more users (17 → 22, 96 % +3 to +7)."),
        ((16, 15, 17), EXACT, "No change: safe load 17 → 16 users (-3 to +1; detectable: 2 users)."),
        (
            (15, 10, 20),
            EXACT,
            (
                "Cannot tell: safe load: 17 → 15 users; the change may be chance; "
                "the smallest loss that it detects is seven users."
            ),
        ),
        ((24, 23, None), EXACT, "This change carries at least seven more users (17 → at least 24 users)."),
        (
            None,
            EXACT,
            "This change leaves no safe load: 1 user already breaks an objective (17 → 0 users), in `queue`.",
        ),
        (
            (30, 29, 31),
            OPEN,
            "This change costs at least ten users of capacity (at least 40 → 30 users), in `queue`.",
        ),
        (
            (40, 38, None),
            OPEN,
            "No change: safe load at least 40 → at least 40 users (no larger load was tried).",
        ),
    ],
)
def test_the_headline_counts_users(
    head: Interval | None, base: tuple[Interval | None, ...], headline: str
) -> None:
    """A reader who knows no statistics understands what the change costs."""
    assert _plain(report(head, base).headline) == headline


def test_a_single_user_is_singular() -> None:
    """Costs of one user, and of a rate, have their own words."""
    alone = report((1, 1, 1), ((2, 2, 2),) * 20)
    assert alone.comparison.metrics[0].verdict in {Verdict.UNCHANGED, Verdict.WITHIN_TOLERANCE}
    rates = accept_searches(((8.0, 7.9, 8.1),) * 5, "requests/s")
    run = head_at((6.4, 6.3, 6.5), "requests/s")
    costs = make_report(run, compare(run, rates)).headline
    assert costs.startswith("This change costs 1.6 requests/s of capacity (8.0 → 6.4, 96 % ")


def test_the_first_line_and_the_level_agree_with_the_headline() -> None:
    """The check of a commit, the terminal and the comment have the same numbers."""
    loss = report((14, 13, 15))
    line = _plain(describe_run(loss))
    assert line == (
        "Worse in quick: this change costs three users of capacity (17 → 14, 96 % -5 to -1), in `queue`."
    )
    check = check_of(judge_suite([loss]), "monthly", "")
    assert "three users of capacity" in check.title
    assert describe_level(loss.comparison) == (
        "safe load 17 → 14 users (worse) since the level of 2026-01-06"
    )


def test_a_lost_capacity_looks_as_it_was_approved(golden: Golden) -> None:
    """Comment and terminal of a regression, without the trials and the details of the run."""
    loss = report((14, 13, 15))
    comment = render_comment(judge_suite([loss]), ORIGIN)
    golden("comment-capacity.md", comment.partition("<details><summary>🔴")[0])
    text = run_text(loss, width=100, colour=False)
    judged = text[text.index("FAIL") :].partition("\n\nTrials")[0]
    golden("capacity-loss.txt", judged)
    failure = '<failure message="This change costs three users of capacity (17 → 14, 96 % -5 to -1)">'
    assert failure in _plain(run_junit(loss))


def test_an_accepted_search_shows_its_interval() -> None:
    """`bench baseline show` lists the safe load of each run, and not its response time."""
    baseline = accept_searches(((17, 15, 19), (40, 38, None)))
    first, second = map(describe_accepted, baseline.runs)
    assert "17 users  15 to 19, 90 % certain  Tess Ter: usual" in first
    assert "at least 38 users" in second
    assert any("users" in line for line in describe_levels(baseline))


def row_of(verdict: Verdict, change: float) -> MetricComparison:
    """A row with a small change."""
    (row,) = report((17, 16, 18)).comparison.metrics
    head = 17.0 + change
    return row.model_copy(update={"verdict": verdict, "change": change, "head": head})


@pytest.mark.parametrize("change", [-0.3, -0.04, 0.4])
def test_a_proven_change_never_looks_like_none(change: float) -> None:
    """Rounding to whole users must not hide a change that is not by chance."""
    row = row_of(Verdict.WORSE if change < 0 else Verdict.BETTER, change)
    assert "no user" not in describe_load_change(row)
    before, _, after = load_values(row).removesuffix(" users").partition(" → ")
    assert before != after
