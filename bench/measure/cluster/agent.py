"""An agent: `python -m bench.measure.cluster.agent` runs a load generator on another machine.

It has the connection to the run as its stdin and stdout, and the pipes of the load generator. It answers
questions about the clock at once, keeps samples that the run has not taken yet, and reads the use of
resources, so that the load generator only sends requests.
"""

import asyncio
import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from bench.core.samples.sample import ResourceSample
from bench.core.watch.host import host_of
from bench.errors import BenchError
from bench.measure.calibration.reference import Reference, open_reference
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
from bench.measure.cluster.outbox import FullOutboxError, Outbox
from bench.measure.cluster.sealed_frames import Lane, Opener, Sealer, agree
from bench.measure.load.messages import Usage, dump, load, receive_content, send_content
from bench.measure.load.pipes import open_pipes
from bench.measure.load.worker_process import WorkerProcess, open_worker
from bench.measure.machine.host import read_counters, read_machine
from bench.measure.machine.limits import read_limits
from bench.measure.watch.resources import HostReader, ResourceSampler
from bench.owners.temporary import temporary_folder
from bench.timing.pacing import event_loop

_USAGE_S = 0.5
# File of the lines that the load generator prints, in the folder of the agent.
_ERRORS = "errors.txt"


class Agent:
    """The agent of a load generator.

    Args:
        generator: The load generator.
        sealer: Encrypts messages to the run.
        writer: Sends them.
        folder: Folder for files of the run.
    """

    def __init__(
        self,
        generator: WorkerProcess,
        sealer: Sealer,
        writer: asyncio.StreamWriter,
        folder: Path,
    ) -> None:
        self._generator = generator
        self._sealer = sealer
        self._writer = writer
        self._folder = folder
        self._outbox = Outbox(writer.write)
        self._machine = read_machine()
        self._counters = read_counters()

    async def run(self, opener: Opener, reader: asyncio.StreamReader) -> None:
        """Work until the run closes the connection."""
        self._put(Hello(self._machine, str(self._folder)))
        with ExitStack() as closing:
            reference = closing.enter_context(open_reference((), precedes_load=True))
            tasks = [
                asyncio.create_task(self._pass_out()),
                asyncio.create_task(self._report_usage()),
                asyncio.create_task(self._obey(opener, reader, reference)),
            ]
            try:
                done, _ = await asyncio.wait(tasks[1:], return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                self._outbox.close()
                await self._generator.stop()

    async def _obey(self, opener: Opener, reader: asyncio.StreamReader, reference: Reference) -> None:
        """Do what the run asks for, until it closes the connection."""
        with suppress(EOFError):
            while True:
                _, content, _ = await opener.read(reader)
                message = load(content)
                if isinstance(message, AskTime):
                    self._writer.write(self._sealer.seal(Lane.URGENT, dump(Time(time.monotonic()))))
                elif isinstance(message, StartReference):
                    self._put(await asyncio.to_thread(_start_reference, reference))
                elif isinstance(message, ReadLimits):  # it may wait for a name server
                    self._put(LimitsRead(await asyncio.to_thread(read_limits, message.urls)))
                else:
                    self._obey_at_once(message)

    def _obey_at_once(self, message: object) -> None:
        match message:
            case Acknowledge(count=count):
                self._outbox.acknowledge(count)
            case PassOn(content=content):
                self._pass_in(content)
            case WriteFile(name=name, content=content):
                (self._folder / Path(name).name).write_bytes(content)
            case ReadHost():
                self._put(HostRead(host_of(self._machine, self._counters, read_counters())))
            case Kill():
                self._generator.kill()

    def _pass_in(self, content: bytes) -> None:
        """Pass a message of the run on; a load generator that ended needs none."""
        if not self._generator.stdin.is_closing():
            send_content(self._generator.stdin, content)

    async def _pass_out(self) -> None:
        """Pass the messages of the load generator on to the run, then report its end."""
        with suppress(EOFError):
            while True:
                self._put(PassOn(await receive_content(self._generator.stdout)))
        end = await self._generator.read_end()
        self._put(Ended(end.code or 0, end.is_out_of_memory, _read_last_line(self._folder / _ERRORS)))

    async def _report_usage(self) -> None:
        """Read the resources of the load generator and of the machine at regular times."""
        sampler = ResourceSampler({}, [self._generator.pid])
        host = HostReader()
        while True:
            at_s = time.monotonic()
            generators = sampler.sample(at_s)
            machines = host.sample(at_s)
            if generators or machines:
                self._put(Usage(at_s, _first(generators), _first(machines)))
            await asyncio.sleep(_USAGE_S)

    def _put(self, message: object) -> None:
        """Send a message as soon as the run has room; without any room left, end this process."""
        try:
            self._outbox.put(self._sealer.seal(Lane.QUEUED, dump(message)))
        except (FullOutboxError, OSError) as error:
            sys.stderr.write(f"load generator: {error}\n")
            self._generator.kill()
            os._exit(1)


def _first(samples: list[ResourceSample]) -> ResourceSample | None:
    return samples[0] if samples else None


def _start_reference(reference: Reference) -> ReferenceStarted:
    try:
        return ReferenceStarted(reference.start())
    except (BenchError, OSError) as error:
        return ReferenceStarted("", str(error))


def _read_last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


async def serve() -> None:
    """Run a load generator for one run."""
    reader, writer = await open_pipes(asyncio.get_running_loop())

    async def write(content: bytes) -> None:
        writer.write(content)

    with suppress(EOFError), temporary_folder("agent") as folder:
        sealer, opener = await agree(reader, write, is_run=False)
        with (folder / _ERRORS).open("wb") as errors:
            generator = await open_worker(read_counters().oom_kills, errors)
        await Agent(generator, sealer, writer, folder).run(opener, reader)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(serve())
