"""The load generators of a run: processes that each send a share of the load and start phases together."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bench.core.config.load_variables import select_variables
from bench.core.load.generator_machines import GeneratorMachine
from bench.core.load.signs_of_life import CHECK_S, Silence, describe_loss, describe_silence
from bench.core.samples.sample import ResourceSample, Stall, Stop, StopCause, generator_source
from bench.errors import MeasurementError
from bench.measure.load.generator import LoadGenerator
from bench.measure.load.messages import (
    Alive,
    Batch,
    Cancel,
    EndPhase,
    Finished,
    Job,
    Renew,
    Start,
    Usage,
    WaitingForPhase,
)
from bench.measure.load.worker_process import WorkerProcess, open_worker
from bench.measure.machine.host import pin, read_counters

# Longest time without a new batch after the end of a load, and the number of such times that are waited.
_CANCEL_TIMEOUT_S = 10.0
_MOST_WAITS = 6


class LostGeneratorError(MeasurementError):
    """A load generator ended before its load did, or gave no sign of life."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A load generator that ended before its load did."""

    number: int
    """Its number."""
    at_s: float
    """Time of its end, on CLOCK_MONOTONIC."""
    message: str
    """A sentence about it."""


@dataclass(slots=True)
class Workers:
    """Load generator processes. They run one job at a time."""

    generators: Sequence[LoadGenerator]
    """The load generators. Their numbers are their positions."""
    goes_on: bool = False
    """Whether a load goes on without the share of a load generator that was lost."""
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
    requests: dict[int, int] = field(default_factory=dict, init=False)
    """Number of requests of the newest job that each load generator has reported, by its number."""
    losses: list[Loss] = field(default_factory=list, init=False)
    """Load generators that were lost in the newest job."""
    lost_before: dict[int, str] = field(default_factory=dict, init=False)
    """A sentence about each load generator that was lost before the newest job, by its number."""
    _usage: list[ResourceSample] = field(default_factory=list, init=False)
    _silence: Silence = field(default_factory=lambda: Silence(()), init=False)
    _stalled: set[int] = field(default_factory=set, init=False)
    _endless: set[int] = field(default_factory=set, init=False)
    _running: set[int] = field(default_factory=set, init=False)
    _batches: int = field(default=0, init=False)
    _in_flight: dict[int, int] = field(default_factory=dict, init=False)
    _waits_s: dict[int, Sequence[float]] = field(default_factory=dict, init=False)
    _waiting: set[int] = field(default_factory=set, init=False)
    _next_phase: int = field(default=0, init=False)
    _on_begin: Callable[[], object] = field(default=lambda: None, init=False)

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the processes of this machine."""
        return tuple(generator.pid for generator in self.generators if generator.pid is not None)

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
        self,
        job: Job,
        on_batch: Callable[[Batch], None],
        on_begin: Callable[[], object] = lambda: None,
        urls: Mapping[int, str] = MappingProxyType({}),
    ) -> float:
        """Send a load; each process sends its share.

        Args:
            job: The complete load.
            on_batch: Called with new samples, a few times per second.
            on_begin: Called when all connections are open, just before the first request.
            urls: Address that a load generator uses instead of the job's, by its number.

        Returns:
            The duration from the start of the first phase, in seconds.

        Raises:
            LostGeneratorError: A process ended before its load did. The others were cancelled, and all their
                samples were received. If the load goes on without it, the error means that all were lost.
        """
        numbers = await self._prepare(on_begin)
        job = replace(job, variables=select_variables(job.spec, os.environ))
        for position, number in enumerate(numbers):
            base_urls = (urls[number],) if number in urls else job.base_urls
            share = (position, len(numbers))
            self.generators[number].send(replace(job, share=share, base_urls=base_urls))
        watching = asyncio.create_task(self._end_stalled())
        try:
            ends_s = await asyncio.gather(*(self._follow(number, on_batch) for number in numbers))
        finally:
            watching.cancel()
        if self.losses and not self._may_lose(numbers):
            raise LostGeneratorError(self.losses[0].message, "measure again")
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
        for number in self._running:
            self._endless.add(number)
            self.generators[number].kill()

    def take_usage(self) -> list[ResourceSample]:
        """Return the resources of load generators of other machines since the previous call."""
        usage = self._usage[:]
        self._usage.clear()
        return usage

    async def start_references(self) -> dict[int, str]:
        """Start a reference server on each other machine; return the addresses there, by load generator."""
        urls: dict[int, str] = {}
        for number, generator in enumerate(self.generators):
            url = await generator.start_reference() if generator.is_open else None
            if url is not None:
                urls[number] = url
        return urls

    async def read_machines(self, urls: Sequence[str]) -> list[GeneratorMachine]:
        """Return the other machines of the load generators that can get a job.

        Args:
            urls: Addresses of the targets.
        """
        open_ones = [generator for generator in self.generators if generator.is_open]
        machines = await asyncio.gather(*(generator.read_machine(urls) for generator in open_ones))
        return [machine for machine in machines if machine is not None]

    def cancel(self) -> None:
        """End the load now. Requests in progress are recorded as cancelled."""
        self._send_to_all(Cancel())

    def end_phase(self) -> None:
        """End the phase as if its time were over: no request begins, and those in progress may end."""
        self._send_to_all(EndPhase())

    def renew(self, tokens: Mapping[int, str]) -> None:
        """Replace tokens by their number, from the next request on."""
        self._send_to_all(Renew(tokens))

    async def _prepare(self, on_begin: Callable[[], object]) -> list[int]:
        """Forget the previous job; return the numbers of the load generators that can get one."""
        numbers: list[int] = []
        for number, generator in enumerate(self.generators):
            if generator.is_open:
                numbers.append(number)
            elif number not in self.lost_before:
                self.lost_before[number] = await self._describe_loss(number)
        if not numbers:
            raise LostGeneratorError("no load generator is left", "measure again")
        self.began_s = None
        self._waiting.clear()
        self.http_versions = frozenset()
        self._on_begin = on_begin
        self._in_flight.clear()
        self._waits_s.clear()
        self.pauses.clear()
        self.longest_turn_s = 0.0
        self.long_turns.clear()
        self.losses.clear()
        self._usage.clear()
        self.requests = dict.fromkeys(numbers, 0)
        self._silence = Silence(numbers)
        self._running = {*numbers}
        await asyncio.gather(*(self.generators[number].prepare() for number in numbers))
        return numbers

    async def _follow(self, number: int, on_batch: Callable[[Batch], None]) -> float:
        """Receive the messages of a process until its job ends; return the end on CLOCK_MONOTONIC."""
        try:
            return await self._receive_all(number, on_batch)
        except EOFError:
            self._running.discard(number)
            await self._lose(number)
            return time.monotonic()
        finally:
            self._running.discard(number)
            self._silence.remove(number)

    async def _receive_all(self, number: int, on_batch: Callable[[Batch], None]) -> float:
        generator = self.generators[number]
        while True:
            message = await generator.receive()
            self._silence.note(number)
            match message:
                case Alive() as alive:
                    self._note_life(alive)
                case WaitingForPhase(phase=phase):
                    self._waiting.add(number)
                    self._next_phase = phase
                    self._start_when_all_wait()
                case Batch() as batch:
                    self._in_flight[number] = batch.in_flight
                    self._waits_s[number] = batch.waits_s
                    self.requests[number] += len(batch.log)
                    self._batches += 1
                    on_batch(replace(batch, generator=number))
                case Usage() as usage:
                    self._note_usage(number, usage)
                case Finished(at_s=at_s, http_versions=versions):
                    self.http_versions |= versions
                    return at_s

    def _note_life(self, alive: Alive) -> None:
        if alive.pause is not None:
            self.pauses.append(alive.pause)
        self.longest_turn_s = max(self.longest_turn_s, alive.longest_turn_s)
        self.long_turns += alive.long_turns

    def _note_usage(self, number: int, usage: Usage) -> None:
        """Note the resources of a load generator of another machine, from the start of the load on."""
        if self.began_s is not None and usage.at_s >= self.began_s and usage.generator is not None:
            named = {"at_s": usage.at_s - self.began_s, "source": generator_source(number)}
            self._usage.append(usage.generator.model_copy(update=named))

    async def _end_stalled(self) -> None:
        """End each process that gives no sign of life."""
        while True:
            await asyncio.sleep(CHECK_S)
            silent = self._silence.check()
            for number in silent:
                if number not in self._stalled:
                    self._stalled.add(number)
                    self.generators[number].kill()

    async def _lose(self, number: int) -> None:
        """Note the loss of a process. End the load, unless it goes on without the share of this process."""
        lost_s = time.monotonic()
        message = await self._describe_loss(number)
        self.losses.append(Loss(number, lost_s, message))
        self._in_flight.pop(number, None)
        self._waits_s.pop(number, None)
        if self._may_lose(self.requests):
            self._waiting.discard(number)
            self._start_when_all_wait()
        else:
            self.cancel()

    def _may_lose(self, numbers: Collection[int]) -> bool:
        """Return whether a load of these processes may go on: it has begun, and not all of them are lost."""
        return self.goes_on and self.began_s is not None and len(self.losses) < len(numbers)

    async def _describe_loss(self, number: int) -> str:
        """Return a sentence about a process that ended."""
        generator = self.generators[number]
        end = await generator.read_end()
        if number in self._endless:
            return f"{generator.name} did not end, and was killed"
        if number in self._stalled:
            return describe_silence(generator.name)
        return describe_loss(
            end.code, is_out_of_memory=end.is_out_of_memory, detail=end.detail, name=generator.name
        )

    def _start_when_all_wait(self) -> None:
        """Start the phase if all processes that send the load wait for it."""
        if not self._waiting or not self._running <= self._waiting:
            return
        self._waiting.clear()
        at_s = time.monotonic() + max(self.generators[number].lead_s for number in self._running)
        if self.began_s is None:
            self.began_s = at_s
            self._on_begin()
        self.phase = self._next_phase
        self.phase_began_s = at_s
        self._send_to_all(Start(at_s))

    def _send_to_all(self, message: object) -> None:
        for generator in self.generators:
            generator.send(message)


@asynccontextmanager
async def start_workers(count: int, cores: Sequence[int] = ()) -> AsyncIterator[Workers]:
    """Start load generators and stop them after the block. They also end if this process is killed.

    Args:
        count: Number of processes.
        cores: CPU cores that they may use; empty for all.
    """
    processes: list[WorkerProcess] = []
    oom_kills = read_counters().oom_kills
    try:
        for _ in range(count):  # if a start fails, the processes before it are stopped
            processes.append(await open_worker(oom_kills))
            pin(processes[-1].pid, cores)
        yield Workers(processes)
    finally:
        await asyncio.gather(*(process.stop() for process in processes))
