"""Faults that a scenario injects into its stack while the load goes on."""

from typing import Annotated, Any, Literal, assert_never

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from bench.core.config.target import Name
from bench.core.values import wording
from bench.core.values.duration import Duration, PositiveDuration, format_duration
from bench.core.values.quantity import QUANTITY_PATTERN, parse_quantity
from bench.core.values.record import FieldError, Record

CLIENTS = "clients"
"""Name of the load generator among the callers of a service."""


def _read_bandwidth(value: Any) -> Any:
    return parse_quantity(value, "bytes") if isinstance(value, str) else value


def _write_bandwidth(bytes_per_s: float) -> str:
    return f"{bytes_per_s:.15g}B"


Bandwidth = Annotated[
    float,
    Field(ge=1),
    BeforeValidator(_read_bandwidth),
    PlainSerializer(_write_bandwidth, return_type=str),
    WithJsonSchema({"type": "string", "pattern": QUANTITY_PATTERN, "examples": ["64kB", "1MB"]}),
]
"""Bytes per second; text such as `64kB` is parsed."""


class FaultFields(Record):
    """Fields that every fault has."""

    at_s: Annotated[Duration, Field(alias="at")]
    """Time at which the fault begins, from the start of the first phase that is not a warm-up."""
    service: Name
    """Service of the stack that has the fault, or one of its instances, such as `backend-2`."""


class _LastingFault(FaultFields):
    """A fault that `bench` ends after some time."""

    duration_s: Annotated[PositiveDuration | None, Field(alias="duration")] = None
    """Time after which the fault ends. Without it, the fault lasts until the end of the load."""


class KillFault(_LastingFault):
    """End all processes of a service with SIGKILL. After `duration`, the service starts again."""

    action: Literal["kill"]
    """The action's name."""


class RestartFault(FaultFields):
    """Stop a service in its own way, and start it again at once."""

    action: Literal["restart"]
    """The action's name."""


class PauseFault(_LastingFault):
    """Stop all processes of a service with SIGSTOP. After `duration`, SIGCONT continues them."""

    action: Literal["pause"]
    """The action's name."""


class _NetworkFault(_LastingFault):
    """A fault of the network before a service of processes."""

    caller: Annotated[Name | None, Field(alias="from")] = None
    """Only connections from this service have the fault; `clients` is the load generator. Without it,
    connections from all other services and from the load generator have it."""


class SlowNetworkFault(_NetworkFault):
    """Delay all bytes between a service and its callers, or limit their rate."""

    action: Literal["slow-network"]
    """The action's name."""
    latency_s: Annotated[Duration, Field(alias="latency")] = 0.0
    """Additional time of all bytes, in each direction."""
    jitter_s: Annotated[Duration, Field(alias="jitter")] = 0.0
    """Largest difference of the additional time from `latency`. It is drawn uniformly for each piece of
    data. Bytes keep their order."""
    bandwidth: Bandwidth | None = None
    """Bytes per second of each connection, in each direction. Without it, there is no limit."""

    @model_validator(mode="after")
    def _require_effect(self) -> "SlowNetworkFault":
        if not self.latency_s and self.bandwidth is None:
            raise FieldError(("latency",), "is missing; write latency, bandwidth or both")
        if self.jitter_s > self.latency_s:
            raise FieldError(("jitter",), "is longer than latency, and no byte can arrive before it is sent")
        return self


class CutNetworkFault(_NetworkFault):
    """Deliver no bytes between a service and its callers. Connections stay open, and nothing is lost."""

    action: Literal["cut-network"]
    """The action's name."""


class FillDiskFault(_LastingFault):
    """Let every write of a service to a file fail, as on a full disk (RLIMIT_FSIZE of its processes)."""

    action: Literal["fill-disk"]
    """The action's name."""


Fault = Annotated[
    KillFault | RestartFault | PauseFault | SlowNetworkFault | CutNetworkFault | FillDiskFault,
    Field(discriminator="action"),
]
NetworkFault = SlowNetworkFault | CutNetworkFault


def end_of(fault: Fault) -> float | None:
    """Return the planned end of a fault in seconds; None if it lasts until the end of the load."""
    if isinstance(fault, RestartFault):
        return fault.at_s
    return None if fault.duration_s is None else fault.at_s + fault.duration_s


def name_fault(fault: Fault) -> str:
    """Return a fault in words: `kill agent`, `slow network from backend to agent (200 ms)`."""
    match fault:
        case KillFault() | RestartFault() | PauseFault():
            return f"{fault.action} {fault.service}"
        case FillDiskFault():
            return f"full disk of {fault.service}"
        case CutNetworkFault():
            return f"no network {_way(fault)}"
        case SlowNetworkFault():
            return f"slow network {_way(fault)} ({_slowness(fault)})"
        case _:
            assert_never(fault)


def _way(fault: NetworkFault) -> str:
    return f"to {fault.service}" if fault.caller is None else f"from {fault.caller} to {fault.service}"


def _slowness(fault: SlowNetworkFault) -> str:
    parts = []
    if fault.latency_s or fault.jitter_s:
        jitter = f" ± {format_duration(fault.jitter_s)}" if fault.jitter_s else ""
        parts.append(f"+{format_duration(fault.latency_s)}{jitter}")
    if fault.bandwidth is not None:
        parts.append(f"{wording.size(fault.bandwidth)}/s")
    return ", ".join(parts)
