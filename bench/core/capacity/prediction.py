"""Predictions from the fitted queue: what another load needs, and what another number of slots carries."""

import math
import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.core.capacity.curve import CapacityCurve, FittedCurve
from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.load_trial import LoadUnit, SafeLoad
from bench.core.capacity.model_fit import MODEL_ERROR, MeasuredLoads
from bench.core.capacity.queue_fit import SATURATED_USE, QueueCandidate, QueueEstimate
from bench.core.capacity.queue_model import TAIL, SlotQueue
from bench.core.config.capacity_search import CapacitySearch
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values import stats, wording
from bench.core.values.record import NotNegative, Record

_DRAWS = 40
_SEED = 11
_HALVINGS = 14
# Use of the slots from which on a load shows the 95th percentile of a busy stack.
_BUSY_USE = 0.5
# MODEL_ERROR is taken as the 90 % interval of the error of a model.
_MODEL_QUANTILE = 0.95
_LARGE_DF = 1e6
# Answers are shortened by at most this share.
_MOST_SHORTER = 0.999
# Largest number of slots that an open loop is predicted with, as a multiple of the slots in use.
_MOST_SLOTS = 8
# Factor between the numbers of slots that are tried first.
_SLOT_STEP = 1.3
PREDICTED_FACTOR = 2.0
"""The load whose needs are predicted if the search declares none, as a multiple of the safe load."""


class Prediction(Record):
    """What a load needs to meet a limit of the 95th percentile of the response time."""

    load: NotNegative
    """VUs, or requests per second."""
    unit: LoadUnit
    """Unit of the load."""
    objective_ms: NotNegative
    """Limit of the 95th percentile of the response time."""
    refused: str | None = None
    """Why there is no prediction, and what to measure; null with a prediction."""
    slots: FittedValue | None = None
    """Number of slots of the measured stack; null without a prediction."""
    p95_ms: FittedValue | None = None
    """95th percentile at the load with these slots; null without a prediction, or if it grows without end."""
    slots_needed: FittedValue | None = None
    """Number of slots that the load needs; null without a prediction, or if no number is enough."""
    slots_ratio: FittedValue | None = None
    """Needed slots divided by those of the measured stack; null like `slots_needed`."""
    shorter: FittedValue | None = None
    """Share by which the time in a slot must shrink if the slots stay; null if no share is enough."""


class LoadPrediction(Record):
    """The largest load that a number of slots carries within a limit of the 95th percentile."""

    slots: NotNegative
    """Number of slots."""
    unit: LoadUnit
    """Unit of the load."""
    objective_ms: NotNegative
    """Limit of the 95th percentile of the response time."""
    refused: str | None = None
    """Why there is no prediction, and what to measure; null with a prediction."""
    load: FittedValue | None = None
    """The largest load; null without a prediction, and 0 if even one request at a time takes too long."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """One queue that the measured loads do not rule out, with the error of its 95th percentile."""

    queue: SlotQueue
    unit: LoadUnit
    think_s: float
    tail_factor: float
    """Measured by predicted 95th percentile."""

    def is_within(self, load: float, limit_s: float) -> bool:
        """Return whether the 95th percentile of the response time at a load is within a limit."""
        limit_s /= self.tail_factor
        return self.queue.share_within(limit_s, load, self.unit, self.think_s) >= TAIL

    def p95_s(self, load: float) -> float:
        """Return the 95th percentile of the response time at a load; infinity if it grows without end."""
        state = self.queue.predict(load, self.unit, self.think_s, tail=True)
        return math.inf if state.p95_s is None else state.p95_s * self.tail_factor

    def with_slots(self, slots: int) -> "_Draw":
        """Return the queue with another number of slots."""
        return replace(self, queue=replace(self.queue, slots=slots))

    def with_shorter(self, share: float) -> "_Draw":
        """Return the queue with a shorter time in a slot."""
        return replace(self, queue=replace(self.queue, service_s=self.queue.service_s * (1.0 - share)))


def predict(
    fitted: FittedCurve, load: float, objective_ms: float, slots_now: int | None = None
) -> Prediction:
    """Predict what a load needs to keep the 95th percentile of the response time within a limit.

    Args:
        fitted: The curve of a search.
        load: VUs, or requests per second.
        objective_ms: Limit of the 95th percentile of the response time.
        slots_now: Number of slots of the measured stack, if it is known.
    """
    curve = fitted.curve
    prediction = Prediction(load=load, unit=curve.unit, objective_ms=objective_ms)
    draws = _draw(fitted, slots_now)
    if isinstance(draws, str):
        return prediction.model_copy(update={"refused": draws})
    limit_s = objective_ms / 1000.0
    slots = [float(draw.queue.slots) for draw in draws]
    slots_needed = [_slots_needed(draw, load, limit_s) for draw in draws]
    confidence = curve.confidence
    return prediction.model_copy(
        update={
            "slots": _spread(slots, confidence),
            "p95_ms": _spread([draw.p95_s(load) * 1000.0 for draw in draws], confidence),
            "slots_needed": _spread(slots_needed, confidence),
            "slots_ratio": _spread(list(map(operator.truediv, slots_needed, slots)), confidence),
            "shorter": _spread([_shorter(draw, load, limit_s) for draw in draws], confidence),
        }
    )


def predict_all(
    fitted: FittedCurve | None,
    safe: SafeLoad | None,
    search: CapacitySearch,
    objectives: Sequence[LoadObjective],
) -> tuple[Prediction, ...]:
    """Return the predictions for the limit of the p95 of the response time.

    They are about the loads that the search declares, or else about a multiple of the safe load if a tried
    load broke an objective.
    """
    if fitted is None:
        return ()
    limits_ms = [row.limits_ms[RESPONSE_TIME] for row in objectives if _limits_response_time(row)]
    if limits_ms:
        loads = search.predict or _list_default_loads(safe)
        return tuple(predict(fitted, load, min(limits_ms), search.slots) for load in loads)
    refused = "Only the p95 of the response time can be predicted. Add an objective such as 'e2e<10s'."
    return tuple(
        Prediction(load=load, unit=fitted.curve.unit, objective_ms=0.0, refused=refused)
        for load in search.predict
    )


def _limits_response_time(objective: LoadObjective) -> bool:
    is_p95 = math.isclose(objective.allowed_ratio, 1.0 - TAIL)
    return is_p95 and objective.limits_ms.keys() == {RESPONSE_TIME}


def _list_default_loads(safe: SafeLoad | None) -> tuple[float, ...]:
    return () if safe is None or safe.high is None else (PREDICTED_FACTOR * safe.load,)


def predict_load(
    fitted: FittedCurve, slots: int, objective_ms: float, slots_now: int | None = None
) -> LoadPrediction:
    """Predict the largest load that a number of slots carries within a limit of the 95th percentile.

    Args:
        fitted: The curve of a search.
        slots: Number of slots.
        objective_ms: Limit of the 95th percentile of the response time.
        slots_now: Number of slots of the measured stack, if it is known.
    """
    curve = fitted.curve
    prediction = LoadPrediction(slots=slots, unit=curve.unit, objective_ms=objective_ms)
    draws = _draw(fitted, slots_now)
    if isinstance(draws, str):
        return prediction.model_copy(update={"refused": draws})
    limit_s = objective_ms / 1000.0
    largest = [_largest_load(draw.with_slots(slots), limit_s) for draw in draws]
    return prediction.model_copy(update={"load": _spread(largest, curve.confidence)})


def _draw(fitted: FittedCurve, slots_now: int | None) -> list[_Draw] | str:
    """Return queues that the trials do not rule out, the best one first, or the reason why there is none."""
    curve, loads, estimate = fitted
    estimate = None if estimate is None else estimate.with_slots(slots_now)
    refused = _refuse(curve, estimate, slots_now)
    if refused is not None or estimate is None:
        return refused or curve.describe_fits()
    random = np.random.default_rng(_SEED)
    weights = np.array(
        [
            (estimate.best.squares - candidate.squares) / 2.0 / estimate.scale
            for candidate in estimate.accepted
        ]
    )
    shares = np.exp(weights) / np.exp(weights).sum()
    tails = [_tail_error(loads, candidate)[0] for candidate in estimate.accepted]
    mean, tail_spread = _tail_error(loads, estimate.best)
    # An adequate model may be wrong by MODEL_ERROR, which loads that were not measured do not show.
    spread = math.hypot(tail_spread, MODEL_ERROR / stats.t_quantile(_MODEL_QUANTILE, _LARGE_DF))
    draws = [_Draw(estimate.best.queue, loads.unit, loads.think_s, math.exp(mean))]
    for index in random.choice(len(shares), _DRAWS, p=shares):
        candidate = estimate.accepted[index]
        covariance = candidate.covariance * estimate.scale
        values = random.multivariate_normal(candidate.values, covariance, method="svd")
        if not candidate.queue.contention:
            values[1] = max(0.0, values[1])
        queue = estimate.family.make(candidate.queue.slots, values)
        tail = tails[index] + random.normal() * spread
        draws.append(_Draw(queue, loads.unit, loads.think_s, math.exp(tail)))
    return draws


def _refuse(curve: CapacityCurve, estimate: QueueEstimate | None, slots_now: int | None) -> str | None:
    """Return why a prediction would be a guess, and what to measure."""
    fit = curve.queue
    if fit is None or estimate is None:
        return f"{curve.describe_fits()} Search longer, with --budget or a smaller --width."
    if not fit.adequate:
        return (
            f"{curve.describe_fits()} Only the queue knows slots, so another load is not predicted. "
            "Measure more loads between the safe load and twice the safe load, or the other stack itself."
        )
    if not fit.saturated:
        twice = wording.value(2.0 * curve.points[-1].load, "1")
        return (
            f"No trial used the slots for {wording.percent(SATURATED_USE)} of the time, "
            f"so their number is not known. Measure loads up to {twice} {curve.unit}."
        )
    if slots_now is not None and not _accepts(estimate, slots_now):
        return (
            f"The curve does not fit a stack with {wording.counted(slots_now, 'slot')}. "
            "Check the number, or leave it out."
        )
    return None


def _accepts(estimate: QueueEstimate, slots: int) -> bool:
    return any(candidate.queue.slots == slots for candidate in estimate.accepted)


def _tail_error(loads: MeasuredLoads, candidate: QueueCandidate) -> tuple[float, float]:
    """Return mean and standard deviation of the logarithm of measured by predicted 95th percentiles.

    A prediction is about a busy stack, so the loads that use the slots for half of the time count, if there
    are some.
    """
    queue = candidate.queue
    busy: list[float] = []
    all_loads: list[float] = []
    for point in loads.used:
        state = queue.predict(point.load, loads.unit, loads.think_s, tail=True)
        if point.p95_ms and state.p95_s and not loads.is_backlogged(point):
            error = math.log(point.p95_ms / 1000.0 / state.p95_s)
            all_loads.append(error)
            if state.throughput_rps >= _BUSY_USE * queue.most_rps:
                busy.append(error)
    errors = busy if len(busy) > 1 else all_loads
    if len(errors) <= 1:
        return 0.0, 0.0
    return float(np.mean(errors)), float(np.std(errors, ddof=1))


def _spread(results: Sequence[float], confidence: float) -> FittedValue | None:
    """Return the first result, of the best queue, with the interval of the others; `None` if infinite."""
    value = results[0]
    if value == math.inf:
        return None
    values = sorted(results[1:])
    tail = round((1.0 - confidence) / 2.0 * len(values))
    high = max(value, values[-1 - tail])
    return FittedValue(value=value, low=min(value, values[tail]), high=None if high == math.inf else high)


def _slots_needed(draw: _Draw, load: float, limit_s: float) -> float:
    """Return the smallest number of slots with which the load meets the limit; infinity without one.

    Slots that slow each other down may be too many, so the search begins with few.
    """
    in_use = load if draw.unit == "users" else load * draw.queue.service_s * _MOST_SLOTS
    most = math.ceil(in_use) + 1
    too_few = 0
    enough = 1
    while not draw.with_slots(enough).is_within(load, limit_s):
        if enough >= most:
            return math.inf
        too_few = enough
        enough = min(most, math.ceil(enough * _SLOT_STEP))
    between = range(too_few + 1, enough)
    return _find_first(between, lambda slots: draw.with_slots(slots).is_within(load, limit_s))


def _shorter(draw: _Draw, load: float, limit_s: float) -> float:
    """Return by which share the time in a slot must shrink to meet the limit; infinity if none is enough."""
    if draw.is_within(load, limit_s):
        return 0.0
    too_little = 0.0
    enough = _MOST_SHORTER
    if not draw.with_shorter(enough).is_within(load, limit_s):
        return math.inf
    for _ in range(_HALVINGS):
        middle = (enough + too_little) / 2.0
        if not draw.with_shorter(middle).is_within(load, limit_s):
            too_little = middle
        else:
            enough = middle
    return enough


def _largest_load(draw: _Draw, limit_s: float) -> float:
    """Return the largest load that meets the limit; 0 without one."""
    step = 1.0 if draw.unit == "users" else draw.queue.most_rps / 2.0**_HALVINGS
    met = 0
    broken = 1
    while draw.is_within(broken * step, limit_s):
        met = broken
        broken *= 2
    first_broken = _find_first(
        range(met + 1, broken), lambda number: not draw.is_within(number * step, limit_s)
    )
    return (first_broken - 1) * step


def _find_first(numbers: range, holds: Callable[[int], bool]) -> int:
    """Return the first number from which on a condition holds; the one after the last if it never does."""
    return numbers.start + bisect_left(numbers, 1, key=lambda number: int(holds(number)))
