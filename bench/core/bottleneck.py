"""Where the time goes at each load, and at which load the first objective breaks."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from bench.core import stats
from bench.core.load import ClosedLoop
from bench.core.metrics import NETWORK, OBJECTIVES, hop_key, metric
from bench.core.plan import RunPlan
from bench.core.presence import Counts, Presence, presence, requests_count
from bench.core.record import Count, NotNegative, Number, Record
from bench.core.sample import Outcome
from bench.core.samples import Floats, Mask, Samples
from bench.core.scenario import Scenario
from bench.core.threshold import Expression, Threshold, ThresholdResult, judge_values, parse

# Of fewer requests the 95th percentile could only be the largest.
FEWEST_REQUESTS = 20
MOST_BANDS = 8
# Loads that differ by less are one.
LEAST_WIDTH = 1.2
# An objective is kept at a load when so many per cent of the answers there are within it.
OBJECTIVE_PCT = 95
# Throughput has stopped growing when so many times the users bring less than so many times the requests.
SATURATED_USERS, SATURATED_RPS = 1.5, 1.1
# So many loads are first told apart; of many more, most have a handful of requests.
_FINE = 256
_BY_CHANCE = 0.01
_MEDIAN, _P95, _FAILED = 0.50, 0.95, 0.5
_DIRECTIONS = {("p", "<"), ("p", "<="), ("med", "<"), ("med", "<="), ("rate", ">"), ("rate", ">=")}


class Band(Record):
    """What a load did.

    Attributes:
        users: The fewest and the most that were there when the requests were planned.
        requests: Requests that were planned then.
        p50_ms: Response time; None where there are so few requests that it could only be the largest.
        p95_ms: Likewise.
        uncertified: Which of the two so few requests cannot carry.
        success_ratio: Share of the requests that succeeded.
        requests_rps: Answers per second while so many were there; None when that took no time.
        shares: Of the time of the answers, by tier and `network`; empty where answers do not say.
        crossed: The limits that do not hold at this load.
        certain: Whether that they are crossed, or that none is, is more than chance.
    """

    users: tuple[Count, Count]
    requests: Count
    p50_ms: Number | None
    p95_ms: Number | None
    uncertified: tuple[str, ...] = ()
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

    counted: Literal["users", "requests in flight"]
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    planned: Count | None
    limits: Count
    saturated: Count | None = None

    @model_validator(mode="after")
    def _readable(self) -> "Bottleneck":
        if self.saturated is not None and self.saturated >= len(self.bands):
            raise ValueError("a band that is not there is saturated")
        for band in self.bands:
            for each in band.crossed:
                parse(each.threshold)
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
    answered = samples.answered()
    there = presence(samples, plan, elapsed_s) if len(answered) else None
    if there is None:
        return None
    limits = limits_of(scenario)
    users = there.at(answered.column("scheduled_s"))
    most = tops(users)
    bands = _bands(answered, there, users, most, limits)
    open_loop = requests_count(plan, samples)
    closed = [stage.users for stage in plan.stages if isinstance(stage, ClosedLoop) and not stage.warm_up]
    return Bottleneck(
        counted="requests in flight" if open_loop else "users",
        bands=bands,
        planned=None if open_loop else max(closed),
        limits=sum(map(len, limits.values())),
        saturated=saturated(bands),
    )


def limits_of(scenario: Scenario) -> dict[str, tuple[Threshold, ...]]:
    """What must hold at each load: the objectives, else the limits of latencies; and those of success."""
    objectives = {
        key: (Threshold(threshold=f"p({OBJECTIVE_PCT})<={f'{limit:f}'.rstrip('0').rstrip('.')}"),)
        for key, limit in scenario.objectives.items()
    }
    latencies = {key: limits for key, limits in scenario.thresholds.items() if key in OBJECTIVES}
    success = {key: limits for key, limits in scenario.thresholds.items() if key == "success_ratio"}
    return (objectives or latencies) | success


def tops(users: Counts) -> Counts:
    """The most users of each band: few bands, far enough from each other, each of enough requests.

    Where requests are few they are put to the neighbour with fewer; then neighbours are put together that are
    nearly the same load, the nearest first.

    Args:
        users: Of each request; at least one.
    """
    values, sizes = np.unique(users, return_counts=True)
    if len(values) > _FINE:
        part = np.floor((np.cumsum(sizes) - sizes) * (_FINE / len(users)))
        last = np.append(part[1:] != part[:-1], values=True)
        starts = np.append(0, np.flatnonzero(last)[:-1] + 1)
        loads = [*zip(values[starts].tolist(), values[last].tolist(), strict=True)]
        counts = np.add.reduceat(sizes, starts).tolist()
    else:
        loads, counts = [(value, value) for value in values.tolist()], sizes.tolist()

    def unite(lower: int) -> None:
        counts[lower : lower + 2] = [counts[lower] + counts[lower + 1]]
        loads[lower : lower + 2] = [(loads[lower][0], loads[lower + 1][1])]

    while len(counts) > 1 and min(counts) < FEWEST_REQUESTS:
        thin = counts.index(min(counts))
        beside = [number for number in (thin - 1, thin + 1) if 0 <= number < len(counts)]
        unite(min(thin, min(beside, key=counts.__getitem__)))
    while len(loads) > 1:
        widths = [upper[1] / lower[0] for lower, upper in pairwise(loads)]
        if len(loads) <= MOST_BANDS and min(widths) >= LEAST_WIDTH:
            break
        unite(widths.index(min(widths)))
    return np.array([most for _, most in loads], dtype=np.int64)


def _bands(
    samples: Samples,
    there: Presence,
    users: Counts,
    most: Counts,
    limits: Mapping[str, Sequence[Threshold]],
) -> tuple[Band, ...]:
    own = _band_of(users, most)
    ok = samples.ended(Outcome.OK)
    asking = there.while_asking()
    counts, pieces_s = asking.pieces()
    somebody = counts > 0
    seconds = np.bincount(_band_of(counts[somebody], most), pieces_s[somebody], minlength=len(most))
    # Answers come while another load is there than when they were asked for.
    at_end = asking.at(samples.column("finished_s")[ok])
    came = np.bincount(_band_of(at_end[at_end > 0], most), minlength=len(most))
    rps = [float(each / time_s) if time_s > 0 else None for each, time_s in zip(came, seconds, strict=True)]
    values = {key: metric(key).values(samples) for key in ("e2e_ms", *limits)}
    tiers = [*samples.tiers, NETWORK] if samples.tiers else []
    times = {tier: metric(hop_key(tier)).values(samples) for tier in tiers}
    bands = []
    for number in range(len(most)):
        mine = own == number
        latencies_ms = _known(values["e2e_ms"][mine])
        crossed, certain = _judged(
            {key: values[key][mine] for key in limits}, limits, answers=bool(ok[mine].any())
        )
        bands.append(
            Band(
                users=(int(users[mine].min()), int(users[mine].max())),
                requests=int(mine.sum()),
                success_ratio=float(ok[mine].mean()),
                requests_rps=rps[number],
                shares=_shares(times, mine),
                crossed=crossed,
                certain=certain,
                p50_ms=stats.quantile(latencies_ms, _MEDIAN),
                p95_ms=stats.quantile(latencies_ms, _P95),
                uncertified=tuple(
                    name
                    for name, share in (("p50", _MEDIAN), ("p95", _P95))
                    if not stats.certified(len(latencies_ms), share)
                ),
            )
        )
    return tuple(bands)


def _band_of(users: Counts, most: Counts) -> Counts:
    return np.minimum(np.searchsorted(most, users, side="left"), len(most) - 1)


def _shares(times: Mapping[str, Floats], mine: Mask) -> dict[str, float]:
    """What each tier has of the time of all of them; an answer without a tier spent no time there."""
    sums = {tier: float(np.nansum(each[mine])) for tier, each in times.items()}
    whole = sum(sums.values())
    return {tier: each / whole for tier, each in sums.items()} if whole > 0 else {}


def _judged(
    values: Mapping[str, Floats], limits: Mapping[str, Sequence[Threshold]], *, answers: bool
) -> tuple[tuple[ThresholdResult, ...], bool]:
    """The limits that are crossed, and whether that, or that none is, is more than chance.

    Args:
        values: Of the requests at a load, by metric.
        limits: By metric.
        answers: Whether any request succeeded.
    """
    crossed, sure_broken, sure_kept = [], False, True
    for key, own in limits.items():
        known = _known(values[key])
        if answers and not len(known):
            continue  # what no answer has a value of is not asked of them
        for limit in own:
            (result,) = judge_values(metric(key), [limit], known, elapsed_s=0.0)
            sure = _sure(parse(limit.threshold), known, crossed=result.crossed)
            if result.crossed:
                crossed.append(result)
                sure_broken |= sure
            sure_kept &= sure
    return tuple(crossed), sure_broken if crossed else sure_kept


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
        more_users = last.users[0] / band.users[1]
        rates = [each.requests_rps for each in bands[number:]]
        if more_users < SATURATED_USERS or band.requests_rps is None or last.requests_rps is None:
            continue
        error = 2.0 * (1.0 / band.requests + 1.0 / last.requests) ** 0.5
        most_rps = max(rate for rate in rates if rate is not None)
        flat = most_rps <= SATURATED_RPS * band.requests_rps
        if flat and last.requests_rps * (1.0 + error) < band.requests_rps * more_users:
            return number
    return None


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]
