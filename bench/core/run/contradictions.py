"""Numbers of a result that contradict each other: the file was changed by hand, or another program wrote it.

Every check holds for each result that `bench` writes, whatever the target did.
"""

from collections.abc import Iterator
from itertools import pairwise

from bench.core.config.executors import ClosedLoop
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.percentiles import PERCENTILES
from bench.core.run.result import RunResult
from bench.core.run.summary import RunSummary
from bench.core.samples.metrics import metric
from bench.core.samples.sample import EXCLUDED_OUTCOMES
from bench.core.values import wording
from bench.core.values.histogram import DurationCounts, Histogram

ROUNDING = 0.01
"""Share by which two numbers may differ that are equal."""
QUANTILE_ERROR = 0.05
"""Share by which a median and that of its histogram may differ."""
OTHER_UNIT = 100.0
"""Response times that are shorter by this factor than the load shows are in another unit, such as seconds."""
SHORT_MS = 10.0
"""The check of the unit allows this time for each request in addition."""
LATEST_S = 1.0
"""A killed run may know its own end up to this number of seconds too early."""
_OTHER_UNIT = "are the times in seconds?"
_MAY_BE_NEGATIVE = "send_lag_ms"


def find_contradictions(result: RunResult) -> tuple[str, ...]:
    """Return the contradictions in the numbers of a result, one sentence each."""
    summary = result.summary
    contradictions = [*_compare_counts(summary), *_compare_times(summary)]
    for key, row in summary.metrics.items():
        contradictions += _check_metric(key, row)
    return (*contradictions, *_check_unit(result))


def _compare_counts(summary: RunSummary) -> Iterator[str]:
    counted = 0
    for outcome, number in summary.outcomes.items():
        counted += 0 if outcome in EXCLUDED_OUTCOMES else number
    if counted != summary.requests:
        yield f"{summary.requests} requests, but {counted} outcomes"
    sent = 0
    for name, use in summary.messages.items():
        sent += use.requests
        if use.ok > use.requests:
            yield f"message {name} has {use.requests} requests, of which {use.ok} succeeded"
    if sent > summary.requests:
        yield f"{summary.requests} requests, but {sent} of its messages"
    if summary.ok and not any(key.endswith("_ms") for key in summary.metrics):
        yield f"{summary.ok} requests succeeded, but there are no times"


def _compare_times(summary: RunSummary) -> Iterator[str]:
    if summary.requests and summary.elapsed_s <= 0:
        yield f"{summary.requests} requests in {summary.elapsed_s:g} s"
        return
    if summary.requests_rps is not None and summary.requests_rps * summary.elapsed_s > _at_most(summary.ok):
        yield f"{summary.requests_rps:g} requests/s in {summary.elapsed_s:g} s, but {summary.ok} succeeded"
    response = summary.metrics.get("e2e_ms")
    if response is None:
        return
    if response.max is not None and response.max > 1000 * (summary.elapsed_s + LATEST_S):
        yield f"a response took {wording.duration(response.max)}, the run {summary.elapsed_s:g} s"
    service = summary.metrics.get("service_ms")
    if service is not None and service.mean > _at_most(response.mean):
        of_response = wording.duration(response.mean)
        of_service = wording.duration(service.mean)
        yield f"the mean service time {of_service} is above the response time {of_response}"
    yield from _compare_slices(summary, response)


def _compare_slices(summary: RunSummary, response: MetricSummary) -> Iterator[str]:
    """Yield a contradiction if the medians of the slices are longer than all response times together.

    At least half of the requests of a slice take its median or longer.
    """
    answered = 0
    at_least_ms = 0.0
    for part in summary.slices:
        answered += part.requests - part.failed
        at_least_ms += 0.5 * (part.requests - part.failed) * (part.p50 or 0.0)
    all_ms = response.mean * response.count
    if answered <= response.count and at_least_ms > 2 * all_ms:
        mean_ms = wording.duration(response.mean)
        shortest_ms = wording.duration(at_least_ms / answered)
        yield f"the mean response time is {mean_ms}, but over time at least {shortest_ms}: {_OTHER_UNIT}"


def _check_metric(key: str, row: MetricSummary) -> Iterator[str]:
    """Yield the contradictions between the statistics of one metric."""
    unit = metric(key).unit
    quantiles = [value for name in PERCENTILES if (value := getattr(row, name)) is not None]
    values = [row.mean, *quantiles, *filter(None, (row.typical, row.max)), *row.figures.values()]
    if unit == "ms" and key != _MAY_BE_NEGATIVE and min(values) < 0:
        yield f"{key} has the value {min(values):g} ms"
    if row.max is not None and max(values) > _at_most(row.max):
        largest = wording.value(max(values), unit)
        yield f"{key} has the maximum {wording.value(row.max, unit)} and the value {largest}"
    for lower, higher in pairwise(quantiles):
        if lower > _at_most(higher):
            yield f"{key} has the percentiles {wording.value(lower, unit)} and {wording.value(higher, unit)}"
    if row.histogram is not None:
        yield from _compare_histogram(key, row, row.histogram)


def _compare_histogram(key: str, row: MetricSummary, counts: DurationCounts) -> Iterator[str]:
    histogram = Histogram.of(counts)
    if histogram.count != row.count:
        yield f"{key} has {row.count} values, but {histogram.count} in its histogram"
    elif row.censored == 0 and histogram.count and key != _MAY_BE_NEGATIVE:
        if _differ(histogram.mean_ms(), row.mean, ROUNDING):
            yield f"{key} has the mean {row.mean:g} ms, its histogram {histogram.mean_ms():g} ms"
        if row.p50 is not None and _differ(histogram.quantile_ms(0.5), row.p50, QUANTILE_ERROR):
            yield f"{key} has the median {row.p50:g} ms, its histogram {histogram.quantile_ms(0.5):g} ms"


def _check_unit(result: RunResult) -> Iterator[str]:
    """Yield a contradiction if the VUs of closed loops were busy for far longer than their response times.

    A VU is always either pausing or waiting for a response. The check needs a run in which every request
    succeeded, because failures have no response times.
    """
    scenario = result.scenario
    summary = result.summary
    response = summary.metrics.get("e2e_ms")
    closed = [phase for phase in scenario.phases if isinstance(phase, ClosedLoop)]
    all_ok = 0 < summary.ok == sum(summary.outcomes.values())
    if response is None or scenario.is_journey or scenario.compare_with or not all_ok:
        return
    if len(closed) < len(scenario.phases) or result.stop is not None or summary.requests < scenario.vus:
        return
    pause_ms = 1000 * max(phase.think_time_s[1] for phase in closed)
    cycle_ms = 1000 * scenario.vus * summary.elapsed_s / summary.requests
    if cycle_ms - pause_ms > OTHER_UNIT * (response.mean + SHORT_MS):
        yield (
            f"the mean response time is {wording.duration(response.mean)}, but a VU needed "
            f"{wording.duration(cycle_ms)} for each request: {_OTHER_UNIT}"
        )


def _at_most(value: float) -> float:
    return value * (1 + ROUNDING) + 1.0


def _differ(value: float, other: float, share: float) -> bool:
    return abs(value - other) > share * max(abs(value), abs(other)) + ROUNDING
