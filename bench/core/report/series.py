"""The figures that a page draws of a run: a bounded number for any number of requests."""

from dataclasses import replace

from bench.core.report.baseline_values import BaselineValues, list_baseline_values
from bench.core.report.distribution import Distribution, distributions
from bench.core.report.failures import Failures, group_failures, list_failures
from bench.core.report.timeline import Timeline, timeline
from bench.core.report.waterfall import Waterfall, waterfall
from bench.core.run.overhead import select_target
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.run.warm_up import drop_warm_up
from bench.core.values.record import Record
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.comparable import comparable_levels


class RunSeries(Record):
    """The curves of one run."""

    distributions: tuple[Distribution, ...] = ()
    """Distribution of each latency, with the baseline's."""
    timeline: Timeline | None = None
    """The run over time; `None` if its requests were not kept, or if it has none."""
    baseline: tuple[BaselineValues, ...] = ()
    """The values of each run of the baseline's newest level, by metric; empty without a baseline."""
    waterfall: Waterfall | None = None
    """Single requests; `None` as for the timeline."""
    failures: Failures | None = None
    """The failed requests in groups; `None` if no request failed."""


def make_series(
    result: RunResult, recording: Recording | None = None, baseline: Baseline | None = None
) -> RunSeries:
    """Return the curves of a run.

    Args:
        result: The run.
        recording: Everything that was measured, warm-up included; `None` if it was not kept.
        baseline: Baseline to compare with; `None` for no comparison.
    """
    levels = comparable_levels(result, baseline) if baseline else []
    runs = [run for level in levels for run in level]
    baseline_values = list_baseline_values(levels[-1]) if levels else ()
    if recording is None:
        return RunSeries(
            distributions=distributions(result, runs, None),
            baseline=baseline_values,
            failures=list_failures(result),
        )
    phases = result.scenario.phases
    without_warm_up = drop_warm_up(recording, phases)
    counted = replace(without_warm_up, samples=select_target(without_warm_up.samples))
    return RunSeries(
        distributions=distributions(result, runs, counted.samples),
        timeline=timeline(counted, phases, result.summary),
        baseline=baseline_values,
        waterfall=waterfall(counted, phases, result.summary.metrics),
        failures=group_failures(counted, phases),
    )
