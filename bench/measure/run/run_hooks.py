"""Functions that a run calls while it goes on, and what may end it early."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.core.load.progress import Progress
from bench.core.samples.samples import Samples
from bench.measure.watch.watching import Watch


class EarlyEnd(Protocol):
    """Ends the measured phase of a run as soon as its requests show enough."""

    async def open(self, watch: Watch, /) -> None:
        """Prepare for a load that begins now."""
        ...

    def add(self, samples: Samples, /) -> None:
        """Receive requests that ended."""
        ...

    def is_enough(self, phase_s: tuple[float, float], waits_s: Sequence[float], /) -> bool:
        """Return whether the measured phase may end. All times are seconds since the start of the run.

        Args:
            phase_s: Start of the phase, and the current time.
            waits_s: Planned times of the requests in progress.
        """
        ...

    async def drain(self, watch: Watch, /) -> None:
        """Wait until the load has left no trace in the stack."""
        ...


@dataclass(frozen=True, slots=True)
class RunHooks:
    """Functions that a run calls while it goes on, and what may end it early."""

    progress: Callable[[Progress], None]
    """Receives the progress about twice a second."""
    note: Callable[[str], None]
    """Receives one line about a step that takes long."""
    interrupted: asyncio.Event
    """Ends the run when it is set."""
    early_end: EarlyEnd | None = None
    """Ends the measured phase; `None` if its duration does."""
