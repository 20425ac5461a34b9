"""A run over time, in slices: a bounded number of figures for any number of requests."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from bench.core.config.executors import Phase
from bench.core.config.load_words import in_words
from bench.core.report.distribution import round_for_chart
from bench.core.report.run_events import RunEvent, run_events
from bench.core.run.recording import Recording
from bench.core.run.summary import RunSummary
from bench.core.samples.arrays import Column, Floats, Mask
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.values.stats import round_up
from bench.core.values.units import ms

MOST_SLICES = 200
MOST_DOTS = 1_000
"""Up to this many requests are drawn one by one; of more, only the percentiles of each slice are."""
_FEWEST_FOR_P95 = 20
_FEWEST_FOR_MEDIAN = 4
_QUANTILES = {"p50": 0.50, "p95": 0.95}
_LATENCIES = ("e2e_ms", "ttft_ms")


class Curve(Record):
    """A value for each slice."""

    label: str
    """Name for people."""
    values: tuple[Number | None, ...]
    """Values by slice; `null` where there is none."""


class Dots(Record):
    """Single requests."""

    at_s: tuple[Number, ...]
    """Planned time of each request, in seconds since the start."""
    took_ms: tuple[NotNegative, ...]
    """Response time of each request."""


class Period(Record):
    """A part of the run."""

    label: str
    """Name for people."""
    start_s: Number
    """Start, in seconds since the start of the run."""
    end_s: Number
    """End, in seconds since the start of the run."""


class Timeline(Record):
    """A run over time; every curve has a value for each slice."""

    end_s: Number
    """End of the last request, in seconds."""
    slice_s: Number
    """Width of a slice, in seconds."""
    at_s: tuple[Number, ...]
    """Middle of each slice, in seconds."""
    latencies: tuple[Curve, ...]
    """Percentiles of latencies in milliseconds, by the planned time of the requests. A percentile beyond all
    answers is the longest wait."""
    succeeded: Dots
    """Requests that succeeded; empty if there are too many to draw."""
    failed: Dots
    """Requests that failed; empty if there are too many to draw."""
    failures: tuple[Count, ...]
    """Number of failed requests by slice of their planned time; empty if they are drawn one by one."""
    rates: tuple[Curve, ...]
    """Requests per second by result, at the time of their end."""
    in_flight: Curve
    """Mean number of requests that were due and had not ended."""
    cpu_pct: tuple[Curve, ...]
    """CPU use by service, in per cent of one core."""
    memory_bytes: tuple[Curve, ...]
    """Memory use by service."""
    gauges: tuple[Curve, ...]
    """Gauges by service, each in its own unit."""
    phases: tuple[Period, ...]
    """Times in which each phase sent requests."""
    events: tuple[RunEvent, ...]
    """Stalls, pauses, outages and faults, in the order of their start."""


def timeline(
    recording: Recording, phases: Sequence[Phase], summary: RunSummary | None = None
) -> Timeline | None:
    """Return a recording over time; `None` if it has no requests.

    Args:
        recording: Recording without warm-up, of the scenario's own target.
        phases: Phases of the scenario; requests refer to them by index.
        summary: Summary of the run, which has the effects of its faults and the stalls of its target.
    """
    samples = recording.samples.without_cancelled()
    end_s = recording.elapsed_s
    if not len(samples) or end_s <= 0:
        return None
    slice_s = slice_width_s(end_s, len(samples))
    edges = find_edges(end_s, slice_s)
    ok = samples.has_outcome(Outcome.OK)
    few = len(samples) <= MOST_DOTS
    few_failures = np.count_nonzero(~ok) <= MOST_DOTS
    faults = () if summary is None else summary.faults
    stalls = () if summary is None else summary.stalls
    cpu = ((sample.source, sample.at_s, sample.cpu_pct) for sample in recording.resources)
    memory: list[tuple[str, float, float]] = []
    for sample in recording.resources:
        if sample.memory_bytes is not None:
            memory.append((sample.source, sample.at_s, sample.memory_bytes))
    gauges = ((f"{gauge.service} {gauge.name}", gauge.at_s, gauge.value) for gauge in recording.gauges)
    return Timeline(
        end_s=end_s,
        slice_s=slice_s,
        at_s=round_for_chart((edges[:-1] + edges[1:]) / 2),
        latencies=_latencies(samples, edges),
        succeeded=_dots(samples, ok & few),
        failed=_dots(samples, ~ok & few_failures),
        failures=() if few_failures else _count_failures(samples, ~ok, edges),
        rates=_rates(samples, ok, edges),
        in_flight=_in_flight(samples, edges),
        cpu_pct=average_slices(cpu, edges),
        memory_bytes=average_slices(memory, edges),
        gauges=average_slices(gauges, edges),
        phases=_phases(samples, phases, end_s),
        events=run_events(faults, recording.probes, stalls, recording.pauses, end_s),
    )


def slice_width_s(end_s: float, requests: int) -> float:
    """Return a round slice width that bounds the number of slices and gives each enough requests."""
    fewest = _FEWEST_FOR_MEDIAN
    if requests >= _FEWEST_FOR_P95 * _FEWEST_FOR_P95:
        fewest = _FEWEST_FOR_P95
    least_s = max(end_s / MOST_SLICES, end_s * fewest / requests)
    return round_up(least_s)


def find_edges(end_s: float, slice_s: float) -> Floats:
    """Return the edges of the slices. A rest below half a slice belongs to the slice before it."""
    count = max(1, math.floor(end_s / slice_s + 0.5))
    return np.append(np.arange(count) * slice_s, end_s)


def _latencies(samples: Samples, edges: Floats) -> tuple[Curve, ...]:
    curves: list[Curve] = []
    for key in _LATENCIES:
        for name, values in find_quantiles(samples, key, _QUANTILES, edges).items():
            curves.append(Curve(label=f"{name} {METRICS[key].label}", values=values))
    return tuple(curves)


def find_quantiles(
    samples: Samples, key: str, probabilities: Mapping[str, float], edges: Floats
) -> dict[str, tuple[float | None, ...]]:
    """Return the quantiles of a latency in each slice by their names, without those that no slice has.

    Args:
        samples: Requests.
        key: Key of the latency.
        probabilities: The probability of each quantile by its name.
        edges: Edges of the slices, in seconds.
    """
    observed, present = METRICS[key].observe(samples)
    slices = _split(samples.column("scheduled_s")[present], np.arange(len(observed)), edges)
    quantiles: dict[str, tuple[float | None, ...]] = {}
    for name, probability in probabilities.items():
        values: list[float | None] = []
        for part in slices:
            estimate = observed.where(part).quantile(probability)
            values.append(None if estimate is None else estimate.value)
        if values.count(None) < len(values):
            quantiles[name] = _round_all(values)
    return quantiles


def _split(at_s: Floats, values: Column, edges: Floats) -> list[Column]:
    """Return the values of each slice."""
    order = np.argsort(at_s, kind="stable")
    return np.split(values[order], np.searchsorted(at_s[order], edges[1:-1]))


def _dots(samples: Samples, mask: Mask) -> Dots:
    planned_s = samples.column("scheduled_s")[mask]
    took_ms = ms(samples.column("finished_s")[mask] - planned_s)
    order = np.argsort(planned_s, kind="stable")
    return Dots(at_s=round_for_chart(planned_s[order]), took_ms=round_for_chart(took_ms[order]))


def _count_failures(samples: Samples, failed: Mask, edges: Floats) -> tuple[int, ...]:
    counts, _ = np.histogram(samples.column("scheduled_s")[failed], bins=edges)
    return tuple(counts.tolist())


def _rates(samples: Samples, ok: Mask, edges: Floats) -> tuple[Curve, ...]:
    curves: list[Curve] = []
    for label, ended in (("succeeded", samples.where(ok)), ("failed", samples.where(~ok))):
        if len(ended):
            counts, _ = np.histogram(ended.column("finished_s"), bins=edges)
            curves.append(Curve(label=label, values=_round_all(counts / np.diff(edges))))
    return tuple(curves)


def _in_flight(samples: Samples, edges: Floats) -> Curve:
    """Return the exact mean over each slice: the time that requests were in flight, divided by its width."""
    since_planned_s = _elapsed_since(samples.column("scheduled_s"), edges)
    since_finished_s = _elapsed_since(samples.column("finished_s"), edges)
    in_flight_s = np.diff(since_planned_s - since_finished_s)
    return Curve(label="in flight", values=_round_all(in_flight_s / np.diff(edges)))


def _elapsed_since(moments_s: Floats, until_s: Floats) -> Floats:
    """Return the sum of max(0, until - moment) over all moments, for each end."""
    moments_s = np.sort(moments_s)
    counts = np.searchsorted(moments_s, until_s, side="right")
    sums_s: Floats = np.concatenate([[0.0], np.cumsum(moments_s)])
    elapsed_s: Floats = until_s * counts - sums_s[counts]
    return elapsed_s


def average_slices(readings: Iterable[tuple[str, float, float]], edges: Floats) -> tuple[Curve, ...]:
    """Return the mean of each slice by label.

    Args:
        readings: Label, moment in seconds, and value.
        edges: Edges of the slices, in seconds.
    """
    by_label: dict[str, list[tuple[float, float]]] = {}
    for label, at_s, value in readings:
        by_label.setdefault(label, []).append((at_s, value))
    curves: list[Curve] = []
    for label, of_label in sorted(by_label.items()):
        table = np.array(of_label)
        slices = _split(table[:, 0], table[:, 1], edges)
        means = [float(np.mean(part)) if len(part) else None for part in slices]
        curves.append(Curve(label=label, values=_round_all(means)))
    return tuple(curves)


def _phases(samples: Samples, phases: Sequence[Phase], end_s: float) -> tuple[Period, ...]:
    """Return the phases, each from its first planned request to that of the next phase."""
    indexes = samples.column("phase")
    planned_s = samples.column("scheduled_s")
    starts: list[tuple[float, int]] = []
    for index in np.unique(indexes):
        starts.append((float(planned_s[indexes == index].min()), int(index)))
    starts.sort()
    periods: list[Period] = []
    for (start_s, index), (next_s, _) in pairwise([*starts, (end_s, -1)]):
        label = in_words(phases[index : index + 1])
        periods.append(Period(label=label, start_s=start_s, end_s=next_s))
    return tuple(periods)


def _round_all(values: Iterable[float | None]) -> tuple[float | None, ...]:
    return tuple(None if value is None else round_for_chart([value])[0] for value in values)
