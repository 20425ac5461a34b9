"""A load that the command line describes completely: an address, messages and a number of VUs or a rate."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from bench.core.config.executors import EXECUTORS, list_fields
from bench.core.config.load_override import SeriesFile
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.config.target import WEBSOCKET_PREFIXES, Target
from bench.core.values.record import FieldError
from bench.core.values.wording import choice
from bench.errors import ConfigError

ADDRESS_PREFIXES = ("http://", "https://")
DEFAULT_VUS = 10
DEFAULT_DURATION_S = 30.0
DEFAULT_TIMEOUT_S = 120.0
STACK = Stack(name="external", purpose="One address; bench neither starts nor watches it.")
"""The stack that an address stands for: without test users, checks and layers."""
MESSAGES = (
    "Say hello in five words.",
    "Name three colours.",
    "What is the capital of France?",
    "Explain in one sentence why the sky is blue.",
    "Write a short title for a page about tea.",
)
"""Messages of a load without `--message` and `--data`."""
_HEADER_VARIABLE = "BENCH_HEADER_{}"
_HOST_AND_PORT = re.compile(r"[A-Za-z0-9.-]+:[0-9]+(/|$)")
_NO_LETTER = re.compile(r"[^A-Za-z0-9]+")
_HEADER_EXAMPLE = "write for example --header 'authorization: Bearer …'"
_OPTIONS = {
    "vus": "--vus",
    "max_vus": "--vus",
    "rate": "--rate",
    "rates": "--rates",
    "times": "--times",
    "duration": "--duration",
    "spawn_rate": "--spawn-rate",
    "arrivals": "--arrivals",
    "burstiness": "--burstiness",
    "speed": "--speed",
    "think_time": "--think-time",
    "request_timeout": "--timeout",
    "prompts": "--rate",
}
_CLOSED = "constant-vus"
_OPEN = {"rate": "constant-arrival-rate", "rates": "arrival-rate-series", "times": "arrival-times"}
"""The executor of an open loop, by the option that decides it."""
_STEADY = frozenset({_CLOSED, "constant-arrival-rate"})
"""Executors without a duration of their own."""


def is_address(scenario: str) -> bool:
    """Return whether the address of a service stands in place of a scenario."""
    return scenario.startswith(ADDRESS_PREFIXES)


def is_websocket_address(scenario: str) -> bool:
    """Return whether the address of a WebSocket stands in place of a scenario."""
    return scenario.startswith(WEBSOCKET_PREFIXES)


def looks_like_address(scenario: str) -> bool:
    """Return whether a text is an address without `http://`, such as `localhost:8000/chat`."""
    return _HOST_AND_PORT.match(scenario) is not None


def split_address(url: str) -> tuple[str, str]:
    """Return the address of a service, and the path and query below it; an empty path if there is none."""
    parts = urlsplit(url)
    path = parts.path if parts.path != "/" else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", path + query


@dataclass(frozen=True, slots=True)
class GivenHeaders:
    """Headers of the command line. Their values are variables of the run, because they may be secrets."""

    templates: Mapping[str, str]
    """Headers for a target: names in lower case, and a placeholder in place of each value."""
    variables: Mapping[str, str]
    """Values of the placeholders, by variable."""


def parse_headers(texts: Sequence[str]) -> GivenHeaders:
    """Return the headers of `NAME: VALUE`. A value may contain `${env.NAME}`.

    Raises:
        ConfigError: A text has no name or no value. The message does not contain the value.
    """
    templates: dict[str, str] = {}
    variables: dict[str, str] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        name = name.strip().lower()
        value = value.strip()
        if not (name and colon and value):
            raise ConfigError(f"--header {name}: is not NAME: VALUE", _HEADER_EXAMPLE)
        if "${" in value:
            templates[name] = value
            continue
        variable = _HEADER_VARIABLE.format(_NO_LETTER.sub("_", name).upper())
        templates[name] = f"${{env.{variable}}}"
        variables[variable] = value
    return GivenHeaders(templates, variables)


@dataclass(frozen=True, slots=True)
class QuickLoad:
    """The load of the command line. A value of None has its default."""

    vus: int | None = None
    """Number of VUs; in an open loop, the highest number of requests in flight."""
    rate: float | None = None
    """Requests per second of an open loop."""
    rates: SeriesFile | None = None
    """Rates over time of an open loop."""
    times: SeriesFile | None = None
    """Arrival times of an open loop."""
    duration: str | float | None = None
    """Duration of the load."""
    think_time: str | float | None = None
    """Pause of each VU before its next message, or a range."""
    spawn_rate: float | None = None
    """VUs that start per second."""
    arrivals: str | None = None
    """Distribution of the intervals between the requests of a rate."""
    burstiness: float | None = None
    """Burstiness of gamma arrivals, which it implies."""
    speed: float | None = None
    """How fast the arrival times pass."""
    timeout: str | float | None = None
    """Longest time for one request."""

    def make_spec(
        self, target: Target, purpose: str, prompts: Sequence[Prompt], variables: Mapping[str, str]
    ) -> RunSpec:
        """Return the specification of a run.

        Args:
            target: The interface that gets the messages.
            purpose: The load in one sentence, for reports.
            prompts: The messages.
            variables: Values of the target's placeholders.

        Raises:
            ConfigError: An option is wrong, or does not fit another one.
        """
        content = {
            "name": target.name,
            "purpose": purpose,
            "target": target.name,
            "seed": 1,
            "prompts": "-",
            "request_timeout": DEFAULT_TIMEOUT_S if self.timeout is None else self.timeout,
            **self._executor(),
        }
        try:
            scenario = Scenario.model_validate(content)
            return RunSpec(scenario=scenario, target=target, prompts=tuple(prompts), variables=variables)
        except ValidationError as error:
            raise _explain(error) from error

    def _executor(self) -> dict[str, Any]:
        """Return the fields of the executor, as a scenario file has them."""
        basis, executor = self._choose_executor()
        fields: dict[str, Any] = {"executor": executor}
        if executor in _STEADY:
            fields["duration"] = DEFAULT_DURATION_S
        if executor == _CLOSED:
            fields["vus"] = DEFAULT_VUS
        if self.burstiness is not None:
            fields["arrivals"] = "gamma"
        for field, value in self._list_values(executor):
            if field not in list_fields(EXECUTORS[executor]):
                raise _refuse(field, basis)
            fields[field] = value
        return fields

    def _choose_executor(self) -> tuple[str, str]:
        """Return the option that decides the executor, and the executor."""
        given = [field for field in _OPEN if getattr(self, field) is not None]
        if len(given) > 1:
            first, second = given[:2]
            raise ConfigError(f"--{first}: does not fit --{second}", "remove one of the two")
        return (f"--{given[0]}", _OPEN[given[0]]) if given else ("", _CLOSED)

    def _list_values(self, executor: str) -> Iterator[tuple[str, Any]]:
        """Yield the given values by field."""
        for field in fields_of(self):
            value = getattr(self, field.name)
            if value is None or field.name == "timeout":
                continue
            name = "max_vus" if field.name == "vus" and executor != _CLOSED else field.name
            yield name, value.content if isinstance(value, SeriesFile) else value


def _refuse(field: str, basis: str) -> ConfigError:
    """Return the error of an option that the executor does not have."""
    option = _OPTIONS[field]
    if basis:
        return ConfigError(f"{option}: does not fit {basis}", "remove one of the two")
    needed = [f"--{name}" for name, executor in _OPEN.items() if field in list_fields(EXECUTORS[executor])]
    return ConfigError(f"{option}: needs {choice(needed)}", f"add {needed[0]}")


def _explain(error: ValidationError) -> ConfigError:
    """Return the error of an option: validation names the field of a scenario."""
    problem = error.errors()[0]
    contradiction = problem.get("ctx", {}).get("error")
    path = contradiction.path if isinstance(contradiction, FieldError) else problem["loc"]
    names = [part for part in path if part not in ("phases", *EXECUTORS) and isinstance(part, str)]
    field = names[-1] if names else ""
    message = problem["msg"].removeprefix("Value error, ")
    message = f"{message[:1].lower()}{message[1:]}"
    option = _OPTIONS.get(field)
    return ConfigError(f"{option}: {message}" if option else message)
