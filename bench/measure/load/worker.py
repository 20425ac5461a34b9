"""A load generator: `python -m bench.measure.load.worker` is a process that only sends requests.

The process of the run (`workers.py`) watches the stack and prints progress, which would delay requests here.
It sends the messages of `messages.py` to this process over stdin and receives the samples from its stdout.
"""

import asyncio
import gc
import os
import select
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from bench.core.load.graceful_stop import graceful_stop
from bench.core.load.plan import plan
from bench.core.load.retry_budget import RetryBudget
from bench.core.load.signs_of_life import PULSE_S, Pulse
from bench.core.samples.request import RequestSample
from bench.core.samples.samples import SampleLog
from bench.core.samples.token_times import TokenLog
from bench.measure.http.connection import Connection
from bench.measure.http.route import HttpImplementation, Route
from bench.measure.http.wire import Address
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint, check_url
from bench.measure.load.engine import Engine
from bench.measure.load.journey_engine import JourneyEngine
from bench.measure.load.journey_users import JourneyUsers, make_setups
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
from bench.measure.load.new_client import new_client
from bench.measure.load.pipes import open_pipes
from bench.measure.load.request_client import Exchanger
from bench.measure.load.retry_room import RetryRoom
from bench.measure.load.shared import Shared
from bench.measure.load.virtual_user import VirtualUser
from bench.measure.machine.limits import raise_open_file_limit
from bench.timing.pacing import Pacer, event_loop, pacer, real_s

_FLUSH_S = 0.25
_END_TIMEOUT_S = 5.0


class RunningJob:
    """A job in progress."""

    def __init__(self, job: Job, writer: asyncio.StreamWriter, clock: Pacer) -> None:
        self._job = job
        self._tokens = list(job.tokens)
        self._writer = writer
        self._clock = clock
        self._rows: list[RequestSample] = []
        self._token_log = TokenLog()
        self._reported_in_flight = 0
        self._starts: asyncio.Queue[float] = asyncio.Queue()
        self._clients: dict[int, list[ChatClient]] = {}
        self._pulse: Pulse | None = None
        spec = job.spec
        self._endpoints = [
            Endpoint.of(spec, url, os.environ, target, job.share)
            for url, target in zip(job.base_urls, spec.targets, strict=True)
        ]
        self._connections: list[Exchanger] = []
        room = RetryRoom(RetryBudget(), spec.scenario.seed, clock)
        self._shared = Shared(trace_prefix=job.trace_prefix, retry_room=room)
        self._addresses = [check_url(url, job.route.context) for url in job.base_urls]
        self._service_addresses: dict[str, Address] = {}
        share = plan(spec).model_copy(update={"share": job.share})
        self._users: JourneyUsers | None = None
        self._engine: Engine | JourneyEngine
        if share.parts:
            setups = make_setups(spec, share, job.services, job.route, os.environ)
            self._users = JourneyUsers(setups, self._connect_to, job.tokens, self._shared)
            self._engine = JourneyEngine(share, self._users.open, self._on_sample, clock, self._graceful_stop)
        else:
            self._engine = Engine(share, self._open_vu, self._on_sample, clock, self._graceful_stop)

    def start(self, at_s: float) -> None:
        """Start the next phase at this time."""
        self._starts.put_nowait(at_s)

    def end_phase(self) -> None:
        """End the phase as if its time were over."""
        self._engine.end_phase()

    def renew(self, tokens: Mapping[int, str]) -> None:
        """Replace tokens by their number, also those of open VUs."""
        if self._users is not None:
            self._users.renew(tokens)
        for number, token in tokens.items():
            self._tokens[number] = token
            for client in self._clients.get(number, []):
                client.renew(token)

    async def run(self) -> None:
        """Send the load and all samples. If it is cancelled, the samples are sent all the same."""
        tasks = [asyncio.create_task(self._keep_flushing()), asyncio.create_task(self._keep_alive())]
        try:
            await self._engine.open()
            gc.collect()
            gc.freeze()  # a later collection skips the objects of now, which would delay requests
            await self._engine.run(self._begin)
        finally:
            for task in tasks:
                task.cancel()
            self._show_life()
            finished_s = self._clock.now_s()
            self._shared.deadlines.stop()
            gc.unfreeze()
            await self._engine.close()
            self._flush()
            send(self._writer, Finished(finished_s, self._http_versions()))

    async def _begin(self, phase: int) -> float:
        send(self._writer, WaitingForPhase(phase))
        start_s = await self._starts.get()
        if self._pulse is None:  # opening many connections may take long, and delays no request
            self._pulse = Pulse(self._clock.now_s(), real_s())
        return start_s

    def _graceful_stop(self, slowest_s: float) -> float:
        scenario = self._job.spec.scenario
        return graceful_stop(scenario.graceful_stop_s, slowest_s, scenario.request_timeout_s)

    def _open_vu(self, number: int, arm: int) -> VirtualUser:
        endpoint = self._endpoints[arm]
        has_token = bool(self._tokens) and endpoint.target.auth == "bearer"
        token_number = number % len(self._tokens) if has_token else 0
        token = self._tokens[token_number] if has_token else None
        connect = partial(self._new_connection, arm)
        client = new_client(endpoint, token, connect, self._addresses[arm], self._shared)
        if has_token:
            self._clients.setdefault(token_number, []).append(client)
        retry = self._job.spec.scenario.retry
        if retry is None:
            return client
        from bench.measure.load.retrying_vu import RetryingVu  # noqa: PLC0415 - few loads need it

        return RetryingVu(client, retry, self._shared.retry_room)

    def _new_connection(self, arm: int) -> Exchanger:
        return self._connect(self._job.base_urls[arm], self._addresses[arm])

    def _connect_to(self, service: str) -> Exchanger:
        url = self._job.services[service]
        address = self._service_addresses.get(service)
        if address is None:
            address = self._service_addresses[service] = check_url(url, self._job.route.context)
        return self._connect(url, address)

    def _connect(self, url: str, address: Address) -> Exchanger:
        route = self._job.route
        connection: Exchanger
        if route.transport is HttpImplementation.HTTPX:
            connection = _httpx_connection(url, route)
        else:
            connection = Connection(address, turn=self._shared.turn)
        self._connections.append(connection)
        return connection

    def _http_versions(self) -> frozenset[str]:
        return frozenset(connection.reply.version for connection in self._connections) - {""}

    def _on_sample(self, sample: RequestSample, token_times_s: Sequence[float]) -> None:
        self._rows.append(sample)
        if token_times_s:
            self._token_log.add(sample, token_times_s)

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            self._flush()
            await self._writer.drain()

    async def _keep_alive(self) -> None:
        while True:
            self._show_life()
            await asyncio.sleep(PULSE_S)

    def _show_life(self) -> None:
        """Send a sign of life, with the pause before it if there was one."""
        pause = None if self._pulse is None else self._pulse.beat(self._clock.now_s(), real_s())
        deadlines = self._shared.deadlines
        send(self._writer, Alive(pause, deadlines.longest_turn_s, deadlines.take_long_turns()))

    def _flush(self) -> None:
        """Send the data since the previous batch, if there is any."""
        in_flight = self._engine.in_flight
        if self._rows or in_flight != self._reported_in_flight:
            log = SampleLog()
            log.add_rows(self._rows)
            self._rows.clear()
            token_times = self._token_log.take()
            waits_s = self._engine.list_waits() if self._job.reports_waits else ()
            send(self._writer, Batch(log, token_times, in_flight, waits_s, self._shared.remarks.take()))
            self._reported_in_flight = in_flight


def _httpx_connection(url: str, route: Route) -> Exchanger:
    """Return a connection of httpx, which most load generators do not import."""
    from bench.measure.http.httpx_connection import HttpxConnection  # noqa: PLC0415 - see above

    return HttpxConnection(url, route)


async def serve() -> None:
    """Run one job after the other until stdin ends."""
    loop = asyncio.get_running_loop()
    reader, writer = await open_pipes(loop)
    clock = pacer()
    # An error in the load ends this process; its parent reports that, and stderr shows the traceback.
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(0))
        job: RunningJob | None = None
        with suppress(EOFError):
            while True:
                match await receive(reader):
                    case Job() as description:
                        os.environ.update(description.variables)
                        job = RunningJob(description, writer, clock)
                        task = group.create_task(job.run())
                        await asyncio.sleep(0)  # a job that has not begun would be cancelled without a report
                    case Start(at_s=at_s) if job is not None:
                        job.start(at_s)
                    case Renew(tokens=tokens) if job is not None:
                        job.renew(tokens)
                    case EndPhase() if job is not None:
                        job.end_phase()
                    case Cancel():
                        task.cancel()
        task.cancel()
    clock.close()


def _end_with_run() -> None:
    """End this process soon after its run, also if a turn blocks the loop and the run was killed."""
    hang_up = select.poll()
    hang_up.register(sys.stdin.fileno(), 0)
    hang_up.poll()
    time.sleep(_END_TIMEOUT_S)
    os._exit(1)


if __name__ == "__main__":
    raise_open_file_limit()
    threading.Thread(target=_end_with_run, daemon=True).start()
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(serve())
