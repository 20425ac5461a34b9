"""Advice for wrong field and executor names of scenarios: the name that the author probably meant."""

from collections.abc import Collection

from bench.core.config.executors import EXECUTORS, find_executors, list_fields
from bench.core.config.scenario import Scenario
from bench.core.values.nearest import find_nearest, snake_case
from bench.core.values.wording import choice

# Names of k6, Locust and Artillery, by the name that the same idea has here.
_SYNONYMS = {
    "arrivalRate": "rate",
    "gracefulRampDown": "graceful_stop",
    "options": "phases",
    "preAllocatedVUs": "max_vus",
    "scenarios": "phases",
    "sleep": "think_time",
    "timeout": "request_timeout",
    "users": "vus",
    "wait_time": "think_time",
}
_EXECUTOR_FIELDS = frozenset(field for executor in EXECUTORS.values() for field in list_fields(executor))
_SCENARIO_FIELDS = frozenset(list_fields(Scenario))


def explain_unknown_field(field: str, executor: str | None, *, at_top: bool, has_phases: bool) -> str:
    """Explain why a scenario cannot have a field at a place, with the right name or place.

    Args:
        field: Name that the file has.
        executor: Executor of the phase, as the file names it; None if the file does not name one.
        at_top: Whether the field is at the top level of the file, and not in one of its `phases`.
        has_phases: Whether the file has the field `phases`.

    Returns:
        The end of a sentence that begins with the field's name.
    """
    allowed = _list_allowed(executor, at_top=at_top, has_phases=has_phases)
    name = _SYNONYMS.get(field) or snake_case(field)
    spelling = "" if name == field else f"is written {name} here and "
    if name in allowed:
        return f"is not a field; did you mean '{name}'?"
    if not at_top and name in _SCENARIO_FIELDS:
        return f"{spelling}is a field of the scenario; move it to the top level"
    if at_top and has_phases and name in _EXECUTOR_FIELDS:
        return f"{spelling}is a field of a phase; move it into phases"
    executors = find_executors(name)
    if executors:
        return f"{spelling}is a field of {choice(executors)}, not of {executor}"
    nearest = find_nearest(field, allowed) or find_nearest(field, _EXECUTOR_FIELDS)
    return f"is not a field; did you mean '{nearest}'?" if nearest else "is not a field"


def suggest_executors(fields: Collection[str]) -> str:
    """Return the executors to which the fields of a phase belong: `constant-vus` for `vus` and `duration`.

    Executors with most of the fields are candidates. Among them, those win that lack the fewest fields.
    """
    scores: dict[str, tuple[int, int]] = {}
    for name, executor in EXECUTORS.items():
        shared = set(list_fields(executor)) & set(fields)
        lacking = _list_required(name) - set(fields)
        scores[name] = (len(shared), -len(lacking))
    best = max(scores.values())
    return choice([name for name, score in scores.items() if score == best])


def _list_allowed(executor: str | None, *, at_top: bool, has_phases: bool) -> frozenset[str]:
    own = frozenset(list_fields(EXECUTORS[executor])) if executor in EXECUTORS else _EXECUTOR_FIELDS
    if not at_top:
        return own
    return _SCENARIO_FIELDS if has_phases else own | _SCENARIO_FIELDS


def _list_required(executor: str) -> frozenset[str]:
    fields = EXECUTORS[executor].model_fields
    return frozenset(field.alias or name for name, field in fields.items() if field.is_required())
