"""The load generators of a run: processes that each send a share of the load and start phases together."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from bench.core.config.load_variables import select_variables
from bench.core.load.signs_of_life import CHECK_S, Silence, describe_loss
from bench.core.samples.sample import Stall, Stop, StopCause
from bench.errors import MeasurementError
from bench.measure.load.messages import (
    Alive,
    Batch,
    Cancel,
    EndPhase,
    Finished,
    Job,
    Renew,
    Start,
    WaitingForPhase,
    receive,
    send,
)
from bench.measure.load.worker_process import WorkerProcess, open_worker
from bench.measure.machine.host import pin, read_counters

# Time between sending the start of a phase and the start, so that the message arrives before it.
_LEAD_S = 0.02
# Longest time without a new batch after the end of a load, and the number of such times that are waited.
_CANCEL_TIMEOUT_S = 10.0
_MOST_WAITS = 6


class LostGeneratorError(MeasurementError):
    """A load generator ended before its load did, or gave no sign of life."""


@dataclass(slots=True)
class Workers:
    """Load generator processes. They run one job at a time."""

    processes: Sequence[WorkerProcess]
    """The processes."""
    oom_kills: int | None = None
    """Number of processes of this machine that were ended before these started, because memory ran out."""
    began_s: float | None = None
    """Start of the newest job's first phase, on CLOCK_MONOTONIC; `None` before it."""
    phase: int = field(default=0, init=False)
    """Index of the newest phase."""
    phase_began_s: float = field(default=0.0, init=False)
    """Start of the newest phase, on CLOCK_MONOTONIC."""
    http_versions: frozenset[str] = field(default=frozenset(), init=False)
    """HTTP versions of the newest job's replies, when it has ended."""
    pauses: list[Stall] = field(default_factory=list, init=False)
    """Pauses of the processes in the newest job, on CLOCK_MONOTONIC."""
    longest_turn_s: float = field(default=0.0, init=False)
    """Longest time without a turn of a process's loop in the newest job."""
    long_turns: list[Stall] = field(default_factory=list, init=False)
    """Times without a turn that delayed requests of the newest job, on CLOCK_MONOTONIC."""
    _silence: Silence = field(default_factory=lambda: Silence(()), init=False)
    _stalled: set[int] = field(default_factory=set, init=False)
    _endless: set[int] = field(default_factory=set, init=False)
    _running: set[int] = field(default_factory=set, init=False)
    _batches: int = field(default=0, init=False)
    _lost: list[LostGeneratorError] = field(default_factory=list, init=False)
    _in_flight: dict[int, int] = field(default_factory=dict, init=False)
    _waits_s: dict[int, Sequence[float]] = field(default_factory=dict, init=False)
    _waiting: int = field(default=0, init=False)
    _on_begin: Callable[[], object] = field(default=lambda: None, init=False)

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the processes."""
        return tuple(process.pid for process in self.processes)

    @property
    def in_flight(self) -> int:
        """Number of requests in progress, from the newest report of each process."""
        return sum(self._in_flight.values())

    @property
    def waits_s(self) -> list[float]:
        """Planned times of the requests in progress, likewise, in seconds since the start of the load."""
        waits_s: list[float] = []
        for of_process in self._waits_s.values():
            waits_s += of_process
        return waits_s

    async def run(
        self, job: Job, on_batch: Callable[[Batch], None], on_begin: Callable[[], object] = lambda: None
    ) -> float:
        """Send a load; each process sends its share.

        Args:
            job: The complete load.
            on_batch: Called with new samples, a few times per second.
            on_begin: Called when all connections are open, just before the first request.

        Returns:
            The duration from the start of the first phase, in seconds.

        Raises:
            LostGeneratorError: A process ended before its load did. The others were cancelled, and all their
                samples were received.
        """
        self._prepare(on_begin)
        count = len(self.processes)
        job = replace(job, variables=select_variables(job.spec, os.environ))
        for number, process in enumerate(self.processes):
            self._send(process, replace(job, share=(number, count)))
        watching = asyncio.create_task(self._end_stalled())
        try:
            ends_s = await asyncio.gather(*(self._follow(process, on_batch) for process in self.processes))
        finally:
            watching.cancel()
        for lost in self._lost:
            raise lost
        return 0.0 if self.began_s is None else max(0.0, max(ends_s) - self.began_s)

    async def end(self, load: asyncio.Task[float]) -> tuple[float, Stop | None]:
        """End a load that `run` sends, and receive all its samples.

        A process that does not end is killed. Its pipe keeps the samples that it sent.

        Returns:
            The duration of the load, and why it ended if a process was lost.

        Raises:
            LostGeneratorError: A process was lost before the first request.
        """
        if not load.done():
            self.cancel()
            await self._wait_for_end(load)
        try:
            return await load, None
        except LostGeneratorError as error:
            if self.began_s is None:  # there is no request to keep
                raise
            stop = Stop(cause=StopCause.GENERATOR, reason=error.message)
            return time.monotonic() - self.began_s, stop

    async def _wait_for_end(self, load: asyncio.Task[float]) -> None:
        """Wait as long as samples arrive, then kill the processes that are left."""
        for _ in range(_MOST_WAITS):
            batches = self._batches
            await asyncio.wait({load}, timeout=_CANCEL_TIMEOUT_S)
            if load.done():
                return
            if self._batches == batches:
                break
        for process in self.processes:
            if process.pid in self._running:
                self._endless.add(process.pid)
                process.kill()

    def cancel(self) -> None:
        """End the load now. Requests in progress are recorded as cancelled."""
        self._send_to_all(Cancel())

    def end_phase(self) -> None:
        """End the phase as if its time were over: no request begins, and those in progress may end."""
        self._send_to_all(EndPhase())

    def renew(self, tokens: Mapping[int, str]) -> None:
        """Replace tokens by their number, from the next request on."""
        self._send_to_all(Renew(tokens))

    def _prepare(self, on_begin: Callable[[], object]) -> None:
        self.began_s = None
        self._waiting = 0
        self.http_versions = frozenset()
        self._on_begin = on_begin
        self._in_flight.clear()
        self._waits_s.clear()
        self.pauses.clear()
        self.longest_turn_s = 0.0
        self.long_turns.clear()
        self._lost.clear()
        self._silence = Silence(self.pids)
        self._running = {*self.pids}

    async def _follow(self, process: WorkerProcess, on_batch: Callable[[Batch], None]) -> float:
        """Receive the messages of a process until its job ends; return the end on CLOCK_MONOTONIC."""
        try:
            return await self._receive_all(process, on_batch)
        finally:
            self._running.discard(process.pid)
            self._silence.remove(process.pid)

    async def _receive_all(self, process: WorkerProcess, on_batch: Callable[[Batch], None]) -> float:
        while True:
            try:
                message = await receive(process.stdout)
            except EOFError:
                self._lost.append(await self._describe_loss(process))
                self.cancel()
                return time.monotonic()
            self._silence.note(process.pid)
            match message:
                case Alive() as alive:
                    self._note_life(alive)
                case WaitingForPhase(phase=phase):
                    self._start_when_all_wait(phase)
                case Batch() as batch:
                    self._in_flight[process.pid] = batch.in_flight
                    self._waits_s[process.pid] = batch.waits_s
                    self._batches += 1
                    on_batch(batch)
                case Finished(at_s=at_s, http_versions=versions):
                    self.http_versions |= versions
                    return at_s

    def _note_life(self, alive: Alive) -> None:
        if alive.pause is not None:
            self.pauses.append(alive.pause)
        self.longest_turn_s = max(self.longest_turn_s, alive.longest_turn_s)
        self.long_turns += alive.long_turns

    async def _end_stalled(self) -> None:
        """End each process that gives no sign of life."""
        while True:
            await asyncio.sleep(CHECK_S)
            silent = self._silence.check()
            for process in self.processes:
                if process.pid in silent and process.pid not in self._stalled:
                    self._stalled.add(process.pid)
                    process.kill()

    async def _describe_loss(self, process: WorkerProcess) -> LostGeneratorError:
        """Return the error for a process that ended."""
        code = await process.wait()
        if process.pid in self._endless:
            return LostGeneratorError("a load generator did not end, and was killed", "measure again")
        oom_kills = read_counters().oom_kills
        more_oom_kills = None not in {oom_kills, self.oom_kills} and oom_kills != self.oom_kills
        message = describe_loss(
            code, is_stalled=process.pid in self._stalled, is_out_of_memory=more_oom_kills
        )
        return LostGeneratorError(message, "measure again")

    def _start_when_all_wait(self, phase: int) -> None:
        """Count a process that waits for a phase, and start the phase with the last one."""
        self._waiting += 1
        if self._waiting < len(self.processes):
            return
        self._waiting = 0
        at_s = time.monotonic() + _LEAD_S
        if self.began_s is None:
            self.began_s = at_s
            self._on_begin()
        self.phase = phase
        self.phase_began_s = at_s
        self._send_to_all(Start(at_s))

    def _send_to_all(self, message: object) -> None:
        for process in self.processes:
            self._send(process, message)

    def _send(self, process: WorkerProcess, message: object) -> None:
        if not process.stdin.is_closing():
            send(process.stdin, message)


@asynccontextmanager
async def start_workers(count: int, cores: Sequence[int] = ()) -> AsyncIterator[Workers]:
    """Start load generators and stop them after the block. They also end if this process is killed.

    Args:
        count: Number of processes.
        cores: CPU cores that they may use; empty for all.
    """
    processes: list[WorkerProcess] = []
    try:
        for _ in range(count):  # if a start fails, the processes before it are stopped
            processes.append(await open_worker())
            pin(processes[-1].pid, cores)
        yield Workers(processes, read_counters().oom_kills)
    finally:
        await asyncio.gather(*(process.stop() for process in processes))
