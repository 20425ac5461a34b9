"""A run over time, in slices: as many figures whatever the number of requests."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from bench.core.config.executors import Phase, in_words
from bench.core.report.distribution import rounded
from bench.core.run.recording import Recording
from bench.core.samples.arrays import Floats, Mask
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import Outcome, Probe
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.record import NotNegative, Number, Record
from bench.core.values.units import ms
from bench.core.watch.availability import availability

MOST_SLICES = 200
# A request is drawn by itself when there are few; of more, only what is typical of each slice is.
MOST_DOTS = 1_000
_ENOUGH, _FEW = 20, 4  # requests of a slice: to have a 95th percentile, to have a median
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # widths of slices that people can read
_QUANTILES = {"p50": 0.50, "p95": 0.95}
_LATENCIES = ("e2e_ms", "ttft_ms")


class Curve(Record):
    """Values over the slices; None where there is none."""

    label: str
    values: tuple[Number | None, ...]


class Dots(Record):
    """Requests one by one: when each was planned, and how long it took."""

    at_s: tuple[Number, ...]
    took_ms: tuple[NotNegative, ...]


class Period(Record):
    """A part of the run."""

    label: str
    start_s: Number
    end_s: Number


class Timeline(Record):
    """A run over time; every curve has a value for each slice.

    Attributes:
        end_s: When the last request was over.
        slice_s: Width of a slice.
        at_s: The middle of each slice.
        latencies: Milliseconds, by when requests were planned.
        succeeded: Requests that succeeded, one by one; empty when there are many.
        failed: Those that did not, likewise.
        rates: Requests per second, by how they ended, at the time they ended.
        under_way: How many requests were due and not over, in the mean.
        cpu_pct: By service, in per cent of one core.
        memory_bytes: By service.
        gauges: What services said of themselves, each by its own unit.
        phases: When each stage sent requests.
        outages: When a health check found what it asks down, by its name.
    """

    end_s: Number
    slice_s: Number
    at_s: tuple[Number, ...]
    latencies: tuple[Curve, ...]
    succeeded: Dots
    failed: Dots
    rates: tuple[Curve, ...]
    under_way: Curve
    cpu_pct: tuple[Curve, ...]
    memory_bytes: tuple[Curve, ...]
    gauges: tuple[Curve, ...]
    phases: tuple[Period, ...]
    outages: tuple[Period, ...]


def timeline(recording: Recording, phases: Sequence[Phase]) -> Timeline | None:
    """A recording over time; None when nothing happened in it.

    Args:
        recording: Without its warm-up, and of the scenario's own target.
        phases: The scenario's, which requests name by number.
    """
    samples, end_s = recording.samples.without_cancelled(), recording.elapsed_s
    if not len(samples) or end_s <= 0:
        return None
    slice_s = slice_width_s(end_s, len(samples))
    edges = _edges(end_s, slice_s)
    ok = samples.has_outcome(Outcome.OK)
    finished = {"succeeded": samples.where(ok), "failed": samples.where(~ok)}
    dotted = len(samples) <= MOST_DOTS
    return Timeline(
        end_s=end_s,
        slice_s=slice_s,
        at_s=rounded((edges[:-1] + edges[1:]) / 2),
        latencies=_latencies(samples, edges),
        succeeded=_dots(samples, ok & dotted),
        failed=_dots(samples, ~ok & dotted),
        rates=tuple(_rate(label, each, edges) for label, each in finished.items() if len(each)),
        under_way=_under_way(samples, edges),
        cpu_pct=_curves(((each.source, each.at_s, each.cpu_pct) for each in recording.resources), edges),
        memory_bytes=_curves(
            ((each.source, each.at_s, each.memory_bytes) for each in recording.resources), edges
        ),
        gauges=_curves(
            ((f"{each.service} {each.name}", each.at_s, each.value) for each in recording.gauges), edges
        ),
        phases=tuple(_phases(samples, phases, end_s)),
        outages=tuple(_outages(recording.probes, end_s)),
    )


def slice_width_s(end_s: float, requests: int) -> float:
    """A round width with which there are not too many slices, and enough requests in each."""
    enough = _ENOUGH if requests >= _ENOUGH * _ENOUGH else _FEW
    least_s = max(end_s / MOST_SLICES, end_s * enough / requests)
    power = 10.0 ** math.floor(math.log10(least_s))
    return next(step * power for step in _STEPS if step * power >= least_s * (1.0 - 1e-9))


def _edges(end_s: float, slice_s: float) -> Floats:
    """Where slices begin, and the end; a rest of less than half a slice belongs to the one before it."""
    count = max(1, math.floor(end_s / slice_s + 0.5))
    return np.array([*(number * slice_s for number in range(count)), end_s])


def _latencies(samples: Samples, edges: Floats) -> tuple[Curve, ...]:
    planned_s, curves = samples.column("scheduled_s"), []
    for key in _LATENCIES:
        values = METRICS[key].values(samples)
        known = ~np.isnan(values)
        if not known.any():
            continue
        parts = _sliced(planned_s[known], values[known], edges)
        for name, probability in _QUANTILES.items():
            quantiles = [stats.quantile(part, probability) for part in parts]
            if any(each is not None for each in quantiles):
                curves.append(Curve(label=f"{METRICS[key].label}, {name}", values=_short(quantiles)))
    return tuple(curves)


def _sliced(at_s: Floats, values: Floats, edges: Floats) -> list[Floats]:
    """The values of each slice."""
    order = np.argsort(at_s, kind="stable")
    return np.split(values[order], np.searchsorted(at_s[order], edges[1:-1]))


def _dots(samples: Samples, mask: Mask) -> Dots:
    planned_s, finished_s = samples.column("scheduled_s")[mask], samples.column("finished_s")[mask]
    order = np.argsort(planned_s, kind="stable")
    took_ms = ms(finished_s - planned_s)
    return Dots(at_s=rounded(planned_s[order]), took_ms=rounded(took_ms[order]))


def _rate(label: str, samples: Samples, edges: Floats) -> Curve:
    counts, _ = np.histogram(samples.column("finished_s"), bins=edges)
    return Curve(label=label, values=_short(counts / np.diff(edges)))


def _under_way(samples: Samples, edges: Floats) -> Curve:
    """The mean over each slice, exactly: the time that requests waited in it, by its width."""
    begun, over = (_passed_s(samples.column(name), edges) for name in ("scheduled_s", "finished_s"))
    return Curve(label="under way", values=_short(np.diff(begun - over) / np.diff(edges)))


def _passed_s(moments_s: Floats, until_s: Floats) -> Floats:
    """Seconds that have passed since each moment that lies before, added up."""
    moments_s = np.sort(moments_s)
    counts = np.searchsorted(moments_s, until_s, side="right")
    added_s: Floats = np.concatenate([[0.0], np.cumsum(moments_s)])
    passed_s: Floats = until_s * counts - added_s[counts]
    return passed_s


def _curves(seen: Iterable[tuple[str, float, float]], edges: Floats) -> tuple[Curve, ...]:
    """The mean of what was seen in each slice: by its label, of a moment in seconds and a value."""
    by_label: dict[str, list[tuple[float, float]]] = {}
    for label, at_s, value in seen:
        by_label.setdefault(label, []).append((at_s, value))
    return tuple(
        Curve(label=label, values=_short(_means(np.array(each), edges)))
        for label, each in sorted(by_label.items())
    )


def _means(seen: Floats, edges: Floats) -> Iterable[float | None]:
    parts = _sliced(seen[:, 0], seen[:, 1], edges)
    return (float(np.mean(part)) if len(part) else None for part in parts)


def _phases(samples: Samples, phases: Sequence[Phase], end_s: float) -> Iterable[Period]:
    """From the first request that is planned in it to that of the next one."""
    numbers, planned_s = samples.column("phase"), samples.column("scheduled_s")
    begun = [(float(planned_s[numbers == number].min()), int(number)) for number in np.unique(numbers)]
    ends = [start_s for start_s, _ in sorted(begun)[1:]]
    for (start_s, number), until_s in zip(sorted(begun), [*ends, end_s], strict=True):
        yield Period(label=in_words(phases[number : number + 1]), start_s=start_s, end_s=until_s)


def _outages(probes: Iterable[Probe], end_s: float) -> Iterable[Period]:
    for check, each in availability(probes, end_s).items():
        for outage in each.outages:
            until_s = end_s if outage.to_s is None else outage.to_s
            yield Period(label=check, start_s=outage.from_s, end_s=until_s)


def _short(values: Iterable[float | None]) -> tuple[float | None, ...]:
    return tuple(None if value is None else rounded([value])[0] for value in values)
