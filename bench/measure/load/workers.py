"""The load generators of a run: processes side by side, each with its share, begun at the same moments."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from bench.errors import MeasurementError
from bench.measure.load.messages import (
    Batch,
    Finished,
    Job,
    Renew,
    Start,
    TakeBack,
    WaitingForPhase,
    receive,
    send,
)
from bench.measure.machine.host import pin

# From saying when a stage begins until it does: the message must have come by then.
_LEAD_S = 0.02
_STOP_TIMEOUT_S = 5.0
_BUFFER_BYTES = 1024 * 1024


@dataclass(slots=True)
class Workers:
    """Processes that give load, one job at a time.

    Attributes:
        processes: They.
        began_s: When the first stage of the latest job began, on CLOCK_MONOTONIC; None before.
        phase: The number of the stage that began last.
        phase_began_s: When that was.
    """

    processes: Sequence[asyncio.subprocess.Process]
    began_s: float | None = None
    phase: int = field(default=0, init=False)
    phase_began_s: float = field(default=0.0, init=False)
    _in_flight: dict[int, int] = field(default_factory=dict, init=False)
    _waiting: int = field(default=0, init=False)
    _on_begin: Callable[[], object] = field(default=lambda: None, init=False)

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the processes."""
        return tuple(process.pid for process in self.processes)

    @property
    def in_flight(self) -> int:
        """How many requests are under way, as each process said last."""
        return sum(self._in_flight.values())

    async def run(
        self, job: Job, on_batch: Callable[[Batch], None], on_begin: Callable[[], object] = lambda: None
    ) -> float:
        """Give a load, each process its share of it.

        Args:
            job: The whole.
            on_batch: Is given what was measured, a few times a second.
            on_begin: Is called when all connections are open, just before the first request.

        Returns:
            How long it took from the beginning of the first stage, in seconds.

        Raises:
            MeasurementError: A process ended.
        """
        self._prepare(on_begin)
        count = len(self.processes)
        for number, process in enumerate(self.processes):
            self._send(process, replace(job, share=(number, count)))
        ends = await asyncio.gather(*(self._follow(process, on_batch) for process in self.processes))
        return 0.0 if self.began_s is None else max(0.0, max(ends) - self.began_s)

    def take_back(self) -> None:
        """End the load now; what is under way is recorded as cancelled."""
        self._tell(TakeBack())

    def renew(self, tokens: Mapping[int, str]) -> None:
        """Use other tokens from now on, by number."""
        self._tell(Renew(tokens))

    def _prepare(self, on_begin: Callable[[], object]) -> None:
        self.began_s, self._waiting, self._on_begin = None, 0, on_begin
        self._in_flight.clear()

    async def _follow(self, process: asyncio.subprocess.Process, on_batch: Callable[[Batch], None]) -> float:
        """Hear a process to the end of its job, and say when that was."""
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while True:
            try:
                heard = await receive(process.stdout)
            except EOFError:
                raise MeasurementError(
                    "a load generator process ended before its load did", "what it said stands above"
                ) from None
            match heard:
                case WaitingForPhase(phase=phase):
                    self._gather(phase)
                case Batch() as batch:
                    self._in_flight[process.pid] = batch.in_flight
                    on_batch(batch)
                case Finished(at_s=at_s):
                    return at_s

    def _gather(self, phase: int) -> None:
        """A stage begins when all processes have come to it."""
        self._waiting += 1
        if self._waiting == len(self.processes):
            self._waiting = 0
            at_s = time.monotonic() + _LEAD_S
            if self.began_s is None:
                self.began_s = at_s
                self._on_begin()
            self.phase, self.phase_began_s = phase, at_s
            self._tell(Start(at_s))

    def _tell(self, value: object) -> None:
        for process in self.processes:
            self._send(process, value)

    def _send(self, process: asyncio.subprocess.Process, value: object) -> None:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        if not process.stdin.is_closing():
            send(process.stdin, value)


@asynccontextmanager
async def working(count: int, cores: Sequence[int] = ()) -> AsyncIterator[Workers]:
    """So many load generators, there inside the block and gone after it, even when this process is killed.

    Args:
        count: How many.
        cores: That they are held to; empty for any.
    """
    processes: list[asyncio.subprocess.Process] = []
    try:
        for _ in range(count):  # what has started is stopped when the next fails
            processes.append(await _started())
            pin(processes[-1].pid, cores)
        yield Workers(processes)
    finally:
        await asyncio.gather(*(_stopped(process) for process in processes))


async def _started() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.measure.load.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_BUFFER_BYTES,
        start_new_session=True,  # the terminal's signals are ours to answer
    )


async def _stopped(process: asyncio.subprocess.Process) -> None:
    """It ends with its stdin."""
    assert process.stdin is not None  # noqa: S101 - it was asked for
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
