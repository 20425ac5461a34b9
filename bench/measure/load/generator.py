"""A load generator as the run sees it: a process on this machine, or one on another machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.core.load.generator_machines import GeneratorMachine


@dataclass(frozen=True, slots=True)
class GeneratorEnd:
    """The end of a load generator that ended before its load did."""

    code: int | None
    """Exit code, or minus the number of the signal that ended it; `None` if its machine is out of reach."""
    is_out_of_memory: bool = False
    """Whether the kernel of its machine ended processes meanwhile, because memory ran out."""
    detail: str = ""
    """Last line that it printed, or the error of the connection to it; empty if it is unknown."""


class LoadGenerator(Protocol):
    """A process that sends a share of the load. It exchanges the messages of `messages.py` with the run.

    All times of messages are on the CLOCK_MONOTONIC of this machine: a load generator with another clock
    converts them.
    """

    @property
    def name(self) -> str:
        """A name for messages to people."""
        ...

    @property
    def pid(self) -> int | None:
        """Process id on this machine; `None` on another one."""
        ...

    @property
    def lead_s(self) -> float:
        """Longest time that a message takes to arrive."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it can still get a job."""
        ...

    async def prepare(self) -> None:
        """Prepare for a job: a load generator with another clock compares it with that of this machine."""
        ...

    async def start_reference(self) -> str | None:
        """Start a reference server on its machine; return its address, or `None` on this machine."""
        ...

    async def read_machine(self, urls: Sequence[str]) -> GeneratorMachine | None:
        """Return its machine with the limits of now, or `None` on this machine.

        Args:
            urls: Addresses of the targets. Each address has its own ports.
        """
        ...

    def send(self, message: object) -> None:
        """Send a message, without waiting. It has no effect after the end of the load generator."""
        ...

    async def receive(self) -> Any:
        """Return the next message.

        Raises:
            EOFError: The load generator ended.
        """
        ...

    def kill(self) -> None:
        """End it at once. Messages that it has sent can still be received."""
        ...

    async def read_end(self) -> GeneratorEnd:
        """Wait for its end, and describe it."""
        ...

    async def stop(self) -> None:
        """End it after its last job, and release what it uses."""
        ...
