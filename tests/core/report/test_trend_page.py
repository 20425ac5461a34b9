import pytest

from bench.core.history.levels import MAX_TREND_RUNS
from bench.core.history.trend import trend
from bench.core.report.trend_page import MetricHistory, TrendPage, trend_page
from bench.core.verdict.baseline import Baseline, PinnedBaseline
from bench.core.verdict.success import SUCCESS
from tests.factories import (
    NOON,
    make_baseline,
    make_fingerprint,
    make_history,
    make_point,
    make_reference_workload,
)

E2E = "e2e_ms"


def course(page: TrendPage, key: str = E2E) -> MetricHistory:
    """One metric of a page."""
    return next(each for each in page.metrics if each.key == key)


def anchored(baseline: Baseline, **parts: object) -> Baseline:
    """The baseline with an anchor whose runs are those of a baseline."""
    runs = make_baseline([1.1, 1.2, 1.3], **parts).runs
    pinned = PinnedBaseline(runs=runs, pinned_at=NOON, pinned_by="Tess Ter", reason="release 2.0")
    return baseline.model_copy(update={"pinned": pinned})


def test_a_course_has_each_run_and_its_level() -> None:
    """Values as they were measured, and the level before and after the change point."""
    history = make_history([1.0] * 20 + [1.3] * 12)
    page = trend_page(history)
    found = course(page)
    (change,) = found.change_points
    assert found.values == tuple(each.figures[E2E] for each in history)
    assert found.levels == (change.before,) * change.position + (change.after,) * (32 - change.position)
    assert (page.where, page.newest, page.older) == ("embedded/simulated/quick", history[-1], 0)
    assert page.trend == trend(history)
    assert [each.key for each in page.metrics] == [each.key for each in page.trend.metrics]


def test_a_run_that_lacks_a_metric_has_a_hole() -> None:
    """Absent is None, never 0."""
    history = [make_point(number) for number in range(4)]
    lacking = history[1].model_copy(update={"figures": {E2E: 500.0}})
    found = course(trend_page([history[0], lacking, *history[2:]]), "tier.queue_ms")
    assert found.values == (40.0, None, 40.0, 40.0)
    assert found.levels == (40.0,) * 4


def test_the_band_is_that_of_the_baseline_and_the_line_that_of_the_anchor() -> None:
    """From the least to the most that is typical of its runs, and the median of the pinned ones."""
    baseline = make_baseline([1.0, 1.02, 0.98], failed=(1,))
    page = trend_page([make_point(number) for number in range(3)], anchored(baseline))
    found, success = course(page), course(page, SUCCESS)
    assert found.band is not None
    assert found.pinned is not None
    assert found.band.high / found.band.low == pytest.approx(1.02 / 0.98, rel=0.01)
    assert found.band.runs == 3
    assert found.band.low < found.band.high < found.pinned
    assert success.band is not None
    assert success.band.low == success.band.high == pytest.approx(0.99)


def test_what_does_not_compare_is_no_band() -> None:
    """Neither a baseline nor an anchor of another load, nor a metric that its runs lack."""
    other = make_fingerprint(work_digest="e" * 64)
    history = [make_point(number, figures={E2E: 500.0, "tier.rerank_ms": 9.0}) for number in range(3)]
    unlike = trend_page(history, anchored(make_baseline([1.0] * 5, fingerprint=other), fingerprint=other))
    assert course(unlike).band is None
    assert course(unlike).pinned is None
    assert course(trend_page(history, make_baseline()), "tier.rerank_ms").band is None
    assert course(trend_page(history, make_baseline())).pinned is None


def test_a_long_history_is_cut_and_what_is_left_out_counted() -> None:
    """The newest runs are shown, however many there are."""
    page = trend_page([make_point(number) for number in range(MAX_TREND_RUNS + 30)])
    assert (len(page.runs), page.older) == (MAX_TREND_RUNS, 30)
    assert page.runs[0].run_id == "run-030"


def test_what_machines_did_is_taken_out_of_what_is_shown() -> None:
    """The values are those that are judged: of slower machines no slower, where controls say so."""
    workload_factors = [1.0 + 0.02 * (number % 5) + 0.3 * (number >= 15) for number in range(30)]
    real = make_fingerprint(simulated=False)
    runs = [
        make_point(
            number,
            workload_factor,
            fingerprint=real,
            reference_workload=make_reference_workload(workload_factor),
        )
        for number, workload_factor in enumerate(workload_factors)
    ]
    known = [each for each in course(trend_page(runs)).values if each is not None]
    assert max(known) / min(known) < 1.1
