import pytest

from bench.core.config.stack_tiers import ServiceHistogram
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.tier_means import mean_metrics
from bench.core.tiers.histogram_means import (
    HistogramReading,
    HistogramTotal,
    TierMean,
    join_means,
    tier_means,
)

MODEL = ServiceHistogram(service="model", series="model_seconds")
AGENT = ServiceHistogram(service="agent", series="agent_ms", unit="ms", includes=("model",))


def reading(at_s: float, **totals: tuple[float, float]) -> HistogramReading:
    """A reading of sums and counts by tier."""
    return HistogramReading(at_s, {tier: HistogramTotal(*total) for tier, total in totals.items()})


def test_a_mean_is_the_time_per_message() -> None:
    """Sum and count grow by the load; a tier that a message calls twice has both durations."""
    before = reading(0.0, model=(10.0, 5), agent=(100.0, 1))
    after = reading(9.0, model=(18.0, 25), agent=(9100.0, 11))
    means, warnings = tier_means({"agent": AGENT, "model": MODEL}, before, after, messages=10)
    assert {tier: mean.mean_ms for tier, mean in means.items()} == pytest.approx(
        {"model": 800.0, "agent": 100.0}
    )
    assert {tier: mean.observations for tier, mean in means.items()} == {"model": 20, "agent": 10}
    assert not warnings


def test_a_histogram_may_begin_with_the_load() -> None:
    """A service creates a series with its first observation."""
    means, _ = tier_means({"model": MODEL}, reading(0.0), reading(9.0, model=(5.0, 10)), messages=10)
    assert means["model"].mean_ms == pytest.approx(500.0)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((10.0, 5), None, "has no values with this name"),
        ((10.0, 5), (1.0, 2), "fell during the load"),
        ((10.0, 5), (9.0, 6), "fell during the load"),
        ((10.0, 5), (10.0, 5), "counted no duration"),
        (None, None, "has no values with this name"),
    ],
)
def test_a_histogram_without_a_mean_is_reported(
    before: tuple[float, float] | None, after: tuple[float, float] | None, words: str
) -> None:
    """A missing, restarted or unused histogram gives a warning, and no number."""
    start = reading(0.0, **({"model": before} if before else {}))
    end = reading(9.0, **({"model": after} if after else {}))
    means, warnings = tier_means({"model": MODEL}, start, end, messages=10)
    assert means == {}
    assert len(warnings) == 1
    assert words in warnings[0]
    assert "`model`" in warnings[0]


def test_without_answers_there_is_no_time_per_message() -> None:
    """A load without an answered message has no time per message."""
    means, warnings = tier_means({"model": MODEL}, reading(0.0), reading(9.0, model=(5.0, 10)), messages=0)
    assert (means, len(warnings)) == ({}, 1)


@pytest.mark.parametrize("remainder", [None, "backend"])
def test_means_are_metrics_of_the_run(remainder: str | None) -> None:
    """Each tier has one figure for all messages, and the rest of the service time has a name."""
    service = MetricSummary(count=10, mean=1000.0)
    metrics = mean_metrics({"model": TierMean(800.0, 20)}, service, remainder)
    assert metrics["tier.model_ms"].figures == {"all": 800.0}
    assert metrics[f"tier.{remainder or 'unattributed'}_ms"].mean == pytest.approx(200.0)
    assert mean_metrics({}, service, remainder) == {}


def test_the_runs_of_a_version_are_joined() -> None:
    """Several runs have the mean of their means, for tiers that all of them have."""
    runs = [{"model": TierMean(100.0, 5), "db": TierMean(1.0, 5)}, {"model": TierMean(200.0, 5)}]
    assert join_means(runs) == {"model": TierMean(150.0, 10)}
