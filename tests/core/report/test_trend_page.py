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
    with_runs,
)

E2E = "e2e_ms"


def metric_history(page: TrendPage, key: str = E2E) -> MetricHistory:
    """Return the history of one metric of a page."""
    return next(metric for metric in page.metrics if metric.key == key)


def with_pinned_baseline(baseline: Baseline, **parts: object) -> Baseline:
    """Return the baseline with a pinned baseline of three slower runs."""
    runs = make_baseline([1.1, 1.2, 1.3], **parts).runs
    pinned = PinnedBaseline(runs=runs, pinned_at=NOON, pinned_by="Tess Ter", reason="release 2.0")
    return baseline.model_copy(update={"pinned": pinned})


def test_a_metric_history_has_each_run_and_its_level() -> None:
    """It has the measured values, and the level before and after the change point."""
    history = make_history([1.0] * 20 + [1.3] * 12)
    page = trend_page(history)
    e2e = metric_history(page)
    (change,) = e2e.change_points
    assert e2e.values == tuple(point.figures[E2E] for point in history)
    assert e2e.levels == (change.before,) * change.position + (change.after,) * (32 - change.position)
    assert (page.where, page.newest, page.older) == ("embedded/simulated/quick", history[-1], 0)
    assert page.trend == trend(history)
    assert [metric.key for metric in page.metrics] == [metric.key for metric in page.trend.metrics]


def test_a_run_without_a_metric_has_no_value() -> None:
    """A missing value is None, not 0."""
    history = [make_point(number) for number in range(4)]
    lacking = history[1].model_copy(update={"figures": {E2E: 500.0}})
    queue = metric_history(trend_page([history[0], lacking, *history[2:]]), "tier.queue_ms")
    assert queue.values == (40.0, None, 40.0, 40.0)
    assert queue.levels == (40.0,) * 4


def test_a_metric_history_shows_the_baseline_and_the_pinned_baseline() -> None:
    """The band is the typical range of the baseline, and the line is the median of the pinned baseline."""
    baseline = make_baseline([1.0, 1.02, 0.98], failed=(1,))
    page = trend_page([make_point(number) for number in range(3)], with_pinned_baseline(baseline))
    e2e, success = metric_history(page), metric_history(page, SUCCESS)
    assert e2e.band is not None
    assert e2e.pinned is not None
    assert e2e.band.high / e2e.band.low == pytest.approx(1.02 / 0.98, rel=0.01)
    assert e2e.band.runs == 3
    assert e2e.band.low < e2e.band.high < e2e.pinned
    assert success.band is not None
    assert success.band.low == success.band.high == pytest.approx(0.99)


def test_an_incomparable_baseline_has_no_band() -> None:
    """A baseline of another load, and a metric that the baseline lacks, have no band and no line."""
    other = make_fingerprint(work_digest="e" * 64)
    history = [make_point(number, figures={E2E: 500.0, "tier.rerank_ms": 9.0}) for number in range(3)]
    incomparable = trend_page(
        history, with_pinned_baseline(make_baseline([1.0] * 5, fingerprint=other), fingerprint=other)
    )
    assert metric_history(incomparable).band is None
    assert metric_history(incomparable).pinned is None
    assert metric_history(trend_page(history, make_baseline()), "tier.rerank_ms").band is None
    assert metric_history(trend_page(history, make_baseline())).pinned is None


def test_a_long_history_shows_its_newest_runs() -> None:
    """The page shows the newest runs and the number of older runs."""
    page = trend_page([make_point(number) for number in range(MAX_TREND_RUNS + 30)])
    assert (len(page.runs), page.older) == (MAX_TREND_RUNS, 30)
    assert page.runs[0].run_id == "run-030"


def test_shown_values_are_corrected_by_the_machine_speed() -> None:
    """With a reference workload, a slower machine does not show as slower values."""
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
    values = [value for value in metric_history(trend_page(runs)).values if value is not None]
    assert max(values) / min(values) < 1.1


def test_a_baseline_run_without_requests_has_no_success() -> None:
    """A file may contain a run without requests; it has no share of successes."""
    empty = make_baseline([1.0] * 5)
    runs = tuple(run.model_copy(update={"ok": 0, "failed": 0}) for run in empty.runs)
    page = trend_page(make_history([1.0] * 20), with_runs(empty, runs))
    assert metric_history(page, SUCCESS).band is None
    assert metric_history(page).band is not None
