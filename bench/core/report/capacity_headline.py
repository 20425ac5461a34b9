"""The answer of a capacity search in one sentence, and the reader's next step, for each end of a search."""

from typing import assert_never

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import LoadTrial, SearchEnd, TrialVerdict
from bench.core.config.capacity_search import CapacitySearch
from bench.core.report.capacity_words import (
    describe_load,
    describe_missed,
    describe_safe_load,
    find_decisive,
    shorten_objective,
)
from bench.core.values import wording
from bench.core.values.duration import format_duration


def describe_answer(capacity: CapacityResult) -> str:
    """Return the answer, without a full stop.

    Example: `Carries 17 users (15 to 19, 90 % certain) at p95 ≤ 10 s; breaks at `queue`; 1.9 answers/s`.
    """
    parts = [_describe_load(capacity)]
    if capacity.safe_load is not None:
        parts += [*_describe_break(capacity), *_describe_rate(capacity), *_describe_gain(capacity)]
    parts += _describe_end(capacity)
    return "; ".join(parts)


def describe_load_and_break(capacity: CapacityResult) -> str:
    """Return the answer for a place that shows throughput and gain as numbers, without a full stop."""
    parts = [_describe_load(capacity)]
    if capacity.safe_load is not None:
        parts += _describe_break(capacity)
    return "; ".join([*parts, *_describe_end(capacity)])


def describe_next_step(capacity: CapacityResult, search: CapacitySearch) -> str:
    """Return what the reader can do after a search.

    Args:
        capacity: The answer.
        search: The declaration of the search.
    """
    match capacity.ended:
        case SearchEnd.BUDGET:
            safe = capacity.safe_load
            purpose = "" if safe is None or safe.high is None else "for a narrower interval "
            budget = format_duration(round(2 * search.budget_s))
            return f"Search longer {purpose}with --budget {budget}."
        case SearchEnd.NONE_MET:
            return _lower_the_load(capacity)
        case SearchEnd.NARROW | SearchEnd.ALL_MET | SearchEnd.LOAD_GENERATOR | SearchEnd.INTERRUPTED:
            return _NEXT_STEPS[capacity.ended]
        case _:
            assert_never(capacity.ended)


def list_first_broken(capacity: CapacityResult) -> tuple[str, ...]:
    """Return the objectives that the smallest broken load breaks, the furthest beyond its limit first."""
    trial = _smallest_broken(capacity)
    if trial is None:
        return ()
    beyond = [row for row in trial.counts if row.missed_ratio > row.allowed_ratio]
    beyond.sort(key=lambda row: row.allowed_ratio - row.missed_ratio)
    return tuple(shorten_objective(row.objective) for row in beyond)


def _describe_load(capacity: CapacityResult) -> str:
    safe = capacity.safe_load
    objectives = wording.listing([*map(shorten_objective, capacity.objectives)])
    if safe is None:
        return _describe_none(capacity, objectives)
    if safe.high is None:
        return f"Carries at least {describe_load(safe.low, capacity.unit)} at {objectives}"
    return f"Carries {describe_safe_load(safe, capacity.unit)} at {objectives}"


def _describe_none(capacity: CapacityResult, objectives: str) -> str:
    """Describe a search in which no load met the objectives."""
    trial = _smallest_broken(capacity)
    if trial is None and capacity.ended is SearchEnd.NONE_MET:
        trial = min(capacity.trials, key=lambda trial: trial.load, default=None)
    if trial is None:
        return f"No safe load yet: no trial could tell whether it meets {objectives}"
    broken = wording.listing(list_first_broken(capacity)) or objectives
    decisive = find_decisive(trial)
    missed = "" if decisive is None else f" ({describe_missed(decisive)} requests missed it)"
    verb = "breaks" if trial.load == 1 else "break"
    return f"No safe load: even {describe_load(trial.load, capacity.unit)} {verb} {broken}{missed}"


def _describe_break(capacity: CapacityResult) -> list[str]:
    """Name the objective that breaks first, if there are several, and the tier that grows most."""
    parts = []
    first = list_first_broken(capacity)
    if len(capacity.objectives) > 1 and first:
        parts.append(f"{first[0]} breaks first")
    if capacity.breaks_at is not None:
        parts.append(f"breaks at `{capacity.breaks_at}`")
    return parts


def _describe_rate(capacity: CapacityResult) -> list[str]:
    if capacity.throughput_rps is None:
        return []
    return [f"{wording.rate(capacity.throughput_rps)} answers/s"]


def _describe_gain(capacity: CapacityResult) -> list[str]:
    if capacity.no_gain_from is None:
        return []
    more = "users give" if capacity.unit == "users" else "requests give"
    return [f"from {describe_load(capacity.no_gain_from, capacity.unit)} on, more {more} no gain"]


def _describe_end(capacity: CapacityResult) -> list[str]:
    """Say why the interval is not as narrow as the scenario asks for; empty if it is."""
    match capacity.ended:
        case SearchEnd.NARROW | SearchEnd.NONE_MET:
            return []
        case SearchEnd.ALL_MET:
            return ["nothing broke, so the limit is higher"]
        case SearchEnd.BUDGET:
            return [_describe_lack_of_time(capacity)]
        case SearchEnd.LOAD_GENERATOR:
            return ["the load generator cannot send more, so the limit is unknown"]
        case SearchEnd.INTERRUPTED:
            return ["the search was interrupted"]
        case _:
            assert_never(capacity.ended)


def _describe_lack_of_time(capacity: CapacityResult) -> str:
    safe = capacity.safe_load
    if safe is None:
        return "the time was up before a trial was decided"
    if safe.high is None:
        return "the time was up before an objective broke"
    return "the time was up: the interval is wider than asked"


def _lower_the_load(capacity: CapacityResult) -> str:
    if capacity.unit == "users" and capacity.trials and min(trial.load for trial in capacity.trials) <= 1:
        return "Look at the slowest tier of one user, or relax the objective: a smaller load does not exist."
    return "Search from a smaller load with --from, or relax the objective."


def _smallest_broken(capacity: CapacityResult) -> LoadTrial | None:
    broken = [trial for trial in capacity.trials if trial.verdict is TrialVerdict.BROKEN]
    return min(broken, key=lambda trial: trial.load, default=None)


_NEXT_STEPS = {
    SearchEnd.NARROW: "Accept the run as a baseline, so that bench check reports a lost user.",
    SearchEnd.ALL_MET: "To measure the limit, search with a larger --to or a stricter objective.",
    SearchEnd.LOAD_GENERATOR: "Send the load from more load generators, such as --workers 4.",
    SearchEnd.INTERRUPTED: "Search again: the next search starts near this answer.",
}
"""The next step after the ends that need no details of the search."""
