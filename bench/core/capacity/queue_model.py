"""The queue M/G/c: requests that arrive at random wait for one of c slots.

The slots may share a processor: each further request in a slot then slows down the others, as in the
Universal Scalability Law. The queue with exponential times stays exact, because its rates may depend on its
state.

An open loop is M/G/c with the approximation of Allen and Cunneen (Allen, 1990, "Probability, statistics and
queueing theory", 5.3): the wait of M/M/c times (1 + v²)/2, where v is the variation of the time in a slot.

A closed loop is the finite-source queue M/G/c//N (Kleinrock, 1975, "Queueing systems", 3.8): N users, each
with one request. Its state is exact for M/M/c//N, whatever the distribution of think time. For another
variation, the part of the wait above that of a fluid, N·S/c - S - Z, is scaled by (1 + v²)/2, which is exact
for v = 1, equals Allen and Cunneen at a low load, and keeps the throughput below c/S at a high load.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.core.capacity.load_trial import LoadUnit
from bench.core.capacity.model_fit import PredictedState
from bench.core.values.units import FloatArray

TAIL = 0.95
"""The percentile of objectives."""
_STEPS = 100
_HALVINGS = 24
# Share of the time in a slot that users without think time are outside of it: keeps a division finite.
_LEAST_OUTSIDE = 1e-6
_TINY = 1e-300


class _Seen(NamedTuple):
    """The queue with exponential times in a slot, as a request meets it. Each array has a value by load."""

    probability: FloatArray
    """Probability that it waits."""
    mean_turns: FloatArray
    """Mean number of requests that leave before it has a slot, if it waits."""
    turn_variance: FloatArray
    """Variance of this number, if it waits."""
    in_slot_s: FloatArray
    """Mean time in a slot, with the slowdown by the others."""


class ServiceShape(NamedTuple):
    """The distribution of the times in a slot, divided by their mean."""

    steps: FloatArray
    """Times at equal shares of the requests, ascending."""
    variation: float
    """Standard deviation."""

    @classmethod
    def of(cls, times_s: FloatArray) -> "ServiceShape":
        """Return the shape of times that stand for equal shares of the requests."""
        shares = (np.arange(_STEPS) + 0.5) / _STEPS
        steps = np.quantile(times_s, shares, method="hazen") / np.mean(times_s)
        return cls(np.asarray(steps / np.mean(steps)), float(np.std(times_s) / np.mean(times_s)))


class _Waits(NamedTuple):
    """The waits of requests for a slot. Each array has a value by load."""

    mean_s: FloatArray
    """Mean of all requests; infinity if the queue grows without end."""
    probability: FloatArray
    """Probability that a request waits."""
    gamma_shape: FloatArray
    """Squared mean divided by the variance, of the requests that wait."""
    in_slot_s: FloatArray
    """Mean time in a slot, with the slowdown by the others."""


class _Waiting(NamedTuple):
    """The wait at one load. If a request waits, its wait has a gamma distribution."""

    mean_s: float
    """Mean of all requests."""
    probability: float
    """Probability that a request waits."""
    gamma_shape: float
    """Squared mean divided by the variance, of the requests that wait."""
    in_slot_s: float
    """Mean time in a slot, with the slowdown by the others."""


@dataclass(frozen=True)
class SlotQueue:
    """A queue in front of slots."""

    slots: int
    """Number of slots, c."""
    service_s: float
    """Mean time in a slot of a request that is alone."""
    shape: ServiceShape
    """Distribution of the times in a slot."""
    outside_s: float = 0.0
    """Time of a request outside the slots, apart from waiting."""
    contention: float = 0.0
    """Share by which each further request in a slot slows down a request."""

    @property
    def most_rps(self) -> float:
        """Largest throughput."""
        return 1.0 / self._turn_s

    def mean_times_s(self, loads: FloatArray, unit: LoadUnit, think_s: float) -> FloatArray:
        """Return the mean response time at each load; infinity where it grows without end."""
        waits = self._wait(loads, unit, think_s)
        return self.outside_s + waits.in_slot_s + waits.mean_s

    def predict(self, load: float, unit: LoadUnit, think_s: float, *, tail: bool = False) -> PredictedState:
        """Return the state at a load; its 95th percentile only with `tail`, which costs time."""
        waiting = self._wait_at(load, unit, think_s)
        if waiting is None:
            return PredictedState(self.most_rps, None)
        mean_s = self.outside_s + waiting.in_slot_s + waiting.mean_s
        throughput_rps = load / (think_s + mean_s) if unit == "users" else load
        return PredictedState(throughput_rps, mean_s, self._tail_s(waiting) if tail else None)

    def share_within(self, limit_s: float, load: float, unit: LoadUnit, think_s: float) -> float:
        """Return the share of the requests at a load whose response time is within a limit."""
        waiting = self._wait_at(load, unit, think_s)
        return 0.0 if waiting is None else self._share_within(limit_s, waiting)

    def _wait_at(self, load: float, unit: LoadUnit, think_s: float) -> _Waiting | None:
        """Return the wait at a load; `None` if the queue grows without end."""
        waits = self._wait(np.array([load]), unit, think_s)
        waiting = _Waiting._make(float(values[0]) for values in waits)
        return None if waiting.mean_s == np.inf else waiting

    def _wait(self, loads: FloatArray, unit: LoadUnit, think_s: float) -> _Waits:
        """Return the wait at each load."""
        if unit == "users":
            seen = self._closed_queue(loads, think_s)
            idle_s = self._slowed_s(self.slots) + self.outside_s + think_s
            fluid_s = np.maximum(0.0, loads * self._turn_s - idle_s)
        else:
            seen = self._open_queue(loads)
            fluid_s = np.zeros(len(loads))
        exponential_s = seen.probability * seen.mean_turns * self._turn_s
        mean_s = fluid_s + np.maximum(0.0, exponential_s - fluid_s) * self._scale
        probability = np.where(mean_s > 0.0, seen.probability, 0.0)
        if_waiting_s = mean_s / np.maximum(probability, _TINY)
        turn_variance = seen.turn_variance * mean_s / np.maximum(exponential_s, _TINY) * self._scale
        variance = (turn_variance + seen.mean_turns * self.shape.variation**2) * self._turn_s**2
        least_variance = (_LEAST_OUTSIDE * if_waiting_s) ** 2
        gamma_shape = if_waiting_s**2 / np.maximum(variance, np.maximum(least_variance, _TINY))
        endless = (unit == "requests/s") & (loads >= self.most_rps)
        return _Waits(np.where(endless, np.inf, mean_s), probability, gamma_shape, seen.in_slot_s)

    @property
    def _scale(self) -> float:
        """Wait compared with that of exponential times in a slot."""
        return (1.0 + self.shape.variation**2) / 2.0

    @property
    def _turn_s(self) -> float:
        """Mean time between two requests that leave, while all slots are in use."""
        return self._slowed_s(self.slots) / self.slots

    def _slowed_s(self, busy: int) -> float:
        """Return the mean time in a slot with a number of slots in use."""
        return self.service_s * (1.0 + self.contention * (busy - 1))

    def _rates(self, most: int) -> tuple[FloatArray, FloatArray]:
        """Return slots in use and requests that leave per second, with 1 to `most` requests in the queue."""
        busy = np.minimum(np.arange(1.0, most + 1.0), self.slots)
        return busy, busy / (self.service_s * (1.0 + self.contention * (busy - 1.0)))

    def _closed_queue(self, users: FloatArray, think_s: float) -> _Seen:
        """Return the queue with finitely many users. A request meets it without its own user."""
        counts = np.maximum(1.0, np.rint(users))
        outside_s = max(think_s + self.outside_s, _LEAST_OUTSIDE * self.service_s)
        busy, leaving_rps = self._rates(int(counts.max()))
        thinking = counts[:, np.newaxis] - np.arange(len(busy))
        shares = _normalise(thinking / (outside_s * leaving_rps))
        met = _normalise((thinking[:, :-1] - 1.0) / (outside_s * leaving_rps[:-1]))
        in_slot_s = (shares[:, 1:] @ busy) / (shares[:, 1:] @ leaving_rps)
        waiting = met[:, self.slots :]
        probability = waiting.sum(axis=1)
        turns = np.arange(1.0, waiting.shape[1] + 1.0)
        if_waiting = np.maximum(probability, _TINY)
        mean_turns = (waiting @ turns) / if_waiting
        variance = (waiting @ turns**2) / if_waiting - mean_turns**2
        return _Seen(probability, mean_turns, np.maximum(variance, 0.0), in_slot_s)

    def _open_queue(self, rates_rps: FloatArray) -> _Seen:
        """Return the queue of an open loop. The number that waits has a geometric distribution.

        The values at a load that the slots cannot carry have no meaning.
        """
        busy, leaving_rps = self._rates(self.slots)
        utilisation = rates_rps * self._turn_s
        free = np.where(utilisation < 1.0, 1.0 - utilisation, 1.0)
        shares = _normalise(rates_rps[:, np.newaxis] / leaving_rps)
        shares[:, -1] /= free  # all states with full slots
        shares /= shares.sum(axis=1, keepdims=True)
        in_slot_s = (shares[:, 1:] @ busy) / rates_rps
        return _Seen(shares[:, -1], 1.0 / free, utilisation / free**2, in_slot_s)

    def _share_within(self, limit_s: float, waiting: _Waiting) -> float:
        """Return the share of the requests within a limit."""
        left_s = limit_s - self.outside_s - self.shape.steps * waiting.in_slot_s
        served = np.count_nonzero(left_s >= 0.0) / len(left_s)
        if waiting.probability <= 0.0:
            return served
        from scipy import special  # noqa: PLC0415 - takes long to import, and few commands fit

        if_waiting_s = waiting.mean_s / waiting.probability
        turns = np.maximum(left_s, 0.0) * waiting.gamma_shape / if_waiting_s
        waited = float(special.gammainc(waiting.gamma_shape, turns).sum()) / len(left_s)
        return (1.0 - waiting.probability) * served + waiting.probability * waited

    def _tail_s(self, waiting: _Waiting) -> float:
        """Return the 95th percentile of the response time."""
        if waiting.probability <= 0.0:
            return self.outside_s + float(np.quantile(self.shape.steps, TAIL)) * waiting.in_slot_s
        low_s = self.outside_s
        high_s = self.outside_s + float(self.shape.steps[-1] * waiting.in_slot_s)
        while self._share_within(high_s, waiting) < TAIL:
            high_s += max(high_s, self.service_s)
        for _ in range(_HALVINGS):
            middle_s = (low_s + high_s) / 2.0
            if self._share_within(middle_s, waiting) < TAIL:
                low_s = middle_s
            else:
                high_s = middle_s
        return high_s


def _normalise(ratios: FloatArray) -> FloatArray:
    """Return the shares of the states 0 to n from the ratios of neighbouring shares, a row for each load.

    A state without a user has a ratio of 0 or less, and no share.
    """
    with np.errstate(divide="ignore"):
        logarithms = np.cumsum(np.log(np.maximum(ratios, 0.0)), axis=1)
    logarithms = np.concatenate((np.zeros((len(ratios), 1)), logarithms), axis=1)
    weights = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
