"""The declaration and the environment of runs by name: what differs between runs, and what is the same."""

from collections.abc import Iterator, Mapping, Sequence

from bench.core.config.load_words import scenario_in_words
from bench.core.run.result import RunResult
from bench.core.values import wording
from bench.core.values.record import Record

_DIGITS = 9
"""Shown characters of a commit or a digest."""
_LONGEST = 60
"""Shown characters of a declared value."""
_NAMES_OF_LOAD = ("phases", "name", "purpose", "target", "messages", "prompts")
"""Fields of a scenario that other conditions show."""
MAIN = ("scenario", "load", "target", "stack", "commit", "system")
"""Conditions whose common value a reader wants to see first."""


class ConditionRow(Record):
    """A condition that differs between runs."""

    name: str
    """Name of the condition, such as `load`, `injected model.slowdown` or `kernel`."""
    values: tuple[str | None, ...]
    """Its value in each run, in the order of the runs; null if the run does not have it."""


class SharedCondition(Record):
    """A condition that all runs have in common."""

    name: str
    """Name of the condition."""
    value: str
    """Its value."""


def compare_conditions(
    results: Sequence[RunResult],
) -> tuple[tuple[ConditionRow, ...], tuple[SharedCondition, ...]]:
    """Return the conditions that differ, and those that all runs have in common."""
    listed = [dict(_list_conditions(result, results)) for result in results]
    differing: list[ConditionRow] = []
    shared: list[SharedCondition] = []
    for name in _join_names(listed):
        values = tuple(conditions.get(name) for conditions in listed)
        first = values[0]
        if len({*values}) > 1:
            differing.append(ConditionRow(name=name, values=values))
        elif first is not None:
            shared.append(SharedCondition(name=name, value=first))
    return tuple(differing), tuple(shared)


def _join_names(listed: Sequence[Mapping[str, str | None]]) -> list[str]:
    """Return the names in their order; a name that only a later run has follows its neighbours there."""
    names: list[str] = []
    for conditions in listed:
        place = 0
        for name in conditions:
            if name in names:
                place = names.index(name) + 1
            else:
                names.insert(place, name)
                place += 1
    return names


def _list_conditions(result: RunResult, results: Sequence[RunResult]) -> Iterator[tuple[str, str | None]]:
    """Yield name and value of each condition, those that explain most differences first."""
    provenance = result.provenance
    yield "scenario", result.scenario.name
    yield "load", scenario_in_words(result.scenario)
    for knob, factor in sorted(provenance.injections.items()):
        yield f"injected {knob}", f"{factor:g}"
    commit = None
    if provenance.commit is not None:
        commit = provenance.commit[:_DIGITS] + (" with changes" if provenance.dirty else "")
    yield "commit", commit
    yield from _list_stack(result)
    yield from _list_declaration(result, results)
    yield from _list_machine(result)
    yield "bench", provenance.tool_version
    yield "Python", provenance.python_version


def _list_declaration(result: RunResult, results: Sequence[RunResult]) -> Iterator[tuple[str, str | None]]:
    scenario = result.scenario
    yield "options", ", ".join(result.overrides) or None
    yield "target", scenario.target
    yield "messages", _describe_messages(result, results[0])
    if len({other.scenario.name for other in results}) == 1:
        yield from _list_fields(result, results)
    yield "load, messages and target", f"digest {result.fingerprint.work_digest[:_DIGITS]}"


def _describe_messages(result: RunResult, base: RunResult) -> str:
    """Return the number of messages, and how many of them the first run has if they are not the same."""
    own = result.summary.messages.keys()
    text = str(len(own))
    first = base.summary.messages.keys()
    return text if own == first else f"{text}, {len(own & first)} of them also in the first run"


def _list_fields(result: RunResult, results: Sequence[RunResult]) -> Iterator[tuple[str, str | None]]:
    """Yield each other field of the scenario; fields of the load only if the runs have one load in words."""
    left_out = {*_NAMES_OF_LOAD}
    if len({scenario_in_words(other.scenario) for other in results}) == 1:
        left_out.remove("phases")
    declared = result.scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for field, value in declared.items():
        if field not in left_out:
            yield from _flatten(field, value)


def _flatten(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield each single value of a declaration with its path: `phases.0.think_time`, `5s..7s`."""
    match value:
        case dict():
            for name, part in value.items():
                yield from _flatten(f"{path}.{name}", part)
        case list() | tuple():
            for number, part in enumerate(value):
                yield from _flatten(f"{path}.{number}", part)
        case None:
            return
        case float():
            yield path, f"{value:g}"
        case _:
            yield path, wording.shorten(str(value), _LONGEST)


def _list_stack(result: RunResult) -> Iterator[tuple[str, str | None]]:
    place = result.fingerprint
    yield "stack", place.stack
    yield "stack's declaration", f"digest {place.stack_digest[:_DIGITS]}"
    yield "model", place.model
    for part, value in sorted(place.parts.items()):
        yield part, _shorten_digest(value)


def _shorten_digest(value: str) -> str:
    digest = value.removeprefix("sha256:")
    return digest[:_DIGITS] if digest != value else wording.shorten(value, _LONGEST)


def _list_machine(result: RunResult) -> Iterator[tuple[str, str | None]]:
    place = result.fingerprint
    host = result.host
    yield "environment", "simulated time" if place.simulated else "real time"
    yield "system", place.system
    yield "processor", f"{place.cpu_count} × {place.cpu_model}"  # noqa: RUF001 - times
    yield "runner image", place.image
    yield "kernel", place.kernel
    yield "load generators", str(1 + len(result.generators)) if result.generators else None
    yield "HTTP", ", ".join(result.http_versions) or None
    yield "calibration", "none" if result.calibration is None else "yes"
    if host is not None:
        yield "governor", wording.listing([*host.governors]) or None
        for process, cores in sorted(host.pinned.items()):
            yield f"cores of the {process}", ", ".join(map(str, cores))
