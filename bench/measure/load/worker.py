"""`python -m bench.measure.load.worker`: a process that gives load, and nothing else.

What watches a run reads processes and draws; that would make requests late, so it is another process
(`workers.py`), which tells this one over stdin what to do and when, and gets the requests from its stdout.
"""

import asyncio
import gc
import os
import sys
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import sub

import numpy as np

from bench.core.load.plan import plan
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import SampleLog
from bench.core.values.histogram import Histogram
from bench.core.values.units import ms
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.engine import Engine
from bench.measure.load.messages import (
    Batch,
    Finished,
    Job,
    Renew,
    Start,
    TakeBack,
    TransportChoice,
    WaitingForPhase,
    receive,
    send,
)
from bench.measure.machine.pacing import Pacer, event_loop, pacer

_FLUSH_S = 0.25


class _Shift:
    """A job under way."""

    def __init__(self, job: Job, writer: asyncio.StreamWriter, clock: Pacer) -> None:
        self._job = job
        self._tokens = list(job.tokens)
        self._writer = writer
        self._clock = clock
        self._log = SampleLog()
        self._gaps: dict[int, array[float]] = {}
        self._said_in_flight = 0
        self._starts: asyncio.Queue[float] = asyncio.Queue()
        self._clients: dict[int, list[ChatClient]] = {}
        spec = job.spec
        self._endpoints = [
            Endpoint.of(spec, url, os.environ, target, job.share)
            for url, target in zip(job.base_urls, spec.targets, strict=True)
        ]
        load = plan(spec).model_copy(update={"share": job.share})
        self._engine = Engine(load, self._open_vu, self._take, clock, spec.scenario.graceful_stop_s)

    def start(self, at_s: float) -> None:
        self._starts.put_nowait(at_s)

    def renew(self, tokens: Mapping[int, str]) -> None:
        for number, token in tokens.items():
            self._tokens[number] = token
            for client in self._clients.get(number, []):
                client.renew(token)

    async def work(self) -> None:
        """Give the load. Cancelling it takes back what is under way; the samples are sent all the same."""
        flushing = asyncio.create_task(self._keep_flushing())
        try:
            await self._engine.open()
            gc.collect()
            gc.freeze()  # what is there now stays; collecting it again would only make requests late
            await self._engine.run(self._begin)
        finally:
            flushing.cancel()
            finished_s = self._clock.now_s()
            gc.unfreeze()
            await self._engine.close()
            self._flush()
            send(self._writer, Finished(finished_s))

    async def _begin(self, phase: int) -> float:
        send(self._writer, WaitingForPhase(phase))
        return await self._starts.get()

    def _open_vu(self, number: int, arm: int) -> ChatClient:
        endpoint = self._endpoints[arm]
        other = None
        if self._job.transport is TransportChoice.HTTPX:
            other = HttpxConnection(self._job.base_urls[arm])
        if not self._tokens or endpoint.target.auth != "bearer":
            return ChatClient(endpoint, None, other)
        number %= len(self._tokens)
        client = ChatClient(endpoint, self._tokens[number], other)
        self._clients.setdefault(number, []).append(client)
        return client

    def _take(self, sample: RequestSample, token_times_s: Sequence[float]) -> None:
        self._log.append(sample)
        if sample.outcome is Outcome.OK and sample.arm == 0 and len(token_times_s) > 1:
            gaps = self._gaps.setdefault(sample.phase, array("d"))
            gaps.extend(map(sub, token_times_s[1:], token_times_s[:-1]))

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            self._flush()
            await self._writer.drain()

    def _flush(self) -> None:
        in_flight = self._engine.in_flight
        if len(self._log) or in_flight != self._said_in_flight:
            token_gaps = {phase: _counted(gaps_s) for phase, gaps_s in self._gaps.items()}
            send(self._writer, Batch(self._log, token_gaps, in_flight))
            self._log, self._gaps, self._said_in_flight = SampleLog(), {}, in_flight


def _counted(gaps_s: "array[float]") -> Histogram:
    histogram = Histogram()
    histogram.add(ms(np.array(gaps_s)))
    return histogram


async def serve() -> None:
    """Do one job after the other until stdin ends."""
    loop = asyncio.get_running_loop()
    reader, writer = await _pipes(loop)
    clock = pacer()
    # A fault in the load ends the process: the watcher sees that, and its user the traceback.
    async with asyncio.TaskGroup() as group:
        work = group.create_task(asyncio.sleep(0))
        shift: _Shift | None = None
        with suppress(EOFError):
            while True:
                match await receive(reader):
                    case Job() as job:
                        shift = _Shift(job, writer, clock)
                        work = group.create_task(shift.work())
                    case Start(at_s=at_s) if shift is not None:
                        shift.start(at_s)
                    case Renew(tokens=tokens) if shift is not None:
                        shift.renew(tokens)
                    case TakeBack():
                        work.cancel()
        work.cancel()
    clock.close()


async def _pipes(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Stdin and stdout, which from now on is only for values: whatever prints does so on stderr."""
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    values = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), values
    )
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


def _open_as_many_as_may_be() -> None:
    """A connection is a file, and many systems allow a process a thousand unless it asks for more."""
    try:
        import resource  # noqa: PLC0415 - not on every platform
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    _open_as_many_as_may_be()
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(serve())
