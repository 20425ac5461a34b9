import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.load.arrival import Arrival
from bench.core.samples.sample import Outcome
from bench.measure.calibration.calibrate import REFERENCE_TARGET, calibrate, trial_load
from bench.measure.calibration.reference_server import FIRST_S, GAP_S, TOKENS
from bench.measure.http.connection import Address, Connection, Reply, WireError, WireFault, request_bytes
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.workers import start_workers
from tests.eventually import eventually
from tests.factories import make_scenario
from tests.measure.sending import send

ANY = Arrival(phase=0, vu=0, iteration=0, prompt="any")
CHAT = request_bytes("POST", "/chat", "test", {"content-type": "application/json"}, b'{"message":"Hello"}')
READY = request_bytes("GET", "/ready", "test", {})
TOKEN = b'data: {"text":"a "}\n\n'
_PATIENCE_S = 60


@dataclass(frozen=True)
class Server:
    """The server in its own process."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    @property
    def url(self) -> str:
        """The server's URL."""
        return str(self.said["url"])

    def connect(self) -> socket.socket:
        """Open a connection on which a test writes each byte itself."""
        address = Address.of(self.url)
        return socket.create_connection((address.host, address.port), timeout=_PATIENCE_S)

    def connections(self) -> int:
        """Number of the server's open connections."""
        found = psutil.Process(self.process.pid).net_connections("tcp")
        return len([connection for connection in found if connection.status != psutil.CONN_LISTEN])


@contextmanager
def start_server() -> Iterator[Server]:
    """Start a server, and check that it ends without errors on SIGTERM."""
    command = [sys.executable, "-m", "bench.measure.calibration.reference_server"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(process, json.loads(process.stdout.readline()))
            process.terminate()
            out, err = process.communicate(timeout=_PATIENCE_S)
        finally:
            process.kill()
        assert (process.returncode, out, err) == (0, "", "")


def client(url: str) -> ChatClient:
    """Return a VU of the server."""
    scenario = make_scenario()
    spec = RunSpec(scenario=scenario, target=REFERENCE_TARGET, prompts=(Prompt(id="any", text="x"),))
    return ChatClient(Endpoint.of(spec, url, {}), None)


def request(server: Server, *requests: bytes) -> list[Reply]:
    """Return the replies to requests on one connection."""

    async def work() -> list[Reply]:
        connection = Connection(Address.of(server.url))
        try:
            return [await connection.exchange(request) for request in requests]
        finally:
            connection.close()

    return asyncio.run(work())


def times_of(answer: bytes) -> tuple[float, float]:
    """Return the reported times of a response, after a check that it is complete."""
    stream, _, done = answer.partition(b"event: done\ndata: ")
    assert stream == TOKEN * TOKENS
    said = json.loads(done)
    assert said == {"tokens": TOKENS, "first_ms": said["first_ms"], "total_ms": said["total_ms"]}
    assert said["first_ms"] >= FIRST_S * 1000
    assert said["total_ms"] >= (FIRST_S + (TOKENS - 1) * GAP_S) * 1000
    return said["first_ms"], said["total_ms"]


def read_to_the_end(connection: socket.socket) -> bytes:
    """Return all bytes until the server closes or resets the connection."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_it_announces_itself_as_services_do() -> None:
    """One line of JSON has its role, its URL and its process id."""
    with start_server() as server:
        assert server.said == {
            "event": "listening",
            "role": "reference",
            "url": server.url,
            "pid": server.process.pid,
        }
        assert Address.of(server.url).host == "127.0.0.1"


def test_one_connection_serves_several_requests() -> None:
    """`/ready` and `/chat` work again and again on one connection."""
    with start_server() as server:
        ready, *chats, again = request(server, READY, CHAT, CHAT, READY)
    for reply in (ready, again):
        assert (reply.status, reply.header("content-type")) == (200, "application/json")
        assert json.loads(reply.body) == {"ready": True}
    for reply in chats:
        assert (reply.status, reply.header("content-type")) == (200, "text/event-stream")
        times_of(reply.body)
    assert [reply.connect_s is None for reply in (ready, *chats, again)] == [False, True, True, True]


def test_it_reports_its_real_times() -> None:
    """A reported time is at least the planned one, and at most the one that its client measured."""

    async def work(url: str) -> None:
        user = client(url)
        await user.open()
        for _ in range(2):
            asked_s = time.monotonic()
            answer = await send(user, ANY)
            assert answer.outcome is Outcome.OK
            assert answer.first_token_s is not None
            assert answer.tier_times["first"] >= FIRST_S * 1000
            assert answer.tier_times["total"] >= (FIRST_S + (TOKENS - 1) * GAP_S) * 1000
            # The report has microseconds.
            assert answer.tier_times["first"] <= (answer.first_token_s - asked_s) * 1000 + 0.001
            assert answer.tier_times["total"] <= (answer.finished_s - asked_s) * 1000 + 0.001
            assert answer.tokens == TOKENS
        await user.close()

    with start_server() as server:
        asyncio.run(work(server.url))


def test_the_time_counts_from_the_last_byte_of_the_request() -> None:
    """A request in pieces is answered, and its time starts, only when it is complete."""
    with start_server() as server, server.connect() as slow:
        slow.sendall(CHAT[:7])  # in the midst of the path
        request(server, CHAT)
        slow.sendall(CHAT[7:-1])
        request(server, CHAT)
        sent_s = time.monotonic()
        slow.sendall(CHAT[-1:])
        answer = b""
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            answer += slow.recv(65_536)
        waited_ms = (time.monotonic() - sent_s) * 1000
        said = json.loads(answer.partition(b"event: done\ndata: ")[2].splitlines()[0])
        assert FIRST_S * 1000 <= said["first_ms"] <= said["total_ms"] <= waited_ms + 0.001


def test_it_serves_many_streams_at_once() -> None:
    """Two hundred streams at the same time are complete."""

    async def work(url: str) -> list[Reply]:
        connections = [Connection(Address.of(url)) for _ in range(200)]
        try:
            return await asyncio.gather(*(connection.exchange(CHAT) for connection in connections))
        finally:
            for connection in connections:
                connection.close()

    with start_server() as server:
        replies = asyncio.run(work(server.url))
    assert len([times_of(reply.body) for reply in replies]) == 200


@pytest.mark.parametrize("read_bytes", [0, 1])
def test_a_client_that_leaves_ends_only_its_own_stream(read_bytes: int) -> None:
    """Other clients are served when one leaves before or after its first token."""
    with start_server() as server, server.connect() as stays:
        for _ in range(20):
            with server.connect() as leaves:
                leaves.sendall(CHAT)
                if read_bytes:
                    assert leaves.recv(read_bytes)
        eventually(lambda: server.connections() == 1)
        stays.sendall(request_bytes("POST", "/chat", "test", {"connection": "close"}, b"{}"))
        assert read_to_the_end(stays).count(TOKEN) == TOKENS
        times_of(request(server, CHAT)[0].body)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x00\x01 nonsense\r\n\r\n",
        b"POST /chat HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ],
)
def test_an_invalid_request_is_refused(nonsense: bytes) -> None:
    """A request that is not HTTP/1.1 is refused; others are served."""
    with start_server() as server:
        with server.connect() as connection:
            connection.sendall(nonsense)
            assert read_to_the_end(connection).endswith(
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        times_of(request(server, CHAT)[0].body)


@pytest.mark.parametrize("second", [CHAT, b"nonsense\r\n\r\n"])
def test_a_second_request_before_the_response_ends_the_connection(second: bytes) -> None:
    """Its time could not be reported."""
    with start_server() as server:
        with server.connect() as connection:
            connection.sendall(CHAT + second)
            assert read_to_the_end(connection) == b""
        with pytest.raises(WireError) as caught:
            request(server, CHAT + second)
        assert caught.value.kind is WireFault.RESET
        times_of(request(server, CHAT)[0].body)


@pytest.mark.parametrize(("method", "path"), [("GET", "/chat"), ("POST", "/ready"), ("GET", "/")])
def test_other_paths_are_not_found(method: str, path: str) -> None:
    """Any other request has the status 404, and the connection stays open."""
    with start_server() as server:
        nothing, chat = request(server, request_bytes(method, path, "test", {}), CHAT)
    assert (nothing.status, nothing.body, chat.status, chat.connect_s) == (404, b"", 200, None)


@pytest.mark.parametrize(("method", "path"), [("POST", "/chat"), ("GET", "/ready"), ("GET", "/")])
def test_a_connection_is_closed_on_request(method: str, path: str) -> None:
    """The connection ends after the reply to a request with `connection: close`."""
    with start_server() as server, server.connect() as connection:
        connection.sendall(request_bytes(method, path, "test", {"connection": "close"}))
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_during_a_stream(name: str) -> None:
    """It ends with 0."""
    with start_server() as server, server.connect() as connection:
        connection.sendall(CHAT)
        assert connection.recv(1) == b"H"
        server.process.send_signal(signal.Signals[name])
        assert server.process.wait(_PATIENCE_S) == 0


def test_all_requests_of_a_trial_are_answered() -> None:
    """Two load generators share the VUs of the trial, and each request is answered and timed."""

    async def work(url: str) -> None:
        async with start_workers(2) as workers:
            found = (await calibrate(workers, make_scenario(), url)).together
            assert found.failed == 0
            assert found.requests >= 10
            assert found.ttft is not None
            assert found.e2e is not None
            assert 0.0 <= found.ttft.p50_ms <= found.ttft.p95_ms <= found.ttft.max_ms

    with start_server() as server:
        asyncio.run(work(server.url))


def test_a_trial_has_the_concurrency_of_its_scenario() -> None:
    """A trial has the largest number of VUs, or the highest rate."""
    assert getattr(trial_load(make_scenario()), "vus", 0) == 10
    ramp = {
        "executor": "ramping-arrival-rate",
        "start_rate": 5,
        "stages": [{"duration": 9, "target": 40}],
        "max_vus": 7,
    }
    slow = {"executor": "constant-arrival-rate", "rate": 12, "duration_s": 9}
    busiest = trial_load(make_scenario(phases=[slow, ramp]))
    assert (getattr(busiest, "rate", 0), getattr(busiest, "max_vus", 0)) == (40, 7)
