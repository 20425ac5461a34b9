"""Where the time goes at each load, and at which load the first objective breaks."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from bench.core.config.executors import ClosedLoop
from bench.core.config.scenario import Scenario
from bench.core.limits.expression import Expression, upper_limit
from bench.core.limits.judge import ThresholdResult, judge_values
from bench.core.limits.threshold import Threshold
from bench.core.load.active_vus import ActiveVus, Counts, active_vus, requests_count
from bench.core.load.bands import Bands, band_of, tops
from bench.core.load.plan import RunPlan
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import OBJECTIVES, UNATTRIBUTED, metric, tier_key
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.record import Count, NotNegative, Number, Record

# An objective is kept at a load when so many per cent of the answers there are within it.
OBJECTIVE_PCT = 95
# Throughput has stopped growing when so many times the users bring less than so many times the requests.
SATURATED_USERS, SATURATED_RPS = 1.5, 1.1
_BY_CHANCE = 0.01
_MEDIAN, _P95, _FAILED = 0.50, 0.95, 0.5
_DIRECTIONS = {("p", "<"), ("p", "<="), ("med", "<"), ("med", "<="), ("rate", ">"), ("rate", ">=")}


class Band(Record):
    """What a load did.

    Attributes:
        vus: The fewest and the most that were there when the requests were planned.
        requests: Requests that were planned then.
        p50_ms: Response time; None where there are so few requests that it could only be the largest.
        p95_ms: Likewise.
        unreliable: Which of the two so few requests cannot carry.
        success_ratio: Share of the requests that succeeded.
        requests_rps: Answers per second while so many were there; None when that took no time.
        shares: Of the time of the answers, by tier and `network`; empty where answers do not say.
        crossed: The limits that do not hold at this load.
        certain: Whether that they are crossed, or that none is, is more than chance.
    """

    vus: tuple[Count, Count]
    requests: Count
    p50_ms: Number | None
    p95_ms: Number | None
    unreliable: tuple[str, ...] = ()
    success_ratio: NotNegative
    requests_rps: NotNegative | None
    shares: dict[str, NotNegative] = {}
    crossed: tuple[ThresholdResult, ...] = ()
    certain: bool = True

    @property
    def tier(self) -> str | None:
        """The tier that most of the time goes to; None where answers do not say."""
        return max(self.shares, key=self.shares.__getitem__, default=None)


class Bottleneck(Record):
    """A run by load.

    Attributes:
        counted: What a load is a number of.
        bands: From the least load to the most; every request is in one.
        planned: The most users that the scenario has; None where requests are counted.
        limits: How many limits the bands were held to.
        saturated: The band from which on more load brings no more answers, from 0; None when none does.
    """

    counted: Literal["vus", "requests in flight"]
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    planned: Count | None
    limits: Count
    saturated: Count | None = None

    @model_validator(mode="after")
    def _readable(self) -> "Bottleneck":
        if self.saturated is not None and self.saturated >= len(self.bands):
            raise ValueError("a band that is not there is saturated")
        return self

    @property
    def broken(self) -> int | None:
        """The first band at which a limit is crossed, from 0; None when none is."""
        return next((number for number, band in enumerate(self.bands) if band.crossed), None)


def bottleneck(samples: Samples, plan: RunPlan, scenario: Scenario, elapsed_s: float) -> Bottleneck | None:
    """A run by load.

    Args:
        samples: Requests of the target, without warm-up.
        plan: The run's plan.
        scenario: Whose limits the bands are held to.
        elapsed_s: How long the run took.

    Returns:
        None when nothing was answered, or when it is several runs as one.
    """
    answered = samples.without_cancelled()
    there = active_vus(samples, plan, elapsed_s) if len(answered) else None
    if there is None:
        return None
    limits = limits_of(scenario)
    vus = there.at(answered.column("scheduled_s"))
    most = tops(vus)
    bands = _bands(answered, there, vus, most, limits)
    open_loop = requests_count(plan, samples)
    closed = [phase.vus for phase in plan.phases if isinstance(phase, ClosedLoop) and not phase.warm_up]
    return Bottleneck(
        counted="requests in flight" if open_loop else "vus",
        bands=bands,
        planned=None if open_loop else max(closed),
        limits=sum(map(len, limits.values())),
        saturated=saturated(bands),
    )


def limits_of(scenario: Scenario) -> dict[str, tuple[Threshold, ...]]:
    """What must hold at each load: the objectives, else the limits of latencies; and those of success."""
    objectives = {
        key: (Threshold(expression=upper_limit(f"p({OBJECTIVE_PCT})", limit)),)
        for key, limit in scenario.objectives.items()
    }
    latencies = {key: limits for key, limits in scenario.thresholds.items() if key in OBJECTIVES}
    success = {key: limits for key, limits in scenario.thresholds.items() if key == "success_ratio"}
    return (objectives or latencies) | success


def _bands(
    samples: Samples,
    there: ActiveVus,
    vus: Counts,
    most: Counts,
    limits: Mapping[str, Sequence[Threshold]],
) -> tuple[Band, ...]:
    # One metric after the other, and a byte for each request's band: of a million requests nothing is small.
    own, ok = band_of(vus, most), samples.has_outcome(Outcome.OK)
    sizes, successes = (np.bincount(each, minlength=len(most)).tolist() for each in (own, own[ok]))
    rps = _answers_rps(there.while_asking(), samples.column("finished_s")[ok], most)
    shares, held = _shares(samples, own, len(most)), _held(samples, own, successes, limits)
    latencies_ms = _by_band("e2e_ms", samples, own, len(most))
    bands = []
    for number, known_ms in enumerate(latencies_ms):
        mine, crossed = vus[own == number], [each for each in held[number] if each[0].crossed]
        bands.append(
            Band(
                vus=(int(mine.min()), int(mine.max())),
                requests=sizes[number],
                success_ratio=successes[number] / sizes[number],
                requests_rps=rps[number],
                shares=shares[number],
                crossed=tuple(result for result, _ in crossed),
                certain=any(sure for _, sure in crossed)
                if crossed
                else all(sure for _, sure in held[number]),
                p50_ms=stats.quantile(known_ms, _MEDIAN),
                p95_ms=stats.quantile(known_ms, _P95),
                unreliable=tuple(
                    name
                    for name, share in (("p50", _MEDIAN), ("p95", _P95))
                    if not stats.certified(len(known_ms), share)
                ),
            )
        )
    return tuple(bands)


def _by_band(key: str, samples: Samples, own: Bands, count: int) -> list[Floats]:
    """The values that there are of a metric, by band."""
    values = metric(key).values(samples)
    own, values = own[~np.isnan(values)], values[~np.isnan(values)]
    return [values[own == number] for number in range(count)]


def _answers_rps(asking: ActiveVus, finished_s: Floats, most: Counts) -> list[float | None]:
    """Answers come while another load is there than when they were asked for."""
    counts, pieces_s = asking.pieces()
    pieces_s[counts <= 0] = 0.0
    seconds = np.bincount(band_of(counts, most), pieces_s, minlength=len(most))
    at_end = asking.at(finished_s)
    came = np.bincount(band_of(at_end[at_end > 0], most), minlength=len(most))
    return [float(each / time_s) if time_s > 0 else None for each, time_s in zip(came, seconds, strict=True)]


def _shares(samples: Samples, own: Bands, count: int) -> list[dict[str, float]]:
    """What each tier has of the time of all of them; an answer without a tier spent no time there."""
    tiers = [*samples.tiers, UNATTRIBUTED] if samples.tiers else []
    sums = {
        tier: np.bincount(own, np.nan_to_num(metric(tier_key(tier)).values(samples)), minlength=count)
        for tier in tiers
    }
    wholes = np.sum([*sums.values()], axis=0) if tiers else np.zeros(count)
    return [
        {tier: float(each[number] / whole) for tier, each in sums.items()} if whole > 0 else {}
        for number, whole in enumerate(wholes)
    ]


def _held(
    samples: Samples, own: Bands, successes: Sequence[int], limits: Mapping[str, Sequence[Threshold]]
) -> list[list[tuple[ThresholdResult, bool]]]:
    """By band: how each limit is held, and whether that is more than chance."""
    held: list[list[tuple[ThresholdResult, bool]]] = [[] for _ in successes]
    for key, limits_of_key in limits.items():
        for number, known in enumerate(_by_band(key, samples, own, len(successes))):
            if successes[number] and not len(known):
                continue  # what no answer has a value of is not asked of them
            for limit in limits_of_key:
                (result,) = judge_values(metric(key), [limit], known, elapsed_s=0.0)
                held[number].append((result, _sure(limit.expression, known, crossed=result.crossed)))
    return held


def _sure(limit: Expression, values: Floats, *, crossed: bool) -> bool:
    """Whether so many requests tell that a limit is crossed, or is not: a binomial test of its share.

    A limit on a mean or an extreme has no share; there it takes as many requests as a 95th percentile.
    """
    count = len(values)
    if (limit.method, limit.operator) not in _DIRECTIONS or not count:
        return stats.certified(count, OBJECTIVE_PCT / 100)
    allowed = {"p": 1.0 - (limit.percentile or 0.0) / 100.0, "med": 0.5, "rate": 1.0 - limit.limit}
    outside = int(np.sum(values < _FAILED if limit.method == "rate" else values > limit.limit))
    chance = stats.at_least if crossed else stats.at_most
    return chance(outside, count, allowed[limit.method]) <= _BY_CHANCE


def saturated(bands: Sequence[Band]) -> int | None:
    """The first band from which on more users bring no more answers, and not by chance; None for none.

    It takes half as many users more, a tenth more answers at most, and that twice the standard error of the
    rates (as of counts) would not make up for the rest.
    """
    last = bands[-1]
    for number, band in enumerate(bands[:-1]):
        more_vus = last.vus[0] / band.vus[1]
        rates = [each.requests_rps for each in bands[number:]]
        if more_vus < SATURATED_USERS or band.requests_rps is None or last.requests_rps is None:
            continue
        error = 2.0 * (1.0 / band.requests + 1.0 / last.requests) ** 0.5
        most_rps = max(rate for rate in rates if rate is not None)
        flat = most_rps <= SATURATED_RPS * band.requests_rps
        if flat and last.requests_rps * (1.0 + error) < band.requests_rps * more_vus:
            return number
    return None
