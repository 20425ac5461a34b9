"""Messages between a run and the agent of a load generator, besides those that the agent passes on."""

from dataclasses import dataclass, field

from bench.core.load.machine_limits import MachineLimits
from bench.core.watch.host import Host, MachineState


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of an agent."""

    machine: MachineState
    """The cores of its machine."""
    folder: str
    """Folder for files of the run."""


@dataclass(frozen=True, slots=True)
class AskTime:
    """Asks an agent for the time of its clock."""


@dataclass(frozen=True, slots=True)
class Time:
    """The time of an agent's clock."""

    at_s: float
    """Time on CLOCK_MONOTONIC of its machine."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Reports that the run has taken data."""

    count: int
    """Number of bytes."""


@dataclass(frozen=True, slots=True)
class PassOn:
    """A message from or to the load generator."""

    content: bytes = field(repr=False)
    """Its bytes."""


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Writes a file of the run into the agent's folder."""

    name: str
    """Name of the file."""
    content: bytes = field(repr=False)
    """Its content."""


@dataclass(frozen=True, slots=True)
class StartReference:
    """Starts the reference server on the agent's machine, with the first message."""


@dataclass(frozen=True, slots=True)
class ReferenceStarted:
    """Reports the reference server."""

    url: str
    """Its address; empty if it did not start."""
    error: str = ""
    """Why it did not start."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Asks for the limits of the agent's machine."""

    urls: tuple[str, ...]
    """Addresses of the targets."""


@dataclass(frozen=True, slots=True)
class LimitsRead:
    """The limits of the agent's machine."""

    machine_limits: MachineLimits
    """The limits."""


@dataclass(frozen=True, slots=True)
class ReadHost:
    """Asks for the quietness of the agent's machine since its start."""


@dataclass(frozen=True, slots=True)
class HostRead:
    """The quietness of the agent's machine."""

    host: Host
    """The quietness."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Ends the load generator at once."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Reports that the load generator ended."""

    code: int
    """Exit code, or minus the number of the signal that ended it."""
    is_out_of_memory: bool
    """Whether the kernel ended processes meanwhile, because memory ran out."""
    detail: str
    """The last line that it printed; empty without one."""
