"""The queue M/G/c, fitted to a load curve: its number of slots, and the time in a slot."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.core.capacity.curve_point import FitResidual, FittedValue, LinePoint
from bench.core.capacity.load_trial import LoadTrial
from bench.core.capacity.model_fit import (
    FEWEST_LOADS,
    MeasuredLoads,
    PredictedState,
    draw_line,
    is_adequate,
    list_residuals,
    minimise,
    model_error,
)
from bench.core.capacity.queue_model import ServiceShape, SlotQueue
from bench.core.capacity.response_spread import QUANTILES
from bench.core.values import stats
from bench.core.values.record import NotNegative, Record
from bench.core.values.units import FloatArray

# A load saturates the slots if they are in use for this share of the time.
SATURATED_USE = 0.9
# Slots slow each other down only if this improves the sum of squares by more than this.
CONTENTION_SQUARES = 4.0
# The search for the number of slots ends at this multiple of the requests in flight.
_MOST_SLOTS = 4
_STEP = 1.1
_PARAMETERS = 3
# Logarithm of the widest interval of a time in a slot.
_WIDEST = 5.0
_MOST_CONTENTION = 2.0
_AT_BOUND = 0.01
# Difference of sums of squares that shows that more slots change no response time.
_FLAT = 1e-3
# Numbers of slots in a row that are tried although the curve rules them out: it may fit a larger one again,
# because time outside the slots and contention have opposite effects.
_GAP = 3
_TAIL_OF_NORMAL = 1.645
_SMALLEST_S = 1e-9


class QueueFit(Record):
    """The queue M/G/c: requests that arrive at random wait for one of c slots.

    In a closed loop the number of users is finite (M/G/c//N), and think time is time outside the queue.
    """

    slots: FittedValue
    """c: number of requests that are worked on at once."""
    service_ms: FittedValue
    """Mean time that a request holds a slot if it is alone."""
    service_variation: NotNegative
    """Standard deviation of the time in a slot, as a share of its mean."""
    outside_ms: NotNegative
    """Time of a request outside the slots, apart from waiting."""
    contention: NotNegative = 0.0
    """Share by which each further request in a slot slows down a request; this or `outside_ms` is 0."""
    most_rps: FittedValue
    """Largest throughput: slots divided by the time in a slot with all slots in use."""
    line: tuple[LinePoint, ...]
    """The fitted line."""
    residuals: tuple[FitResidual, ...]
    """Measured loads compared with the line, ascending."""
    model_error: NotNegative
    """Error of the response times beyond that of the measurement, as a share."""
    adequate: bool
    """Whether the queue explains the measured loads."""
    saturated: bool
    """Whether a measured load used the slots nearly completely; otherwise their number is a guess."""


class QueueFamily(NamedTuple):
    """All queues that have the measured distribution of response times at the smallest load."""

    responses_s: FloatArray
    """Response times at equal shares of the requests at the smallest load."""
    fastest_s: float
    """Shortest mean response time of a load."""

    def make(self, slots: int, values: FloatArray) -> SlotQueue:
        """Return a queue. The values are the logarithm of the time in a slot, and outside time or contention.

        Times are shares of the shortest measured mean. Time outside the slots lowers the throughput that
        slots with this response time can have, and contention lowers that of the slots, so the curve shows
        only the sum of the two effects: a positive value is time outside, a negative one contention.
        """
        outside_s = max(0.0, float(values[1])) * self.fastest_s
        contention = max(0.0, -float(values[1]))
        times_s = np.clip(self.responses_s - outside_s, _SMALLEST_S, None)
        service_s = math.exp(float(values[0])) * self.fastest_s
        return SlotQueue(slots, service_s, ServiceShape.of(times_s), outside_s, contention)


class QueueCandidate(NamedTuple):
    """The best queue with a given number of slots."""

    queue: SlotQueue
    squares: float
    """Smallest sum of the squared differences, in standard errors, with or without contention."""
    values: FloatArray
    """The parameters of the queue in its family."""
    covariance: FloatArray
    """Their covariance if the differences have a variance of 1."""
    differences: FloatArray
    """Logarithm of measured by predicted values."""


class QueueEstimate(NamedTuple):
    """The queues that the measured loads do not rule out."""

    search: "SlotSearch"
    """The queues that were tried."""
    best: QueueCandidate
    accepted: tuple[QueueCandidate, ...]
    """By the number of slots, ascending; `best` is one of them. Empty if the stated number does not fit."""
    limit: float
    """Largest sum of squares that is accepted."""
    scale: float
    """Variance of the differences, in squared standard errors; at least 1."""
    is_open: bool
    """Whether an even larger number of slots would also fit."""
    df: int
    """Degrees of freedom."""

    @property
    def family(self) -> QueueFamily:
        """The queues that were tried."""
        return self.search.family

    def with_slots(self, slots: int | None) -> "QueueEstimate":
        """Return the queue with the stated number of slots; all of them if it is not known."""
        if slots is None:
            return self
        stated = self.search.fit(slots)
        return self._replace(best=stated, accepted=(stated,) if stated.squares <= self.limit else ())


def estimate_queue(loads: MeasuredLoads, trials: Sequence[LoadTrial]) -> QueueEstimate | None:
    """Return the queues that fit: the best time in a slot for each number of slots (weighted least squares).

    Args:
        loads: The measured loads.
        trials: The trials of these loads.

    Returns:
        None with fewer than `FEWEST_LOADS` loads.
    """
    if len(loads.used) < FEWEST_LOADS:
        return None
    search = SlotSearch(loads, response_shape(trials))
    best = search.find_best()
    df = max(1, len(loads.used) - _PARAMETERS)
    scale = max(1.0, best.squares / df)
    limit = best.squares + scale * stats.t_quantile((1.0 + loads.confidence) / 2.0, df) ** 2
    fewer = search.accept(best, limit, downwards=True)
    more = search.accept(best, limit, downwards=False)
    is_open = bool(more) and more[-1].queue.slots >= search.most_slots
    return QueueEstimate(search, best, (*reversed(fewer), best, *more), limit, scale, is_open, df)


def describe_queue(loads: MeasuredLoads, estimate: QueueEstimate) -> QueueFit:
    """Return the fit with the intervals that all accepted numbers of slots span."""
    best = estimate.best
    queue = best.queue
    factor = stats.t_quantile((1.0 + loads.confidence) / 2.0, estimate.df) * math.sqrt(estimate.scale)
    services_ms: list[float] = []
    most_rps: list[float] = []
    for candidate in estimate.accepted:
        error = math.sqrt(max(0.0, float(candidate.covariance[0, 0])))
        for side in (-1.0, 1.0):
            service_s = candidate.queue.service_s * math.exp(side * min(_WIDEST, factor * error))
            services_ms.append(service_s * 1000.0)
            most_rps.append(candidate.queue.most_rps * candidate.queue.service_s / service_s)

    def predict(load: float) -> PredictedState:
        return queue.predict(load, loads.unit, loads.think_s, tail=True)

    return QueueFit(
        slots=FittedValue(
            value=queue.slots,
            low=estimate.accepted[0].queue.slots,
            high=None if estimate.is_open else estimate.accepted[-1].queue.slots,
        ),
        service_ms=FittedValue(value=queue.service_s * 1000.0, low=min(services_ms), high=max(services_ms)),
        service_variation=queue.shape.variation,
        outside_ms=queue.outside_s * 1000.0,
        contention=queue.contention,
        most_rps=FittedValue(
            value=queue.most_rps, low=min(most_rps), high=None if estimate.is_open else max(most_rps)
        ),
        line=draw_line(loads.points, predict),
        residuals=list_residuals(loads, predict),
        model_error=model_error(best.differences, loads.errors()),
        adequate=is_adequate(best.differences, loads.errors(), _PARAMETERS),
        saturated=_is_saturated(loads, queue),
    )


def response_shape(trials: Sequence[LoadTrial]) -> FloatArray:
    """Return response times in seconds that stand for equal shares of the requests at the smallest load.

    Without their quantiles, the distribution is lognormal with the measured median and 95th percentile;
    without those, it is exponential with the measured mean.
    """
    answered = [trial for trial in trials if trial.mean_ms is not None]
    lightest = min(answered, key=lambda trial: trial.load)
    if lightest.quantiles_ms:
        return np.array(lightest.quantiles_ms) / 1000.0
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    mean_s = (lightest.mean_ms or 0.0) / 1000.0
    if lightest.p50_ms and lightest.p95_ms:
        from scipy import special  # noqa: PLC0415 - takes long to import, and few commands fit

        spread = math.log(max(1.0, lightest.p95_ms / lightest.p50_ms)) / _TAIL_OF_NORMAL
        return np.asarray(lightest.p50_ms / 1000.0 * np.exp(spread * special.ndtri(shares)))
    return -mean_s * np.log1p(-shares)


def _is_saturated(loads: MeasuredLoads, queue: SlotQueue) -> bool:
    used_rps = [queue.predict(point.load, loads.unit, loads.think_s).throughput_rps for point in loads.used]
    return max(used_rps) >= SATURATED_USE * queue.most_rps


class SlotSearch:
    """The best queue for each number of slots."""

    def __init__(self, loads: MeasuredLoads, responses_s: FloatArray) -> None:
        self._loads = loads
        self._errors = loads.errors()
        self._used = np.array([point.load for point in loads.used])
        self._fits: dict[int, QueueCandidate] = {}
        means_s = [point.mean_ms.value / 1000.0 for point in loads.used if point.mean_ms is not None]
        self.family = QueueFamily(responses_s, max(min(means_s), _SMALLEST_S))
        self._most_rps = max(point.throughput_rps.value for point in loads.used)
        self.most_slots = max(8, math.ceil(_MOST_SLOTS * self._most_rps * self.family.fastest_s))

    def find_best(self) -> QueueCandidate:
        """Return the best of all numbers of slots: the best of a coarse series, then its neighbours."""
        slots = 1
        best = self.fit(1)
        while slots < self.most_slots:
            slots = max(slots + 1, math.floor(slots * 1.5))
            best = min(best, self.fit(slots), key=lambda fit: fit.squares)
        step = max(1, best.queue.slots // 4)
        while step:
            neighbours = [max(1, best.queue.slots - step), best.queue.slots + step]
            nearest = min(map(self.fit, neighbours), key=lambda fit: fit.squares)
            if nearest.squares < best.squares:
                best = nearest
            else:
                step //= 2
        return best

    def accept(self, best: QueueCandidate, limit: float, *, downwards: bool) -> list[QueueCandidate]:
        """Return the numbers of slots next to the best one whose sum of squares is within the limit."""
        accepted: list[QueueCandidate] = []
        squares = best.squares
        slots = best.queue.slots
        rejected = 0
        while rejected < _GAP:
            distance = max(1, round(slots * (_STEP - 1.0) / 2.0))
            slots += -distance if downwards else distance
            if not 1 <= slots <= self.most_slots:
                break
            candidate = self.fit(slots)
            if candidate.squares > limit:
                rejected += 1
                continue
            rejected = 0
            accepted.append(candidate)
            if not downwards and abs(candidate.squares - squares) < _FLAT:
                slots = max(slots, self.most_slots - 1)  # no request waits, so any larger number fits
            squares = candidate.squares
        return accepted

    def fit(self, slots: int) -> QueueCandidate:
        """Return the best queue with this number of slots."""
        if slots not in self._fits:
            self._fits[slots] = self._minimise(slots)
        return self._fits[slots]

    def _minimise(self, slots: int) -> QueueCandidate:
        def weighted(values: FloatArray) -> FloatArray:
            return self._differences(self.family.make(slots, values)) / self._errors

        fastest_s = self.family.fastest_s
        full_s = slots / max(self._most_rps, _SMALLEST_S)
        if full_s < fastest_s:
            start = [math.log(full_s / fastest_s), 1.0 - full_s / fastest_s]
        else:
            start = [0.0, (1.0 - full_s / fastest_s) / max(1, slots - 1)]
        fit = minimise(weighted, start, ([-12.0, 0.0], [5.0, 2.0]))
        squares = fit.squares
        if fit.values[1] < _AT_BOUND:
            contended = minimise(weighted, start, ([-12.0, -_MOST_CONTENTION], [5.0, 2.0]))
            squares = min(squares, contended.squares)
            if contended.squares < fit.squares - CONTENTION_SQUARES:
                fit = contended
        queue = self.family.make(slots, fit.values)
        return QueueCandidate(queue, squares, fit.values, fit.covariance, self._differences(queue))

    def _differences(self, queue: SlotQueue) -> FloatArray:
        loads = self._loads
        predicted_s = queue.mean_times_s(self._used, loads.unit, loads.think_s)
        return loads.differences(predicted_s, queue.most_rps)
