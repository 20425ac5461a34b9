"""The spike beyond the safe load: its loads, and how long they last."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.core.capacity.curve_point import CurvePoint
from bench.core.capacity.load_trial import SafeLoad
from bench.core.capacity.trial_load import TrialPhase
from bench.core.config.executors import ConstantVus, Spike
from bench.core.config.open_loops import ConstantArrivalRate, RampingArrivalRate, RateStage
from bench.core.faults.steady_state import CONSECUTIVE

# Load before and after a spike, as a share of the lower end of the interval of the safe load.
REST_RATIO = 0.7
# Duration of a spike, and the shortest and longest time before and after it, in seconds.
SPIKE_S = 60.0
SHORTEST_REST_S = 20.0
LONGEST_REST_S = 180.0
_SETTLING = 3.0
_GROUPS = 2.0
_SMALLEST_RPS = 1e-3
_ARRIVALS = ("time_unit_s", "max_vus", "arrivals", "burstiness")


class OverloadPlan(NamedTuple):
    """A phase with a load below the safe load, a spike above it, and the first load again."""

    phase: Spike | RampingArrivalRate
    """The phase."""
    load: float
    """Load of the spike."""
    rest_load: float
    """Load before and after it."""
    before_s: float
    """Time before the spike."""
    after_s: float
    """Time after it."""

    @property
    def steady_from_s(self) -> float:
        """Time from which on the load before the spike is steady."""
        return self.before_s / _SETTLING

    @property
    def spike_to_s(self) -> float:
        """End of the spike."""
        return self.before_s + SPIKE_S

    @property
    def end_s(self) -> float:
        """End of the load."""
        return self.spike_to_s + self.after_s


def plan_overload(
    phase: TrialPhase, factor: float, safe_load: SafeLoad, points: Sequence[CurvePoint]
) -> OverloadPlan:
    """Return a spike.

    The load before it lasts until it has shown its steady state, and the load after it until the queue of the
    spike can be empty and the steady state can be seen again.

    Args:
        phase: The load of a trial.
        factor: Load of the spike, as a multiple of the safe load.
        safe_load: The safe load.
        points: The measured loads, ascending, at least one.
    """
    is_open = isinstance(phase, ConstantArrivalRate)
    rest_load = REST_RATIO * safe_load.low
    load = factor * safe_load.load
    if not is_open:
        rest_load = max(1.0, float(int(rest_load)))
        load = max(rest_load + 1.0, float(round(load)))
    loads = [point.load for point in points]
    answered_rps = [point.throughput_rps.value for point in points]
    rest_rps = max(_SMALLEST_RPS, float(np.interp(rest_load, loads, answered_rps)))
    seen_s = _GROUPS * CONSECUTIVE / rest_rps
    most_rps = max(_SMALLEST_RPS, *answered_rps)
    waiting = (load - most_rps) * SPIKE_S if is_open else load
    before_s = _limit(seen_s * _SETTLING / (_SETTLING - 1.0))
    after_s = _limit(seen_s + max(0.0, waiting) / most_rps)
    times_s = (before_s, after_s)
    if isinstance(phase, ConstantArrivalRate):
        return OverloadPlan(_ramp(phase, load, rest_load, times_s), load, rest_load, before_s, after_s)
    return OverloadPlan(_spike(phase, load, rest_load, times_s), load, rest_load, before_s, after_s)


def _spike(phase: ConstantVus, load: float, rest_load: float, times_s: tuple[float, float]) -> Spike:
    return Spike(
        executor="spike",
        base_vus=int(rest_load),
        spike_vus=int(load - rest_load),
        before_s=times_s[0],
        spike_s=SPIKE_S,
        after_s=times_s[1],
        think_time_s=phase.think_time_s,
    )


def _ramp(
    phase: ConstantArrivalRate, load: float, rest_load: float, times_s: tuple[float, float]
) -> RampingArrivalRate:
    rest_rate = rest_load * phase.time_unit_s
    spike_rate = load * phase.time_unit_s
    stages = (
        RateStage(duration_s=times_s[0], target=rest_rate),
        RateStage(duration_s=0.0, target=spike_rate),
        RateStage(duration_s=SPIKE_S, target=spike_rate),
        RateStage(duration_s=0.0, target=rest_rate),
        RateStage(duration_s=times_s[1], target=rest_rate),
    )
    declared = {name: getattr(phase, name) for name in _ARRIVALS if name in phase.model_fields_set}
    return RampingArrivalRate(
        executor="ramping-arrival-rate", start_rate=rest_rate, stages=stages, **declared
    )


def _limit(duration_s: float) -> float:
    return min(LONGEST_REST_S, max(SHORTEST_REST_S, duration_s))
