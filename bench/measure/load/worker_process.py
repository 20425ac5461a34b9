"""The process of a load generator, as the run sees it: its pipes are streams of messages."""

import asyncio
import subprocess
from dataclasses import dataclass

from bench.measure.load.spawn import take_process

_STOP_TIMEOUT_S = 5.0
_BUFFER_BYTES = 1024 * 1024


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """A load generator."""

    process: subprocess.Popen[bytes]
    """The process."""
    stdin: asyncio.StreamWriter
    """Sends messages to it."""
    stdout: asyncio.StreamReader
    """Receives its messages."""
    output: asyncio.BaseTransport
    """The pipe of its messages."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    async def wait(self) -> int:
        """Wait for its end, and return its exit code, or minus the number of the signal that ended it."""
        return await asyncio.to_thread(self.process.wait)

    async def stop(self) -> None:
        """Close its stdin, which ends it; kill it if it does not end in time."""
        self.stdin.close()
        try:
            await asyncio.wait_for(self.wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            self.kill()
            await self.wait()
        self.output.close()


async def open_worker() -> WorkerProcess:
    """Return a load generator: the one that was started early, or a new one.

    Raises:
        OSError: The system cannot start a process.
    """
    process = take_process()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_BUFFER_BYTES)
    output, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), process.stdin
    )
    return WorkerProcess(process, asyncio.StreamWriter(transport, protocol, None, loop), reader, output)
