"""The queue M/G/c: requests that arrive at random wait for one of c slots.

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


class _Seen(NamedTuple):
    """What a request meets that arrives at the queue M/M/c."""

    probability: float
    """Probability that it waits."""
    mean_turns: float
    """Mean number of requests that leave before it has a slot, if it waits."""
    turn_variance: float
    """Variance of this number, if it waits."""

    @property
    def turns(self) -> float:
        """Mean number of requests that leave before it has a slot."""
        return self.probability * self.mean_turns


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


class _Waiting(NamedTuple):
    """The wait of a request for a slot. If it waits, the wait has a gamma distribution."""

    mean_s: float
    """Mean of all requests."""
    probability: float
    """Probability that a request waits."""
    gamma_shape: float
    """Squared mean divided by the variance, of the requests that wait."""


@dataclass(frozen=True)
class SlotQueue:
    """A queue in front of slots."""

    slots: int
    """Number of slots, c."""
    service_s: float
    """Mean time in a slot."""
    shape: ServiceShape
    """Distribution of the times in a slot."""
    outside_s: float = 0.0
    """Time of a request outside the slots, apart from waiting."""

    @property
    def most_rps(self) -> float:
        """Largest throughput."""
        return self.slots / self.service_s

    def predict(self, load: float, unit: LoadUnit, think_s: float, *, tail: bool = False) -> PredictedState:
        """Return the state at a load; its 95th percentile only with `tail`, which costs time."""
        waiting = self._wait(load, unit, think_s)
        if waiting is None:
            return PredictedState(self.most_rps, None)
        mean_s = self.outside_s + self.service_s + waiting.mean_s
        throughput_rps = load / (think_s + mean_s) if unit == "users" else load
        return PredictedState(throughput_rps, mean_s, self._tail_s(waiting) if tail else None)

    def share_within(self, limit_s: float, load: float, unit: LoadUnit, think_s: float) -> float:
        """Return the share of the requests at a load whose response time is within a limit."""
        waiting = self._wait(load, unit, think_s)
        return 0.0 if waiting is None else self._share_within(limit_s, waiting)

    def _wait(self, load: float, unit: LoadUnit, think_s: float) -> _Waiting | None:
        """Return the wait at a load; `None` if the queue grows without end."""
        if unit == "users":
            seen = self._closed_queue(load, think_s)
            exponential_s = seen.turns * self._turn_s
            idle_s = self.service_s + self.outside_s + think_s
            fluid_s = max(0.0, load * self._turn_s - idle_s)
            mean_s = fluid_s + max(0.0, exponential_s - fluid_s) * self._scale
        elif load >= self.most_rps:
            return None
        else:
            seen = self._open_queue(load)
            exponential_s = seen.turns * self._turn_s
            mean_s = exponential_s * self._scale
        if mean_s <= 0.0 or exponential_s <= 0.0:
            return _Waiting(0.0, 0.0, 1.0)
        if_waiting_s = mean_s / seen.probability
        turn_variance = seen.turn_variance * mean_s / exponential_s * self._scale
        variance = (turn_variance + seen.mean_turns * self.shape.variation**2) * self._turn_s**2
        least_variance = (_LEAST_OUTSIDE * if_waiting_s) ** 2
        return _Waiting(mean_s, seen.probability, if_waiting_s**2 / max(variance, least_variance))

    @property
    def _scale(self) -> float:
        """Wait compared with that of exponential times in a slot."""
        return (1.0 + self.shape.variation**2) / 2.0

    @property
    def _turn_s(self) -> float:
        """Mean time between two requests that leave, while all slots are in use."""
        return self.service_s / self.slots

    def _closed_queue(self, users: float, think_s: float) -> _Seen:
        """Return the wait in M/M/c//N. A request sees the state of the queue without its own user."""
        others = max(0, round(users) - 1)
        outside_s = max(think_s + self.outside_s, _LEAST_OUTSIDE * self.service_s)
        in_queue = np.arange(1, others + 1)
        busy = np.minimum(in_queue, self.slots)
        steps = np.log((others - in_queue + 1) * self.service_s / (outside_s * busy))
        logarithms = np.concatenate(([0.0], np.cumsum(steps)))
        weights = np.exp(logarithms - logarithms.max())
        shares = (weights / weights.sum())[self.slots :]
        probability = float(shares.sum())
        if probability <= 0.0:
            return _Seen(0.0, 0.0, 0.0)
        turns = np.arange(1.0, len(shares) + 1.0)
        mean_turns = float(shares @ turns) / probability
        variance = float(shares @ (turns - mean_turns) ** 2) / probability
        return _Seen(probability, mean_turns, variance)

    def _open_queue(self, rate_rps: float) -> _Seen:
        """Return the wait in M/M/c (Erlang's C formula, by the recursion of his B formula)."""
        offered = rate_rps * self.service_s
        utilisation = offered / self.slots
        blocked = 1.0
        for slot in range(1, self.slots + 1):
            blocked = offered * blocked / (slot + offered * blocked)
        probability = blocked / (1.0 - utilisation * (1.0 - blocked))
        free = 1.0 - utilisation
        return _Seen(probability, 1.0 / free, utilisation / free**2)

    def _share_within(self, limit_s: float, waiting: _Waiting) -> float:
        """Return the share of the requests within a limit."""
        left_s = limit_s - self.outside_s - self.shape.steps * self.service_s
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
            return self.outside_s + float(np.quantile(self.shape.steps, TAIL) * self.service_s)
        low_s = self.outside_s
        high_s = self.outside_s + float(self.shape.steps[-1] * self.service_s)
        while self._share_within(high_s, waiting) < TAIL:
            high_s += max(high_s, self.service_s)
        for _ in range(_HALVINGS):
            middle_s = (low_s + high_s) / 2.0
            if self._share_within(middle_s, waiting) < TAIL:
                low_s = middle_s
            else:
                high_s = middle_s
        return high_s
