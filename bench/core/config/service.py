"""A service of a process stack: how its process starts, listens, becomes ready and ends."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from bench.core.config.compose import MOST_REPLICAS, KnobName
from bench.core.config.placeholders import KEEPS_PLACEHOLDERS
from bench.core.config.target import Name, UrlPath
from bench.core.values.duration import PositiveDuration
from bench.core.values.record import FieldError, Record

_HIGHEST_PORT = 65_535
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def _read_ports(value: Any) -> Any:
    """Return the lowest and the highest port of a number or a range.

    Raises:
        ValueError: The value is neither.
    """
    if isinstance(value, tuple):
        return value
    match = _RANGE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"'{value}' is not a port; write a number, or a range such as 8000-8099")
    low = int(match[1])
    high = int(match[2] or match[1])
    if not 1 <= low <= high <= _HIGHEST_PORT:
        raise ValueError(f"'{value}' is not within 1-{_HIGHEST_PORT}, or its lower port is not the first")
    return low, high


def _write_ports(ports: tuple[int, int]) -> int | str:
    low, high = ports
    return low if low == high else f"{low}-{high}"


Ports = Annotated[
    tuple[int, int],
    BeforeValidator(_read_ports),
    PlainSerializer(_write_ports, return_type=int | str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": _HIGHEST_PORT},
                {"type": "string", "pattern": r"^\d{1,5}(-\d{1,5})?$"},
            ],
            "examples": [3000, "8000-8099"],
        }
    ),
]
"""Lowest and highest port; the number `3000` and the text `8000-8099` are parsed."""
Command = Annotated[tuple[str, ...], Field(min_length=1)]
"""Program and arguments."""
StopSignal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"]
SignalOrCommand = Annotated[
    Annotated[StopSignal, Tag("signal")] | Annotated[Command, Tag("command")],
    Discriminator(lambda value: "signal" if isinstance(value, str) else "command"),
]
"""Signal to the first process of a service, or a program and its arguments."""


FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]


class Service(Record):
    """A process of a stack, with all processes that it starts, or several equal ones (`replicas`).

    `${backend.urls}` and `${backend.addresses}` are the addresses of all instances of the service `backend`,
    separated by commas. `${backend.url}` is the address of the service that balances it, or of its only
    instance. Health checks, gauges, counters and knobs of `backend` apply to each instance.
    """

    command: Annotated[Command, KEEPS_PLACEHOLDERS]
    """Program and arguments. `${port}` stands for the service's port."""
    port: Ports | None = None
    """Port on which the service listens. Of a range such as `8000-8099`, it gets the first free port. By
    default it gets any free port."""
    port_variable: str = "PORT"
    """Environment variable that sets the port, too."""
    ready: UrlPath | None = None
    """Path that answers 200 if the service is ready. By default it is ready if its port accepts a
    connection."""
    environment: Annotated[dict[str, str], KEEPS_PLACEHOLDERS] = {}
    """Environment variables in addition to PATH and similar ones."""
    cwd: Annotated[str | None, KEEPS_PLACEHOLDERS] = None
    """Folder in which the command runs, relative to the files of the version. By default it is their root."""
    stop: Annotated[SignalOrCommand, KEEPS_PLACEHOLDERS] = "SIGTERM"
    """Signal, or command, that ends the service. Processes that run five seconds longer are killed."""
    start_timeout_s: Annotated[PositiveDuration, Field(alias="start_timeout")] = 60.0
    """Longest time until the service is ready."""
    listens: bool = True
    """Whether the service listens on a port. A worker does not, and is ready when it runs."""
    announces: bool = False
    """Whether the service chooses its own port and prints one JSON line with its `url` when it listens."""
    replicas: Annotated[int, Field(ge=1, le=MOST_REPLICAS)] | None = None
    """Number of instances that run the command, called `NAME-1`, `NAME-2`, …. Each has its own port, log and
    resource use. By default the service is one instance with its own name."""
    balances: Name | None = None
    """Service whose requests this one distributes over its instances. Requests for that service, and its
    `${NAME.url}`, then go to this service."""
    configuration: Annotated[dict[FileName, str], KEEPS_PLACEHOLDERS] = {}
    """Files that `bench` writes into the folder `${configuration}` before the start, by name. A line with
    `${backend.instance.address}`, `….url` or `….name` is written once for each instance of `backend`."""
    reload: Annotated[SignalOrCommand | None, KEEPS_PLACEHOLDERS] = None
    """Signal, or command, after which the service reads its configuration again. `bench` sends it when the
    instances of another service change."""
    drain_timeout_s: Annotated[PositiveDuration, Field(alias="drain_timeout")] = 180.0
    """Longest time that an instance without new requests has to finish the others, before it ends."""
    knobs: dict[KnobName, str] = {}
    """Environment variables that make the service worse on purpose, by the knob's name; see `--inject`."""

    @model_validator(mode="after")
    def _require_port(self) -> "Service":
        for field in ("port", "ready", "announces"):
            if not self.listens and getattr(self, field):
                raise FieldError((field,), "needs a service that listens; remove `listens: false`")
        return self

    @model_validator(mode="after")
    def _require_ports(self) -> "Service":
        if self.port is None or self.replicas is None:
            return self
        low, high = self.port
        if self.replicas > high - low + 1:
            raise FieldError(("port",), f"has too few ports for {self.replicas} replicas; write a range")
        return self

    @model_validator(mode="after")
    def _require_balancer_address(self) -> "Service":
        if self.balances is not None and not self.listens:
            raise FieldError(("balances",), "needs a service that listens; remove `listens: false`")
        if self.balances is not None and self.replicas is not None:
            raise FieldError(("balances",), "needs a service with one address; remove `replicas`")
        return self

    @property
    def fixed_port(self) -> int | None:
        """The port, if the service cannot have another one."""
        if self.port is None or self.port[0] != self.port[1]:
            return None
        return self.port[0]


# Fields that change how bench starts, finds and ends a service, but not its work.
HANDLING_FIELDS = frozenset(
    {
        "port",
        "port_variable",
        "ready",
        "stop",
        "start_timeout",
        "listens",
        "announces",
        "reload",
        "drain_timeout",
    }
)
