"""The part of `bench` inside a Dask worker: it starts an agent and passes bytes on, and never reads them.

The agent is a process of its own, so that neither the event loop nor the tasks of the Dask worker delay a
request, and the load delays no task of others.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import TYPE_CHECKING

from bench.measure.cluster.comm import Comm
from bench.measure.cluster.versions import MachineCard, read_card

if TYPE_CHECKING:
    from distributed import Worker
    from distributed.core import Status

OPERATION = "bench_load_generator"
"""Name of the operation of a Dask worker that opens a load generator."""
REFUSED = "refused"
"""Key of the answer if the worker already generates load."""
_AGENT = "bench.measure.cluster.agent"
_CHUNK_BYTES = 64 * 1024
_STOP_TIMEOUT_S = 10.0


class GeneratorPort:
    """Opens a load generator on the machine of a Dask worker, one at a time."""

    def __init__(self) -> None:
        self.run = ""
        """The run for which it generates load now; empty if there is none."""

    async def serve(self, comm: Comm, run: str) -> "Status":
        """Start an agent, and pass bytes on until it ends or the connection does.

        Args:
            comm: The connection of a run.
            run: Id of the run.
        """
        from distributed.core import Status  # noqa: PLC0415 - only a Dask worker has it

        if self.run:
            await comm.write({REFUSED: self.run})
            return Status.dont_reply
        self.run = run
        try:
            await _serve(comm)
        finally:
            self.run = ""
            await comm.close()  # the run can open the next one as soon as it sees this
        return Status.dont_reply


async def greet(dask_worker: "Worker") -> MachineCard:
    """Let a Dask worker open load generators, and return the card of its machine.

    Args:
        dask_worker: The worker, which Dask adds because of the name.
    """
    serve = dask_worker.handlers.get(OPERATION)
    port = getattr(serve, "__self__", None)
    if not isinstance(port, GeneratorPort):
        port = GeneratorPort()
        dask_worker.handlers[OPERATION] = port.serve
    return await asyncio.to_thread(read_card, port.run)


async def _serve(comm: Comm) -> None:
    agent = await asyncio.create_subprocess_exec(sys.executable, "-m", _AGENT, stdin=PIPE, stdout=PIPE)
    passing = [asyncio.create_task(_pass_in(comm, agent)), asyncio.create_task(_pass_out(agent, comm))]
    try:
        await comm.write({})
        await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in passing:
            task.cancel()
        await _stop(agent)


async def _pass_in(comm: Comm, agent: Process) -> None:
    """Pass the bytes of the run on to the agent, until one of both ends."""
    assert agent.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(OSError):  # the run ended
        while content := await comm.read():  # the last one is empty
            agent.stdin.write(content)
            await agent.stdin.drain()


async def _pass_out(agent: Process, comm: Comm) -> None:
    """Pass the bytes of the agent on to the run, until one of both ends."""
    assert agent.stdout is not None  # noqa: S101 - it is a pipe
    with suppress(OSError):  # the run ended
        while content := await agent.stdout.read(_CHUNK_BYTES):
            await comm.write(content)


async def _stop(agent: Process) -> None:
    """Close the stdin of an agent, which ends it; kill it if it does not end in time."""
    assert agent.stdin is not None  # noqa: S101 - it is a pipe
    agent.stdin.close()
    try:
        await asyncio.wait_for(agent.wait(), _STOP_TIMEOUT_S)
    except TimeoutError:
        agent.kill()
        await agent.wait()
