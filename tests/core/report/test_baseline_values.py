"""The values of a baseline's runs."""

from datetime import UTC, datetime

import pytest

from bench.core.report.baseline_values import list_baseline_values
from bench.core.report.series import make_series
from bench.core.run.figures import figures_of
from bench.core.run.tails import Tail
from bench.core.verdict.baseline import BaselineRun, to_baseline_run
from tests.factories import make_baseline, run_at

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def accepted(factor: float) -> BaselineRun:
    """Return a run with this speed, as a baseline stores it."""
    return to_baseline_run(run_at(factor), "usual", "Tess Ter", NOON)


def values_of(*runs: BaselineRun) -> dict[str, tuple[float, ...]]:
    """Return the values by metric."""
    return {row.key: row.values for row in list_baseline_values(runs)}


def test_each_run_has_its_typical_value_in_the_order_of_the_runs() -> None:
    """The values are those of the runs' own summaries."""
    runs = [run_at(factor) for factor in (1.0, 1.2, 0.9)]
    values = values_of(*(accepted(factor) for factor in (1.0, 1.2, 0.9)))
    summaries = [run.summary.metrics["e2e_ms"] for run in runs]
    assert values["e2e_ms"] == pytest.approx([row.typical for row in summaries], rel=1e-3)
    assert values["success_ratio"] == (1.0, 1.0, 1.0)
    assert values["requests_rps"] == pytest.approx([run.summary.requests_rps for run in runs], rel=1e-3)


def test_a_percentile_is_that_of_the_run_or_of_its_tail() -> None:
    """A run of many requests stores its percentile; the tail of another one leads to the same one."""
    run = accepted(1.0)
    without = run.model_copy(
        update={"figures": {key: row for key, row in run.figures.items() if key != "p95.e2e_ms"}}
    )
    stored = figures_of(run_at(1.0).summary)["p95.e2e_ms"]["all"]
    assert values_of(run)["p95.e2e_ms"] == pytest.approx((stored,), rel=1e-3)
    assert values_of(without)["p95.e2e_ms"] == pytest.approx((stored,), rel=0.011)


def test_a_run_has_no_percentile_of_few_requests() -> None:
    """The percentile of ten requests would be their longest one."""
    few = accepted(1.0).model_copy(
        update={"figures": {}, "tails": {"e2e_ms": Tail(total=10, counts={300: 3})}}
    )
    assert "p95.e2e_ms" not in values_of(few)


def test_a_metric_without_values_is_left_out() -> None:
    """An older baseline stores neither tails nor costs; its runs still have their response times."""
    run = accepted(1.0)
    older = run.model_copy(update={"tails": {}, "costs": {}, "figures": {"e2e_ms": run.figures["e2e_ms"]}})
    assert set(values_of(older)) == {"e2e_ms", "success_ratio"}
    assert list_baseline_values([]) == ()


def test_the_curves_of_a_run_contain_the_newest_level() -> None:
    """A page draws the runs that are the present state; without a baseline it draws none."""
    baseline = make_baseline((1.0, 1.01, 0.99, 1.02, 1.0))
    run = run_at(1.3)
    response = next(row for row in make_series(run, None, baseline).baseline if row.key == "e2e_ms")
    assert len(response.values) == 5
    assert make_series(run).baseline == ()
