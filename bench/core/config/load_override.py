"""Load overrides from the command line, such as `--vus`, `--duration` and `--rate`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bench.core.config.executors import ClosedLoop, OpenLoop, find_executors, list_fields
from bench.core.config.scenario import Scenario
from bench.core.values.duration import format_duration
from bench.core.values.record import FieldError
from bench.core.values.wording import choice
from bench.errors import ConfigError

AnyPhase = ClosedLoop | OpenLoop


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """A file of rates or of arrival times, with its content."""

    path: str
    """The file, as a person writes it."""
    content: tuple[Any, ...]
    """Its rows, as the executor has them."""


@dataclass(frozen=True, slots=True)
class LoadOverrides:
    """Values that replace those of a scenario's measured phase; None keeps the scenario's value."""

    vus: int | None = None
    """Number of VUs."""
    duration: float | None = None
    """Duration of the phase in seconds."""
    rate: float | None = None
    """Requests per `time_unit`."""
    spawn_rate: float | None = None
    """VUs that start per second."""
    arrivals: str | None = None
    """Distribution of the intervals between requests."""
    burstiness: float | None = None
    """Burstiness of gamma arrivals, which it implies."""
    rates: SeriesFile | None = None
    """Rates over time."""
    times: SeriesFile | None = None
    """Arrival times."""
    speed: float | None = None
    """How fast the arrival times pass."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The values by field, as scenario files name it."""
        values: dict[str, Any] = {}
        for field in self.options:
            value = getattr(self, field)
            values[field] = value.content if isinstance(value, SeriesFile) else value
        if "burstiness" in values:
            values.setdefault("arrivals", "gamma")
        elif "arrivals" in values:
            values["burstiness"] = None
        return values

    @property
    def options(self) -> Mapping[str, str]:
        """The given options by field, as a person writes them, such as `--vus 5`."""
        options: dict[str, str] = {}
        for field, write in _WRITERS.items():
            value = getattr(self, field)
            if value is not None:
                options[field] = f"--{field.replace('_', '-')} {write(value)}"
        return options


def _write_number(value: float) -> str:
    return f"{value:g}"


def _write_path(file: SeriesFile) -> str:
    return file.path


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "vus": str,
    "duration": format_duration,
    "rate": _write_number,
    "spawn_rate": _write_number,
    "arrivals": str,
    "burstiness": _write_number,
    "rates": _write_path,
    "times": _write_path,
    "speed": _write_number,
}
"""Writes the value of each field of `LoadOverrides`."""


def override_load(scenario: Scenario, overrides: LoadOverrides) -> tuple[AnyPhase, ...]:
    """Return the phases of a scenario, with another load in the only phase that is not a warm-up.

    Raises:
        ConfigError: The executor has no such field, a value is out of range, or several phases are measured.
    """
    options = overrides.options
    if not options:
        return scenario.phases
    index = _find_measured_phase(scenario, options)
    phases = list(scenario.phases)
    phases[index] = _apply(overrides, phases[index])
    return tuple(phases)


def _find_measured_phase(scenario: Scenario, options: Mapping[str, str]) -> int:
    indexes = []
    for index, phase in enumerate(scenario.phases):
        if not phase.warm_up:
            indexes.append(index)
    if len(indexes) > 1:
        field, option = next(iter(options.items()))
        raise ConfigError(
            f"{option}: scenario '{scenario.name}' has {len(indexes)} measured phases, "
            "and the option changes only one",
            f"choose a scenario with one phase of {_list_executors(field)}, or change the file",
        )
    return indexes[0]


def _apply(overrides: LoadOverrides, phase: AnyPhase) -> AnyPhase:
    executor = type(phase)
    for field, option in overrides.options.items():
        if field not in list_fields(executor):
            raise ConfigError(
                f"{option}: the executor {phase.executor} has no {field}",
                f"executors with {field}: {_list_executors(field)}",
            )
    content: dict[str, Any] = {}
    for (_, value), field in zip(phase, list_fields(executor), strict=True):
        content[field] = value
    content |= overrides.values
    try:
        return executor.model_validate(content)
    except ValidationError as error:
        raise _explain(error, overrides.options) from error


def _explain(error: ValidationError, options: Mapping[str, str]) -> ConfigError:
    """Return the error of the option whose field is wrong; of all options if no option has the field."""
    problem = error.errors()[0]
    contradiction = problem.get("ctx", {}).get("error")
    path = contradiction.path if isinstance(contradiction, FieldError) else problem["loc"]
    message = problem["msg"].removeprefix("Value error, ")
    message = f"{message[:1].lower()}{message[1:]}"
    field = str(path[0])
    if field in options:
        return ConfigError(f"{options[field]}: {message}")
    return ConfigError(f"{' '.join(options.values())}: {field} {message}")


def _list_executors(field: str) -> str:
    return choice(find_executors(field))
