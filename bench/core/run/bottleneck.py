"""Latency, throughput and tier times of a run at each load, and the load that crosses the first limit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from bench.core.capacity.no_gain import LoadThroughput, first_without_gain
from bench.core.config.executors import ClosedLoop
from bench.core.config.scenario import Scenario
from bench.core.limits.expression import Expression, upper_limit
from bench.core.limits.judge import ThresholdResult, judge_values
from bench.core.limits.threshold import Threshold
from bench.core.load.active_vus import ActiveVus, Counts, active_vus, counts_requests
from bench.core.load.bands import Bands, band_of, tops
from bench.core.load.plan import RunPlan
from bench.core.run.percentiles import unreliable_percentiles
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import OBJECTIVES, UNATTRIBUTED, metric, tier_key
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.observations import Observations
from bench.core.values.record import Count, NotNegative, Number, Record

# An objective is kept at a load if this percentage of the responses is within it.
OBJECTIVE_PCT = 95
_BY_CHANCE = 0.01
_PERCENTILES = {"p50": 0.50, "p95": 0.95}
_FAILED = 0.5
# Methods and operators of limits that are limits of a share of the requests.
_SHARE_LIMITS = {("p", "<"), ("p", "<="), ("med", "<"), ("med", "<="), ("rate", ">"), ("rate", ">=")}


class LoadBand(Record):
    """The requests of a run at similar load."""

    vus: tuple[Count, Count]
    """Smallest and largest load at the planned times of the requests."""
    requests: Count
    """Number of requests that were planned at this load."""
    p50_ms: Number | None
    """Median response time; null with so few requests that it would be the maximum."""
    p95_ms: Number | None
    """95th percentile of the response time, or null."""
    unreliable: tuple[str, ...] = ()
    """Names of the percentiles that have too few requests to be reliable."""
    lower_bounds: tuple[str, ...] = ()
    """Names of the percentiles that are lower bounds, because requests were ended while they waited."""
    success_ratio: NotNegative
    """Share of the requests that succeeded."""
    requests_rps: NotNegative | None
    """Responses per second at this load; null if it lasted no time."""
    shares: dict[str, NotNegative] = {}
    """Share of the response time by tier, with `unattributed`; empty without reported tier times."""
    crossed: tuple[ThresholdResult, ...] = ()
    """The limits that are crossed at this load."""
    certain: bool = True
    """Whether the number of requests is enough to be certain about the limits."""

    @property
    def tier(self) -> str | None:
        """The tier with the largest share of the time; `None` if responses do not report tier times."""
        return max(self.shares, key=self.shares.__getitem__, default=None)


class Bottleneck(Record):
    """A run by load."""

    load_unit: Literal["vus", "requests in flight"]
    """The unit of the load."""
    bands: Annotated[tuple[LoadBand, ...], Field(min_length=1)]
    """The bands from the smallest to the largest load; each request is in one band."""
    planned_vus: Count | None
    """Largest number of VUs in the scenario; null if the load is a number of requests in flight."""
    limit_count: Count
    """Number of limits that each band is judged by."""
    saturated_band: Count | None = None
    """Index of the first saturated band, from 0; null if no load is saturated."""

    @model_validator(mode="after")
    def _check_references(self) -> "Bottleneck":
        if self.saturated_band is not None and self.saturated_band >= len(self.bands):
            raise ValueError("saturated_band is not the index of a band")
        return self

    @property
    def broken_band(self) -> int | None:
        """Index of the first band with a crossed limit, from 0; `None` if all limits are kept."""
        return next((number for number, band in enumerate(self.bands) if band.crossed), None)


class _JudgedLimit(NamedTuple):
    """A limit at one load."""

    result: ThresholdResult
    certain: bool
    """Whether the result is more than chance."""


@dataclass(frozen=True, slots=True)
class _BandedSamples:
    """The answered requests of a run and the band of each of them."""

    samples: Samples
    bands: Bands
    count: int
    """Number of bands."""

    def sizes(self) -> list[int]:
        """Return the number of requests in each band."""
        return list(map(int, np.bincount(self.bands, minlength=self.count)))

    def successes(self) -> list[int]:
        """Return the number of successful requests in each band."""
        succeeded = self.samples.has_outcome(Outcome.OK)
        return list(map(int, np.bincount(self.bands[succeeded], minlength=self.count)))

    def observe(self, key: str) -> list[Observations]:
        """Return the values of a metric in each band, without absent ones."""
        observed, present = metric(key).observe(self.samples)
        bands = self.bands[present]
        return [observed.where(bands == number) for number in range(self.count)]

    def sums(self, key: str) -> Floats:
        """Return the sum of a metric in each band; absent values count as 0."""
        values = np.nan_to_num(metric(key).values(self.samples))
        return np.asarray(np.bincount(self.bands, values, minlength=self.count), dtype=np.float64)


def bottleneck(samples: Samples, plan: RunPlan, scenario: Scenario, elapsed_s: float) -> Bottleneck | None:
    """Return a run by load.

    Args:
        samples: Requests to the target, without warm-up.
        plan: The plan of the run.
        scenario: The scenario, with the limits that each band is judged by.
        elapsed_s: Duration of the run.

    Returns:
        `None` without answered requests, or if several runs were joined.
    """
    answered = samples.without_cancelled()
    active = active_vus(samples, plan, elapsed_s) if len(answered) else None
    if active is None:
        return None
    limits = load_limits(scenario)
    load = active.at(answered.column("scheduled_s"))
    bands = _make_bands(answered, active, load, limits)
    open_loop = counts_requests(plan, samples)
    return Bottleneck(
        load_unit="requests in flight" if open_loop else "vus",
        bands=bands,
        planned_vus=None if open_loop else _most_planned_vus(plan),
        limit_count=sum(map(len, limits.values())),
        saturated_band=find_saturated(bands),
    )


def load_limits(scenario: Scenario) -> dict[str, tuple[Threshold, ...]]:
    """Return the limits of each load: the objectives or else the latency thresholds, and those of success."""
    objectives: dict[str, tuple[Threshold, ...]] = {}
    for key, limit_ms in scenario.objectives.items():
        expression = upper_limit(f"p({OBJECTIVE_PCT})", limit_ms)
        objectives[key] = (Threshold(expression=expression),)
    latencies: dict[str, tuple[Threshold, ...]] = {}
    success: dict[str, tuple[Threshold, ...]] = {}
    for key, thresholds in scenario.thresholds.items():
        if key in OBJECTIVES:
            latencies[key] = thresholds
        elif key == "success_ratio":
            success[key] = thresholds
    return (objectives or latencies) | success


def find_saturated(bands: Sequence[LoadBand]) -> int | None:
    """Return the first band from which on more load brings no more throughput, as an index; else `None`."""
    return first_without_gain([LoadThroughput(*band.vus, band.requests, band.requests_rps) for band in bands])


def _most_planned_vus(plan: RunPlan) -> int:
    most = 0
    for phase in plan.phases:
        if isinstance(phase, ClosedLoop) and not phase.warm_up:
            most = max(most, phase.vus)
    return most


def _make_bands(
    samples: Samples, active: ActiveVus, load: Counts, limits: Mapping[str, Sequence[Threshold]]
) -> tuple[LoadBand, ...]:
    """Group the requests by load, one metric after another to save memory with a million requests."""
    largest_loads = tops(load)
    banded = _BandedSamples(samples, band_of(load, largest_loads), len(largest_loads))
    sizes = banded.sizes()
    successes = banded.successes()
    finished_s = samples.column("finished_s")[samples.has_outcome(Outcome.OK)]
    rps = _response_rates(active.while_sending(), finished_s, largest_loads)
    shares = _tier_shares(banded)
    judged = _judge_limits(banded, successes, limits)
    latencies_ms = banded.observe("e2e_ms")
    bands: list[LoadBand] = []
    for number in range(banded.count):
        band_load = load[banded.bands == number]
        bands.append(
            LoadBand(
                vus=(int(band_load.min()), int(band_load.max())),
                requests=sizes[number],
                success_ratio=successes[number] / sizes[number],
                requests_rps=rps[number],
                shares=shares[number],
                crossed=tuple(limit.result for limit in judged[number] if limit.result.crossed),
                certain=_certain(judged[number]),
                unreliable=unreliable_percentiles(len(latencies_ms[number]), _PERCENTILES),
                **_percentiles(latencies_ms[number]),
            )
        )
    return tuple(bands)


def _percentiles(latencies_ms: Observations) -> dict[str, Any]:
    """Return the fields of a band that are percentiles of its response times."""
    fields: dict[str, Any] = {}
    bounds = []
    for name, share in _PERCENTILES.items():
        estimate = latencies_ms.quantile(share)
        fields[f"{name}_ms"] = None if estimate is None else estimate.value
        if estimate is not None and estimate.is_lower_bound:
            bounds.append(name)
    return {**fields, "lower_bounds": tuple(bounds)}


def _certain(limits: Sequence[_JudgedLimit]) -> bool:
    """Whether one crossed limit is certain, or else whether all kept limits are."""
    crossed: list[bool] = []
    kept: list[bool] = []
    for limit in limits:
        (crossed if limit.result.crossed else kept).append(limit.certain)
    return any(crossed) if crossed else all(kept)


def _response_rates(active: ActiveVus, finished_s: Floats, largest_loads: Counts) -> list[float | None]:
    """Return the responses per second in each band, by the load at the end of a request, not at its start."""
    loads, durations_s = active.pieces()
    durations_s[loads <= 0] = 0.0
    count = len(largest_loads)
    seconds = np.bincount(band_of(loads, largest_loads), durations_s, minlength=count)
    load_at_end = active.at(finished_s)
    responses = np.bincount(band_of(load_at_end[load_at_end > 0], largest_loads), minlength=count)
    rates: list[float | None] = []
    for number in range(count):
        rates.append(float(responses[number] / seconds[number]) if seconds[number] > 0 else None)
    return rates


def _tier_shares(banded: _BandedSamples) -> list[dict[str, float]]:
    """Return each tier's share of the response time in each band; empty without reported tier times."""
    if not banded.samples.tiers:
        return [{}] * banded.count
    sums = {tier: banded.sums(tier_key(tier)) for tier in (*banded.samples.tiers, UNATTRIBUTED)}
    totals = np.sum([*sums.values()], axis=0)
    shares: list[dict[str, float]] = []
    for number, total in enumerate(totals):
        band_shares: dict[str, float] = {}
        if total > 0:
            for tier, tier_sums in sums.items():
                band_shares[tier] = float(tier_sums[number] / total)
        shares.append(band_shares)
    return shares


def _judge_limits(
    banded: _BandedSamples, successes: Sequence[int], limits: Mapping[str, Sequence[Threshold]]
) -> Mapping[int, list[_JudgedLimit]]:
    """Judge each limit in each band; the result is by the number of the band."""
    judged: defaultdict[int, list[_JudgedLimit]] = defaultdict(list)
    for key, key_limits in limits.items():
        for number, observed in enumerate(banded.observe(key)):
            if successes[number] and not len(observed):
                continue  # the target's responses have no value of this metric
            for limit in key_limits:
                (result,) = judge_values(metric(key), [limit], observed, elapsed_s=0.0)
                certain = _more_than_chance(limit.expression, observed, crossed=result.crossed)
                judged[number].append(_JudgedLimit(result, certain))
    return judged


def _more_than_chance(limit: Expression, observed: Observations, *, crossed: bool) -> bool:
    """Whether the result of a limit is more than chance: a binomial test of the share of requests outside it.

    A limit of a mean or an extreme is no limit of a share. It needs as many requests as a reliable 95th
    percentile. A request that was ended while it waited is outside the limit, or unknown if it waited less.
    """
    values = observed.values[~observed.is_bound | (observed.values > limit.limit)]
    count = len(values)
    if (limit.method, limit.operator) not in _SHARE_LIMITS or not count:
        return stats.is_reliable(count, OBJECTIVE_PCT / 100)
    allowed_shares = {"p": 1.0 - (limit.percentile or 0.0) / 100.0, "med": 0.5, "rate": 1.0 - limit.limit}
    allowed_share = allowed_shares[limit.method]
    is_outside = values < _FAILED if limit.method == "rate" else values > limit.limit
    outside = int(np.sum(is_outside))
    tail = stats.binomial_upper_tail if crossed else stats.binomial_lower_tail
    return tail(outside, count, allowed_share) <= _BY_CHANCE
