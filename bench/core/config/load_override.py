"""Load overrides from the command line: `--vus`, `--duration` and `--rate`."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bench.core.config.executors import ClosedLoop, OpenLoop, find_executors, list_fields
from bench.core.config.scenario import Scenario
from bench.core.values.duration import format_duration
from bench.core.values.wording import choice
from bench.errors import ConfigError

AnyPhase = ClosedLoop | OpenLoop


@dataclass(frozen=True, slots=True)
class _Override:
    field: str
    """Field of the executor, as scenario files name it."""
    attribute: str
    """The same field in Python."""
    value: float
    text: str
    """Option and value, as a person writes them."""


def override_load(
    scenario: Scenario, vus: int | None, duration_s: float | None, rate: float | None
) -> tuple[AnyPhase, ...]:
    """Return the phases of a scenario, with another load in the only phase that is not a warm-up.

    An argument that is None keeps the scenario's value.

    Raises:
        ConfigError: The executor has no such field, a value is out of range, or several phases are measured.
    """
    overrides = _list_overrides(vus, duration_s, rate)
    if not overrides:
        return scenario.phases
    index = _find_measured_phase(scenario, overrides[0])
    phases = list(scenario.phases)
    for override in overrides:
        phases[index] = _apply(override, phases[index])
    return tuple(phases)


def describe_overrides(vus: int | None, duration_s: float | None, rate: float | None) -> tuple[str, ...]:
    """Return the options that change a load, as a person writes them, such as `--vus 5`."""
    return tuple(override.text for override in _list_overrides(vus, duration_s, rate))


def _list_overrides(vus: int | None, duration_s: float | None, rate: float | None) -> list[_Override]:
    overrides = []
    if vus is not None:
        overrides.append(_Override("vus", "vus", vus, f"--vus {vus}"))
    if duration_s is not None:
        text = f"--duration {format_duration(duration_s)}"
        overrides.append(_Override("duration", "duration_s", duration_s, text))
    if rate is not None:
        overrides.append(_Override("rate", "rate", rate, f"--rate {rate:g}"))
    return overrides


def _find_measured_phase(scenario: Scenario, override: _Override) -> int:
    indexes = []
    for index, phase in enumerate(scenario.phases):
        if not phase.warm_up:
            indexes.append(index)
    if len(indexes) > 1:
        raise ConfigError(
            f"{override.text}: scenario '{scenario.name}' has {len(indexes)} measured phases, "
            "and the option changes only one",
            f"choose a scenario with one phase of {_list_executors(override.field)}, or change the file",
        )
    return indexes[0]


def _apply(override: _Override, phase: AnyPhase) -> AnyPhase:
    if override.field not in list_fields(type(phase)):
        raise ConfigError(
            f"{override.text}: the executor {phase.executor} has no {override.field}",
            f"executors with {override.field}: {_list_executors(override.field)}",
        )
    content: dict[str, Any] = dict(phase)
    content[override.attribute] = override.value
    try:
        return type(phase).model_validate(content)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise ConfigError(f"{override.text}: {message[0].lower()}{message[1:]}") from error


def _list_executors(field: str) -> str:
    return choice(find_executors(field))
