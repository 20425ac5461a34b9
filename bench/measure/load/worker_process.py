"""The process of a load generator on this machine, as the run sees it: its pipes are streams of messages."""

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from bench.core.load.signs_of_life import A_GENERATOR
from bench.measure.load.generator import GeneratorEnd
from bench.measure.load.messages import receive, send
from bench.measure.load.spawn import take_process
from bench.measure.machine.host import read_counters

_STOP_TIMEOUT_S = 5.0
_BUFFER_BYTES = 1024 * 1024
# Longest time that a message in a pipe takes.
_LEAD_S = 0.02


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """A load generator on this machine."""

    process: subprocess.Popen[bytes]
    """The process."""
    stdin: asyncio.StreamWriter
    """Sends messages to it."""
    stdout: asyncio.StreamReader
    """Receives its messages."""
    output: asyncio.BaseTransport
    """The pipe of its messages."""
    oom_kills: int | None = None
    """Number of processes of this machine that were ended before it started, because memory ran out."""

    @property
    def name(self) -> str:
        """A name for messages to people."""
        return A_GENERATOR

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def lead_s(self) -> float:
        """Longest time that a message takes to arrive."""
        return _LEAD_S

    @property
    def is_open(self) -> bool:
        """Whether it can still get a job. A process that ended is an error of the job."""
        return True

    async def prepare(self) -> None:
        """Do nothing: all processes of a machine share its clock."""

    async def start_reference(self) -> None:
        """Do nothing: the run has a reference server on this machine."""

    async def read_machine(self, urls: Sequence[str]) -> None:
        """Do nothing: the limits of this machine are checked before the stack starts."""

    def send(self, message: object) -> None:
        """Send a message."""
        if not self.stdin.is_closing():
            send(self.stdin, message)

    async def receive(self) -> Any:
        """Return the next message.

        Raises:
            EOFError: The process ended.
        """
        return await receive(self.stdout)

    def kill(self) -> None:
        """End it at once. Its pipe keeps the messages that it sent."""
        self.process.kill()

    async def read_end(self) -> GeneratorEnd:
        """Wait for its end, and describe it."""
        code = await self._wait()
        oom_kills = read_counters().oom_kills
        is_out_of_memory = None not in {oom_kills, self.oom_kills} and oom_kills != self.oom_kills
        return GeneratorEnd(code, is_out_of_memory)

    async def stop(self) -> None:
        """Close its stdin, which ends it; kill it if it does not end in time."""
        self.stdin.close()
        try:
            await asyncio.wait_for(self._wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            self.kill()
            await self._wait()
        self.output.close()

    async def _wait(self) -> int:
        return await asyncio.to_thread(self.process.wait)


async def open_worker(oom_kills: int | None, errors: IO[bytes] | None = None) -> WorkerProcess:
    """Return a load generator: the one that was started early, or a new one.

    Args:
        oom_kills: Number of processes of this machine that were ended so far, because memory ran out.
        errors: Gets the lines that it prints; `None` for stderr of this process.

    Raises:
        OSError: The system cannot start a process.
    """
    process = take_process(errors)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_BUFFER_BYTES)
    output, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), process.stdin
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    return WorkerProcess(process, writer, reader, output, oom_kills)
