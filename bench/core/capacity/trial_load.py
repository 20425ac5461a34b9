"""The load of a trial: the measured phase of a scenario, with another number of VUs or another rate."""

from bench.core.capacity.load_trial import LoadUnit
from bench.core.config.executors import ConstantVus
from bench.core.config.open_loops import ConstantArrivalRate
from bench.core.config.scenario import Scenario
from bench.errors import ConfigError

TrialPhase = ConstantVus | ConstantArrivalRate


def find_trial_phase(scenario: Scenario) -> TrialPhase:
    """Return the phase that describes a trial.

    Raises:
        ConfigError: The scenario has several loads, or one that is not constant.
    """
    measured = [phase for phase in scenario.phases if not phase.warm_up]
    place = f"scenario '{scenario.name}'"
    if len(measured) > 1:
        hint = "name a scenario with one constant load, or remove all but one of its phases"
        raise ConfigError(f"{place} has {len(measured)} loads, and a search tries other ones", hint)
    phase = measured[0]
    if not isinstance(phase, ConstantVus | ConstantArrivalRate):
        hint = "use the executor constant-vus or constant-arrival-rate"
        raise ConfigError(f"{place}: a search needs a constant load, and {phase.executor} is none", hint)
    for field in ("compare_with", "faults", "recovery_ratio"):
        if getattr(scenario, field):
            raise ConfigError(f"{place} has {field}, which does not fit a search", f"remove {field}")
    return phase


def is_trial(scenario: Scenario) -> bool:
    """Return whether a stored scenario ends with a constant load, and not with the spike of a search."""
    return isinstance(scenario.phases[-1], ConstantVus | ConstantArrivalRate)


def unit_of(phase: TrialPhase) -> LoadUnit:
    """Return the unit of the load."""
    return "users" if isinstance(phase, ConstantVus) else "requests/s"


def load_of(phase: TrialPhase) -> float:
    """Return the declared load."""
    return float(phase.vus) if isinstance(phase, ConstantVus) else phase.rate_rps


def hold_load(phase: TrialPhase, load: float, duration_s: float) -> TrialPhase:
    """Return a phase with another load and duration.

    If the scenario does not declare how VUs start, they start one after the other within a think time: VUs
    that send all at once would meet again and again.
    """
    if isinstance(phase, ConstantArrivalRate):
        return phase.model_copy(update={"rate": load * phase.time_unit_s, "duration_s": duration_s})
    vus = int(load)
    spawn_rate = phase.spawn_rate
    think_s = mean_think_s(phase)
    if spawn_rate is None and think_s > 0.0:
        spawn_rate = vus / think_s
    if spawn_rate is not None and vus - 1 >= spawn_rate * duration_s:
        spawn_rate = None
    return phase.model_copy(update={"vus": vus, "spawn_rate": spawn_rate, "duration_s": duration_s})


def mean_think_s(phase: TrialPhase) -> float:
    """Return the mean think time in seconds; 0 in an open loop."""
    return sum(phase.think_time_s) / 2 if isinstance(phase, ConstantVus) else 0.0
