"""The queue M/G/c: requests that arrive at random wait for one of c slots.

An open loop is M/G/c with the approximation of Allen and Cunneen (Allen, 1990, "Probability, statistics and
queueing theory", 5.3): the wait of M/M/c times (1 + v²)/2, where v is the variation of the time in a slot.

A closed loop is the finite-source queue M/G/c//N (Kleinrock, 1975, "Queueing systems", 3.8): N users, each
with one request. Its state is exact for M/M/c//N, whatever the distribution of think time. For another
variation, the part of the wait above that of a fluid, N·S/c - S - Z, is scaled by (1 + v²)/2, which is exact
for v = 1, equals Allen and Cunneen at a low load, and keeps the throughput below c/S at a high load.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.core.capacity.load_trial import LoadUnit
from bench.core.capacity.model_fit import PredictedState
from bench.core.values.units import FloatArray

_TAIL = 0.95
_TAIL_STEPS = 200
_HALVINGS = 40
# Share of the time in a slot that users without think time are outside of it: keeps a division finite.
_LEAST_OUTSIDE = 1e-6


class _Wait(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class SlotQueue:
    """A queue in front of slots."""

    slots: int
    """Number of slots, c."""
    service_s: float
    """Mean time in a slot."""
    shape: FloatArray
    """Times in a slot at equal shares of the requests, divided by their mean."""
    outside_s: float = 0.0
    """Time of a request outside the slots, apart from waiting."""

    @property
    def variation(self) -> float:
        """Standard deviation of the time in a slot, as a share of its mean."""
        return float(np.std(self.shape))

    @property
    def most_rps(self) -> float:
        """Largest throughput."""
        return self.slots / self.service_s

    def predict(self, load: float, unit: LoadUnit, think_s: float, *, tail: bool = False) -> PredictedState:
        """Return the state at a load; its 95th percentile only with `tail`, which costs time."""
        is_closed = unit == "users"
        if not is_closed and load >= self.most_rps:
            return PredictedState(self.most_rps, None)
        wait = self._closed_wait(load, think_s) if is_closed else self._open_wait(load)
        wait_s = self._wait_s(wait, load, think_s) if is_closed else self._scale * wait.turns * self._turn_s
        mean_s = self.outside_s + self.service_s + wait_s
        throughput_rps = load / (think_s + mean_s) if is_closed else load
        return PredictedState(throughput_rps, mean_s, self._tail_s(wait, wait_s) if tail else None)

    @property
    def _scale(self) -> float:
        """Wait compared with that of exponential times in a slot."""
        return (1.0 + self.variation**2) / 2.0

    @property
    def _turn_s(self) -> float:
        """Mean time between two requests that leave, while all slots are in use."""
        return self.service_s / self.slots

    def _wait_s(self, wait: _Wait, users: float, think_s: float) -> float:
        exponential_s = wait.turns * self._turn_s
        fluid_s = max(0.0, users * self._turn_s - self.service_s - self.outside_s - think_s)
        return fluid_s + max(0.0, exponential_s - fluid_s) * self._scale

    def _closed_wait(self, users: float, think_s: float) -> _Wait:
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
            return _Wait(0.0, 0.0, 0.0)
        turns = np.arange(1.0, len(shares) + 1.0)
        mean_turns = float(shares @ turns) / probability
        variance = float(shares @ (turns - mean_turns) ** 2) / probability
        return _Wait(probability, mean_turns, variance)

    def _open_wait(self, rate_rps: float) -> _Wait:
        """Return the wait in M/M/c (Erlang's C formula, by the recursion of his B formula)."""
        offered = rate_rps * self.service_s
        utilisation = offered / self.slots
        blocked = 1.0
        for slot in range(1, self.slots + 1):
            blocked = offered * blocked / (slot + offered * blocked)
        probability = blocked / (1.0 - utilisation * (1.0 - blocked))
        free = 1.0 - utilisation
        return _Wait(probability, 1.0 / free, utilisation / free**2)

    def _tail_s(self, wait: _Wait, wait_s: float) -> float:
        """Return the 95th percentile of the time in a slot plus a wait with a gamma distribution."""
        from scipy import special  # noqa: PLC0415 - takes long to import, and few commands fit

        shares = (np.arange(_TAIL_STEPS) + 0.5) / _TAIL_STEPS
        service_s = np.quantile(self.shape, shares, method="hazen") * self.service_s
        if wait.turns * self._turn_s <= 0.0 or wait_s <= 0.0:
            return self.outside_s + float(np.quantile(service_s, _TAIL))
        factor = wait_s / (wait.turns * self._turn_s)
        mean_s = wait_s / wait.probability
        turn_variance = wait.turn_variance * factor * self._scale + wait.mean_turns * self.variation**2
        gamma_shape = mean_s**2 / max(turn_variance * self._turn_s**2, (_LEAST_OUTSIDE * mean_s) ** 2)
        low_s = 0.0
        high_s = float(service_s[-1]) + mean_s * (1.0 + 40.0 / math.sqrt(min(1.0, gamma_shape)))
        for _ in range(_HALVINGS):
            middle_s = (low_s + high_s) / 2.0
            left_s = np.clip(middle_s - service_s, 0.0, None)
            waited = special.gammainc(gamma_shape, gamma_shape * left_s / mean_s)
            within = (1.0 - wait.probability) * (left_s > 0.0) + wait.probability * waited
            if float(within.mean()) < _TAIL:
                low_s = middle_s
            else:
                high_s = middle_s
        return self.outside_s + high_s
