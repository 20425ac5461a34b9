"""The progress of a capacity search: a line before each trial, one while it runs, and one after it."""

from typing import NamedTuple

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import LoadTrial, LoadUnit, ObjectiveCounts, SafeLoad, TrialVerdict
from bench.core.report.capacity_words import describe_load, describe_missed, find_decisive, verdict_word
from bench.core.values import wording
from bench.core.values.duration import format_duration


class SearchState(NamedTuple):
    """What a search has found out so far."""

    unit: LoadUnit
    """Unit of all loads."""
    trials: tuple[LoadTrial, ...]
    """The trials that ended."""
    estimate: SafeLoad | None
    """The safe load so far; None if no trial met the objectives."""
    used_s: float
    """Time that the search has taken."""
    budget_s: float
    """Time that it may take."""
    number: int = 0
    """Number of the newest trial. Trials that do not count have numbers, too."""


def describe_start(state: SearchState, load: float) -> str:
    """Return the line before a trial: `trial 5: 16 users; …; 3m20s of 10m used`.

    Args:
        state: The search.
        load: Load of the trial.
    """
    parts = [f"trial {state.number}: {describe_load(load, state.unit)}"]
    if state.trials:
        parts.append(describe_bounds(state))
    used = format_duration(round(state.used_s))
    parts.append(f"{used} of {format_duration(round(state.budget_s))} used")
    return "; ".join(parts)


def describe_so_far(capacity: CapacityResult) -> str:
    """Return the answer of a search that ended early: `safe load so far: 12 to 20 users`."""
    return describe_bounds(SearchState(capacity.unit, capacity.trials, capacity.safe_load, 0.0, 0.0))


def describe_warm_up(elapsed_s: float) -> str:
    """Return the line of a warm-up phase: `before trial 1: warm-up of the scenario, 45 s`."""
    return f"before trial 1: warm-up of the scenario, {elapsed_s:.0f} s"


def describe_running(
    state: SearchState, load: float, elapsed_s: float, counts: tuple[ObjectiveCounts, ...]
) -> str:
    """Return the line of a trial that runs: `trial 5: 16 users, 12 s, 31 requests, 3.2 % missed so far`."""
    requests = max((row.requests for row in counts), default=0)
    missed_ratio = max((row.missed_ratio for row in counts), default=0.0)
    place = f"trial {state.number}: {describe_load(load, state.unit)}"
    if not requests:
        return f"{place}, {elapsed_s:.0f} s, warming up"
    share = wording.percent(missed_ratio)
    return f"{place}, {elapsed_s:.0f} s, {wording.counted(requests, 'request')}, {share} missed so far"


def describe_end(trial: LoadTrial, number: int, unit: LoadUnit) -> str:
    """Return the line after a trial: `trial 4: 20 users: broken after 34 s (p95 12.4 s; …)`.

    Args:
        trial: The trial.
        number: Its number, from 1 on.
        unit: Unit of its load.
    """
    details = []
    decisive = find_decisive(trial)
    if decisive is not None:
        time_ms = trial.p95_ms if decisive.time_ms is None else decisive.time_ms
        if time_ms is not None and decisive.limit_ms is not None:
            details.append(f"p95 {wording.duration(time_ms)}")
        details.append(f"{describe_missed(decisive)} requests missed `{decisive.objective}`")
    took_s = trial.warm_up_s + trial.duration_s
    verdict = verdict_word(trial)
    line = f"trial {number}: {describe_load(trial.load, unit)}: {verdict} after {took_s:.0f} s"
    return f"{line} ({'; '.join(details)})" if details else line


def describe_bounds(state: SearchState) -> str:
    """Return what the trials so far show: `safe load so far: 12 to 20 users`."""
    safe = state.estimate
    if safe is not None and safe.high is not None:
        high = describe_load(safe.high, state.unit)
        return f"safe load so far: {wording.value(safe.low, '1')} to {high}"
    if safe is not None:
        return f"safe load so far: at least {describe_load(safe.low, state.unit)}"
    broken = [trial.load for trial in state.trials if trial.verdict is TrialVerdict.BROKEN]
    if broken:
        return f"safe load so far: less than {describe_load(min(broken), state.unit)}"
    return "safe load so far: unknown"
