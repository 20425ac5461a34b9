"""A real relay before a real server. No test limits a time from above."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bench.core.config.fault import CutNetworkFault, SlowNetworkFault
from bench.core.faults.fault_plan import Edge
from bench.errors import MeasurementError
from bench.measure.faults.relays import Relays, open_relays

EDGE = Edge("backend", "agent")
SLOW = SlowNetworkFault(
    action="slow-network", at_s=0, service="agent", caller="backend", latency_s=0.05, jitter_s=0.02
)
NARROW = SlowNetworkFault(action="slow-network", at_s=0, service="agent", caller="backend", bandwidth=400_000)
CUT = CutNetworkFault(action="cut-network", at_s=0, service="agent", caller="backend")


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.close()


@contextlib.contextmanager
def connection_through(relays: Relays, url: str) -> Iterator[socket.socket]:
    """A connection on the way that a caller takes."""
    way = relays.reroute("backend", {"agent": url})["agent"]
    host, port = way.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        yield connection


def send(connection: socket.socket, data: bytes) -> bytes:
    """Send data, and return as many bytes of the echo."""
    sender = threading.Thread(target=connection.sendall, args=(data,))
    sender.start()
    received = b""
    while len(received) < len(data):
        received += connection.recv(65536)
    sender.join()
    return received


def test_only_declared_connections_take_a_way_of_their_own(echo: str) -> None:
    """The load generator and other services use the direct address, and without a fault bytes just pass."""
    with open_relays([EDGE]) as relays:
        urls = {"agent": echo, "model": "http://127.0.0.1:1"}
        assert relays.reroute("clients", urls) == urls
        way = relays.reroute("backend", urls)
        assert way["model"] == urls["model"]
        assert way["agent"] != echo
        assert relays.reroute("backend", urls) == way
        with connection_through(relays, echo) as connection:
            data = bytes(range(256)) * 4096
            assert send(connection, data) == data


def test_names_of_one_address_take_the_same_way(echo: str) -> None:
    """A balancer is reached by its own name and by that of the service that it balances."""
    with open_relays([Edge(None, "balancer")]) as relays:
        way = relays.reroute("clients", {"balancer": echo, "backend": echo})
        assert way["balancer"] == way["backend"] != echo


def test_a_slow_network_delays_both_directions_and_keeps_the_order(echo: str) -> None:
    """An answer takes twice the latency longer, a new connection two more, and jitter swaps nothing."""
    with open_relays([EDGE]) as relays:
        relays.reroute("backend", {"agent": echo})
        relays.begin(SLOW, ["agent"])
        began_s = time.monotonic()
        with connection_through(relays, echo) as connection:
            assert send(connection, b"hello") == b"hello"
            assert time.monotonic() - began_s >= 4 * 0.05 - 2 * 0.02
            data = b"".join(b"%06d" % number for number in range(20_000))
            assert send(connection, data) == data


def test_a_narrow_network_limits_the_rate(echo: str) -> None:
    """100 kB need at least a quarter of a second at 400 kB/s."""
    with open_relays([EDGE]) as relays:
        relays.reroute("backend", {"agent": echo})
        relays.begin(NARROW, ["agent"])
        with connection_through(relays, echo) as connection:
            began_s = time.monotonic()
            send(connection, bytes(100_000))
            assert time.monotonic() - began_s >= 0.25 * 0.95


def test_a_cut_network_holds_bytes_and_loses_none(echo: str) -> None:
    """Nothing arrives while it is cut, neither on open connections nor on new ones; then everything does."""
    with open_relays([EDGE]) as relays, connection_through(relays, echo) as open_connection:
        assert send(open_connection, b"before") == b"before"
        relays.begin(CUT, ["agent"])
        with connection_through(relays, echo) as new_connection:
            for connection in (open_connection, new_connection):
                connection.sendall(b"during")
                connection.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    connection.recv(6)
                connection.settimeout(60)
            relays.end(CUT, ["agent"])
            assert open_connection.recv(6) == b"during"
            assert new_connection.recv(6) == b"during"


def test_the_end_of_a_connection_passes_the_relay(echo: str) -> None:
    """A client that leaves ends the connection to the service, and a dead service that of its client."""
    with open_relays([EDGE]) as relays:
        with connection_through(relays, echo) as connection:
            connection.sendall(b"last")
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while data := connection.recv(100):
                received += data
            assert received == b"last"
        with socket.create_server(("127.0.0.1", 0)) as closed:
            dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with connection_through(relays, dead) as connection, contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""


def test_a_fault_without_its_relay_is_an_error(echo: str) -> None:
    """A stack that was started without the relay never shows the fault as survived."""
    with open_relays([]) as relays, pytest.raises(MeasurementError, match="'backend' to 'agent' has a relay"):
        relays.begin(CUT, ["agent"])
    with open_relays([EDGE]) as relays:
        relays.reroute("backend", {"agent": echo})
        relays.close()
        with pytest.raises(MeasurementError, match="the relay before 'agent' ended"):
            relays.begin(CUT, ["agent"])
