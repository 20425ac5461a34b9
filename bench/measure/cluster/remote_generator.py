"""A load generator on another machine, as the run sees it: it exchanges messages with its agent."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from bench.core.load.clock_offset import ClockOffset, ClockReading, estimate_offset
from bench.core.load.generator_machines import GeneratorMachine
from bench.core.samples.sample import Stall
from bench.core.watch.host import Host
from bench.errors import MeasurementError
from bench.measure.cluster.agent_messages import (
    Acknowledge,
    AskTime,
    Ended,
    Hello,
    HostRead,
    Kill,
    LimitsRead,
    PassOn,
    ReadHost,
    ReadLimits,
    ReferenceStarted,
    StartReference,
    Time,
    WriteFile,
)
from bench.measure.cluster.comm import Comm
from bench.measure.cluster.sealed_frames import Lane, Opener, Sealer, agree
from bench.measure.cluster.versions import MachineCard
from bench.measure.load.generator import GeneratorEnd
from bench.measure.load.messages import Alive, Finished, Job, Start, Usage, dump, load

# Number of round trips of an estimate. The shortest of them decides.
_READINGS = 16
_START_TIMEOUT_S = 60.0
_ANSWER_TIMEOUT_S = 30.0
_KILL_TIMEOUT_S = 5.0
_STOP_TIMEOUT_S = 15.0
_LOCAL_LEAD_S = 0.02
_CA_FILE = "ca.pem"
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class RemoteGenerator:
    """A load generator on the machine of a Dask worker.

    Attributes:
        hello: The first message of its agent.
        offset: Its clock, from the newest estimate.
        machine_cpu_pct: Use of all cores of its machine since the start of the newest job.
    """

    worker: str
    """Name of the Dask worker."""
    card: MachineCard
    """Versions and names of its machine."""
    comm: Comm
    """The connection to the Dask worker."""
    hello: Hello = field(init=False)
    offset: ClockOffset = field(init=False)
    machine_cpu_pct: list[float] = field(default_factory=list, init=False)
    _sealer: Sealer = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    _received: asyncio.StreamReader = field(default_factory=asyncio.StreamReader, init=False)
    _outgoing: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue, init=False)
    _messages: "asyncio.Queue[tuple[object, int] | None]" = field(default_factory=asyncio.Queue, init=False)
    _answers: "dict[type, asyncio.Future[tuple[Any, float]]]" = field(default_factory=dict, init=False)
    _end: GeneratorEnd | None = field(default=None, init=False)
    _error: str = field(default="", init=False)

    @property
    def name(self) -> str:
        """A name for messages to people."""
        return f"the load generator of {self._place}"

    @property
    def _place(self) -> str:
        return f"worker '{self.worker}' on {self.card['host']}"

    @property
    def pid(self) -> None:
        """It is no process of this machine."""
        return

    @property
    def lead_s(self) -> float:
        """Longest time that a message takes to arrive: more than the slowest round trip."""
        return _LOCAL_LEAD_S + 2 * self.offset.slowest_s

    @property
    def is_open(self) -> bool:
        """Whether it can still get a job."""
        return self._end is None

    async def open(self) -> None:
        """Agree on keys with the agent, and compare the clocks.

        Raises:
            MeasurementError: The agent ended, or does not answer.
        """
        self._tasks.append(asyncio.create_task(self._feed()))
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                self._sealer, opener = await agree(self._received, self.comm.write, is_run=True)
                _, content, count = await opener.read(self._received)
            self.hello = load(content)
            self._tasks.append(asyncio.create_task(self._read(opener)))
            self._tasks.append(asyncio.create_task(self._write()))
            self._post(Acknowledge(count))
            self.offset = await self.compare_clock()
        except (TimeoutError, OSError, EOFError) as error:
            hint = f"read the log of the Dask worker on {self.card['host']}"
            raise MeasurementError(f"{self.name} did not start", hint) from error

    async def prepare(self) -> None:
        """Compare its clock with that of this machine."""
        self.machine_cpu_pct.clear()
        with suppress(EOFError):  # the job reports the loss
            self.offset = await self.compare_clock()

    async def compare_clock(self) -> ClockOffset:
        """Return its clock, from several round trips.

        Raises:
            EOFError: It ended, or did not answer in time.
        """
        readings: list[ClockReading] = []
        for _ in range(_READINGS):
            asked_s = time.monotonic()
            answer, answered_s = await self._ask(AskTime(), Time)
            readings.append(ClockReading(asked_s, answer.at_s, answered_s))
        return estimate_offset(readings)

    async def start_reference(self) -> str | None:
        """Start the reference server on its machine with the first call; return the address there.

        Returns:
            None if the load generator ended, which its next job reports.

        Raises:
            MeasurementError: The server did not start.
        """
        try:
            answer, _ = await self._ask(StartReference(), ReferenceStarted)
        except EOFError:
            return None
        if not answer.url:
            raise MeasurementError(f"{self.name} cannot start the reference server: {answer.error}")
        return answer.url

    async def read_machine(self, urls: Sequence[str]) -> GeneratorMachine | None:
        """Return its machine with the limits of now.

        Returns:
            None if the load generator ended, which its next job reports.
        """
        try:
            answer, _ = await self._ask(ReadLimits(tuple(urls)), LimitsRead)
        except EOFError:
            return None
        return GeneratorMachine(self._place, self.card["network"], answer.machine_limits)

    async def read_host(self) -> Host:
        """Return the quietness of its machine since its start.

        Raises:
            EOFError: It ended, or did not answer in time.
        """
        answer, _ = await self._ask(ReadHost(), HostRead)
        return answer.host

    def send(self, message: object) -> None:
        """Send a message; a time becomes one of its clock, and a file of certificates goes with a job."""
        match message:
            case Start(at_s=at_s):
                message = Start(self.offset.to_other(at_s))
            case Job(route=route) as job if route.ca is not None:
                self._post(WriteFile(_CA_FILE, route.ca.read_bytes()))
                message = replace(job, route=replace(route, ca=Path(self.hello.folder) / _CA_FILE))
        self._post(PassOn(dump(message)))

    async def receive(self) -> Any:
        """Return the next message.

        Raises:
            EOFError: The load generator ended, or the connection did.
        """
        entry = await self._messages.get()
        if entry is None:
            self._messages.put_nowait(None)  # for the next call
            raise EOFError(self._error)
        message, count = entry
        self._post(Acknowledge(count))
        if isinstance(message, PassOn):
            message = load(message.content)
        return self._convert(message)

    def kill(self) -> None:
        """End it at once. If its machine does not answer, close the connection soon."""
        self._post(Kill())
        asyncio.get_running_loop().call_later(_KILL_TIMEOUT_S, self.comm.abort)

    async def read_end(self) -> GeneratorEnd:
        """Return its end."""
        assert self._end is not None  # noqa: S101 - `receive` has raised EOFError
        return self._end

    async def stop(self) -> None:
        """End the agent and the load generator, and wait until the Dask worker can open another one."""
        self._outgoing.put_nowait(b"")
        feeding = self._tasks[:1]
        if feeding:
            await asyncio.wait(feeding, timeout=_STOP_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.comm.abort()

    def _convert(self, message: object) -> object:
        """Return a message with the times of this machine's clock."""
        shift = self.offset.from_other
        match message:
            case Alive(pause=pause, long_turns=turns) as alive:
                at = None if pause is None else Stall(shift(pause.at_s), pause.length_s)
                turns = [Stall(shift(turn.at_s), turn.length_s) for turn in turns]
                return replace(alive, pause=at, long_turns=turns)
            case Finished(at_s=at_s) as finished:
                return replace(finished, at_s=shift(at_s))
            case Usage(at_s=at_s) as usage:
                if usage.machine is not None:
                    self.machine_cpu_pct.append(usage.machine.cpu_pct)
                return replace(usage, at_s=shift(at_s))
        return message

    async def _ask(self, question: object, kind: type[Answer]) -> tuple[Answer, float]:
        """Send a question; return its answer and the time of its arrival.

        Raises:
            EOFError: It ended, or did not answer in time.
        """
        if self._end is not None:
            raise EOFError(self._error)
        waiter: asyncio.Future[tuple[Answer, float]] = asyncio.get_running_loop().create_future()
        self._answers[kind] = waiter
        self._post(question)
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                return await waiter
        except TimeoutError as error:
            self.kill()
            raise EOFError(f"no answer for {_ANSWER_TIMEOUT_S:.0f} s") from error

    def _post(self, message: object) -> None:
        """Send a message to the agent, after those before it. It has no effect after its end."""
        if self._end is None:
            self._outgoing.put_nowait(self._sealer.seal(Lane.QUEUED, dump(message)))

    async def _feed(self) -> None:
        """Move the bytes of the connection into the reader until it ends."""
        try:
            while True:
                self._received.feed_data(await self.comm.read())
        except OSError:
            self._error = "its Dask worker ended, or its machine is out of reach"
        finally:
            self._received.feed_eof()

    async def _write(self) -> None:
        """Write frames one after the other."""
        with suppress(OSError):  # the reader notices it, too
            while True:
                await self.comm.write(await self._outgoing.get())

    async def _read(self, opener: Opener) -> None:
        """Read messages until the load generator or the connection ends."""
        try:
            while True:
                lane, content, count = await opener.read(self._received)
                self._take(load(content), lane, count, time.monotonic())
                if self._end is not None:
                    break
        except EOFError as error:
            self._error = str(error) or self._error
            self._end = GeneratorEnd(None, detail=self._error)
        for waiter in self._answers.values():
            if not waiter.done():
                waiter.set_exception(EOFError(self._error))
        self._messages.put_nowait(None)

    def _take(self, message: object, lane: Lane, count: int, at_s: float) -> None:
        match message:
            case Ended(code=code, is_out_of_memory=is_out_of_memory, detail=detail):
                self._end = GeneratorEnd(code, is_out_of_memory, detail)
            case Time() | ReferenceStarted() | LimitsRead() | HostRead():
                waiter = self._answers.pop(type(message), None)
                if waiter is not None and not waiter.done():
                    waiter.set_result((message, at_s))
                if lane is Lane.QUEUED:
                    self._post(Acknowledge(count))
            case _:
                self._messages.put_nowait((message, count))
