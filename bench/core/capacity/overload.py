"""The behaviour beyond the safe load: goodput, recovery after a spike, fairness and load shedding."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from bench.core.capacity.curve_point import CurvePoint, FittedValue
from bench.core.capacity.dependence import long_run_variance
from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.load_trial import LoadUnit
from bench.core.faults.steady_state import Requests, find_recovery, find_steady_state
from bench.core.samples.arrays import Floats, Mask
from bench.core.samples.metrics import METRICS, RESPONSE_TIME, metric
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.record import Count, NotNegative, Record
from bench.core.values.units import FloatArray, ms

# Goodput stays on its plateau if it loses at most this share of the best one, and collapses beyond the other.
PLATEAU_RATIO = 0.9
COLLAPSE_RATIO = 0.5
# p value of the test whether some users get fewer answers than others.
UNFAIR_ALPHA = 0.01
# Statuses with which a service refuses work that it has no room for.
_REFUSALS = (429, 503)
_DRAWS = 400
_SEED = 13
_FEWEST_USERS = 2

OverloadGoodput = Literal["plateau", "decline", "collapse"]


class OverloadPart(NamedTuple):
    """The measured part of a search beyond its safe load: a load below it, a spike, and that load again."""

    samples: Samples
    """Requests to the target."""
    unit: LoadUnit
    """Unit of the loads."""
    load: float
    """Load of the spike."""
    rest_load: float
    """Load before and after the spike."""
    steady_from_s: float
    """From this time on, the load before the spike is steady."""
    spike_from_s: float
    """Start of the spike."""
    spike_to_s: float
    """End of the spike."""
    end_s: float
    """End of the load after the spike."""


class Fairness(Record):
    """How equally users share a stack."""

    index: NotNegative
    """Jain's index of the successful answers by VU: 1 if all have as many, 1/n if one has them all."""
    expected_index: NotNegative
    """Index that chance alone falls below in one of a hundred cases."""
    users: Count
    """Number of users."""

    @property
    def is_fair(self) -> bool:
        """Whether chance explains the difference of the users."""
        return self.index >= self.expected_index


class LoadShedding(Record):
    """Refusals with status 429 or 503 during a spike."""

    refused_ratio: NotNegative
    """Share of the requests that were refused."""
    refusal_ms: NotNegative
    """Median time of a refusal."""
    accepted_p95_ms: NotNegative | None
    """95th percentile of the response time of the successful requests; null with too few."""


class OverloadReport(Record):
    """What happens beyond the safe load."""

    unit: LoadUnit
    """Unit of the loads."""
    load: NotNegative
    """Load of the spike."""
    rest_load: NotNegative
    """Load before and after the spike."""
    spike_s: NotNegative
    """Duration of the spike."""
    best_goodput_rps: NotNegative
    """Largest goodput of a trial."""
    goodput_rps: NotNegative
    """Goodput in the second half of the spike."""
    goodput_ratio: FittedValue | None
    """Goodput of the spike divided by the best one; null if no trial had any."""
    goodput: OverloadGoodput | None
    """Whether goodput stays on its plateau, declines or collapses; null like `goodput_ratio`."""
    recovery_s: NotNegative | None
    """Time from the end of the spike until answers are as before it; null if they never were, or if the load
    before had too few requests."""
    watched_s: NotNegative
    """Duration of the load after the spike."""
    fairness: Fairness | None
    """Fairness between users during the spike; null in an open loop, where each request is a user."""
    shedding: LoadShedding | None
    """Refusals during the spike; null if the stack refused no request."""


def report_overload(
    part: OverloadPart, points: Sequence[CurvePoint], objectives: Sequence[LoadObjective], confidence: float
) -> OverloadReport:
    """Return the behaviour beyond the safe load.

    Args:
        part: The measured part beyond the safe load.
        points: The loads of the search.
        objectives: The objectives, which decide what counts as goodput.
        confidence: Probability that an interval contains its true value.
    """
    answered = part.samples.without_cancelled()
    planned_s = answered.column("scheduled_s")
    spike = answered.where((planned_s >= part.spike_from_s) & (planned_s < part.spike_to_s))
    best = max(points, key=lambda point: point.goodput_rps, default=None)
    good_by_second = _count_good(spike, part, objectives)
    ratio = _goodput_ratio(good_by_second, best, confidence)
    return OverloadReport(
        unit=part.unit,
        load=part.load,
        rest_load=part.rest_load,
        spike_s=part.spike_to_s - part.spike_from_s,
        best_goodput_rps=0.0 if best is None else best.goodput_rps,
        goodput_rps=float(np.mean(good_by_second)),
        goodput_ratio=ratio,
        goodput=_judge_goodput(ratio),
        recovery_s=_measure_recovery(answered, part),
        watched_s=part.end_s - part.spike_to_s,
        fairness=_measure_fairness(spike) if part.unit == "users" else None,
        shedding=_measure_shedding(spike),
    )


def jain_index(shares: FloatArray) -> float:
    """Return the index of fairness (Jain, Chiu and Hawe, 1984): (Σx)² / (n·Σx²); 1 without any share."""
    squares = float(shares @ shares)
    return float(shares.sum()) ** 2 / (len(shares) * squares) if squares else 1.0


def _count_good(spike: Samples, part: OverloadPart, objectives: Sequence[LoadObjective]) -> FloatArray:
    """Return the requests that met all objectives by second of the second half of a spike."""
    middle_s = (part.spike_from_s + part.spike_to_s) / 2.0
    seconds = max(1, math.floor(part.spike_to_s - middle_s))
    numbers = np.floor(spike.column("scheduled_s") - middle_s)
    counted = _are_good(spike, objectives) & (numbers >= 0) & (numbers < seconds)
    good = np.bincount(numbers[counted].astype(np.int64), minlength=seconds)
    return np.asarray(good, dtype=np.float64)


def _are_good(samples: Samples, objectives: Sequence[LoadObjective]) -> Mask:
    good = samples.has_outcome(Outcome.OK)
    for objective in objectives:
        for key, limit_ms in objective.limits_ms.items():
            good &= ~(metric(key).values(samples) > limit_ms)
    return good


def _goodput_ratio(good: FloatArray, best: CurvePoint | None, confidence: float) -> FittedValue | None:
    """Return goodput by the best goodput, with an interval for the ratio of two rates (delta method)."""
    if best is None or best.goodput_rps <= 0.0:
        return None
    goodput_rps = float(np.mean(good))
    error_rps = math.sqrt(max(long_run_variance(good - goodput_rps), 1.0)) / len(good)
    best_error = 1.0 / math.sqrt(max(1.0, best.goodput_rps * best.duration_s))
    ratio = goodput_rps / best.goodput_rps
    error = math.hypot(error_rps / best.goodput_rps, ratio * best_error)
    half_width = error * stats.t_quantile((1.0 + confidence) / 2.0, max(1, len(good) - 1))
    return FittedValue(value=ratio, low=max(0.0, ratio - half_width), high=ratio + half_width)


def _judge_goodput(ratio: FittedValue | None) -> OverloadGoodput | None:
    """Return the best behaviour that the interval of the ratio does not rule out."""
    if ratio is None or ratio.high is None:
        return None
    if ratio.high >= PLATEAU_RATIO:
        return "plateau"
    return "decline" if ratio.high >= COLLAPSE_RATIO else "collapse"


def _measure_recovery(answered: Samples, part: OverloadPart) -> float | None:
    requests = Requests.of(answered)
    steady = find_steady_state(requests, part.steady_from_s, part.spike_from_s)
    if steady is None:
        return None
    after = requests.where((requests.scheduled_s >= part.spike_from_s) & (requests.scheduled_s < part.end_s))
    recovered_s = find_recovery(after, steady, part.spike_to_s)
    return None if recovered_s is None else max(0.0, recovered_s - part.spike_to_s)


def _measure_fairness(spike: Samples) -> Fairness | None:
    """Return the fairness between the users of a spike.

    If users had equal chances, their answers would have a multinomial distribution. Users of a closed loop
    differ less, because each waits for its answer, so the test is careful.
    """
    users, index = np.unique(spike.column("vu"), return_inverse=True)
    if len(users) < _FEWEST_USERS:
        return None
    answers = np.bincount(index, spike.has_outcome(Outcome.OK), minlength=len(users))
    total = int(answers.sum())
    random = np.random.default_rng(_SEED)
    equal = random.multinomial(total, np.full(len(users), 1.0 / len(users)), _DRAWS)
    by_chance = [jain_index(np.asarray(drawn, dtype=np.float64)) for drawn in equal]
    return Fairness(
        index=jain_index(np.asarray(answers, dtype=np.float64)),
        expected_index=float(np.quantile(by_chance, UNFAIR_ALPHA)),
        users=len(users),
    )


def _measure_shedding(spike: Samples) -> LoadShedding | None:
    refused = spike.has_outcome(Outcome.RATE_LIMITED) | np.isin(spike.column("status"), _REFUSALS)
    refused &= ~spike.has_outcome(Outcome.OK)
    if not refused.any():
        return None
    took_ms: Floats = ms(spike.column("finished_s") - spike.column("scheduled_s"))
    accepted_ms = METRICS[RESPONSE_TIME].values(spike)[spike.has_outcome(Outcome.OK)]
    return LoadShedding(
        refused_ratio=float(np.mean(refused)),
        refusal_ms=float(np.median(took_ms[refused])),
        accepted_p95_ms=stats.quantile(accepted_ms, 0.95),
    )
