import asyncio
import errno
import os
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from bench.core.samples.sample import Culprit
from bench.measure.http.connection import Connection
from bench.measure.http.fault import connect_error, describe, find_culprit
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.http.wire import Address, WireError, WireFault, request_bytes
from tests.measure.hostile import run_on, serving, then_reset

GET = request_bytes("GET", "/", "test", {})
Client = Connection | HttpxConnection


def _own(url: str) -> Client:
    return Connection(Address.of(url))


@pytest.fixture(params=[_own, HttpxConnection], ids=["own", "httpx"])
def client(request: pytest.FixtureRequest) -> Callable[[str], Client]:
    """Run a test over both transports."""
    new_client: Callable[[str], Client] = request.param
    return new_client


async def _fail(connection: Client) -> WireError:
    with pytest.raises(WireError) as failed:
        await connection.exchange(GET)
    connection.close()
    await connection.wait_closed()
    return failed.value


def _system_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("numbers", "culprit"),
    [
        (("EMFILE", "ENFILE", "EADDRNOTAVAIL", "EADDRINUSE", "ENOBUFS", "ENOMEM"), Culprit.GENERATOR),
        (("EACCES", "EPERM"), Culprit.GENERATOR),
        (("EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ETIMEDOUT"), Culprit.NETWORK),
        (("ECONNREFUSED", "ECONNRESET", "EPIPE", "ECONNABORTED"), Culprit.TARGET),
    ],
)
def test_each_error_of_the_system_has_a_culprit(numbers: tuple[str, ...], culprit: Culprit) -> None:
    """The number of the system's error decides, also if httpx hides it behind other exceptions."""
    for name in numbers:
        system = _system_error(getattr(errno, name))
        assert find_culprit(system) is culprit
        outer = httpx.ConnectError("All connection attempts failed")
        outer.__cause__ = OSError("All connection attempts failed")
        outer.__cause__.__cause__ = system
        assert find_culprit(outer) is culprit
        assert describe(outer) == system.strerror


@pytest.mark.parametrize(
    ("error", "culprit"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Culprit.NETWORK),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Culprit.NETWORK),
        (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), Culprit.GENERATOR),
        (UnicodeError("label too long"), Culprit.NETWORK),
        (ssl.SSLError(1, "[SSL] record layer failure"), Culprit.TARGET),
        (ValueError("not of the system"), Culprit.TARGET),
    ],
)
def test_names_and_tls_have_a_culprit(error: Exception, culprit: Culprit) -> None:
    """A name without an address is the network's fault, and TLS the target's."""
    assert find_culprit(error) is culprit


@pytest.mark.parametrize(
    ("numbers", "culprit"),
    [
        ((errno.EADDRNOTAVAIL, errno.ECONNREFUSED), Culprit.TARGET),
        ((errno.ECONNREFUSED, errno.ENETUNREACH), Culprit.TARGET),
        ((errno.ENETUNREACH, errno.ETIMEDOUT), Culprit.NETWORK),
        ((errno.ENETUNREACH, errno.EADDRNOTAVAIL), Culprit.GENERATOR),
    ],
)
def test_a_host_with_several_addresses_has_one_culprit(numbers: tuple[int, ...], culprit: Culprit) -> None:
    """A refusal by one address decides; otherwise, the last address does."""
    errors = [_system_error(number) for number in numbers]
    assert find_culprit(ExceptionGroup("several", errors)) is culprit
    joined = ", ".join(f"[Errno {number}] Connect call failed" for number in numbers)
    assert find_culprit(OSError(f"Multiple exceptions: {joined}")) is culprit


def test_a_missing_server_is_the_fault_of_the_target(client: Callable[[str], Client]) -> None:
    """Both transports name the address, in the same words."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = run_on("asyncio")(_fail(client(f"http://127.0.0.1:{port}")))
    assert (error.kind, error.culprit) == (WireFault.CONNECT_FAILED, Culprit.TARGET)
    assert error.message == f"no connection to 127.0.0.1:{port}: Connection refused"


def test_a_name_without_an_address_is_the_fault_of_the_network(client: Callable[[str], Client]) -> None:
    """Both transports keep the resolver's words."""
    error = run_on("asyncio")(_fail(client("http://nowhere.invalid")))
    assert (error.kind, error.culprit) == (WireFault.NAME_FAILED, Culprit.NETWORK)
    assert error.message.startswith("nowhere.invalid has no address: ")


def test_a_reset_is_the_fault_of_the_target(client: Callable[[str], Client]) -> None:
    """Both transports keep the system's words."""

    async def work() -> WireError:
        async with serving(then_reset(b"HTTP/1.1 200 OK\r\n\r\nhalf")) as url:
            return await _fail(client(url))

    error = run_on("asyncio")(work())
    assert (error.kind, error.culprit) == (WireFault.RESET, Culprit.TARGET)
    assert error.message == "the connection broke: Connection reset by peer"


@contextmanager
def _no_free_file() -> Iterator[None]:
    """Use up all files of this process during the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 20, hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in taken:
            os.close(number)


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_too_few_files_are_the_fault_of_the_generator(client: Callable[[str], Client], host: str) -> None:
    """Without a free file, both transports blame the generator, even if the resolver blames the name."""

    async def work() -> WireError:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, int)  # the thread of the resolver
        connection = client(f"http://{host}:9")
        if isinstance(connection, HttpxConnection):
            connection._client = connection._new_client()
            await _fail(HttpxConnection("http://127.0.0.1:9"))  # imports what it needs
        with _no_free_file():
            return await _fail(connection)

    error = run_on("asyncio")(work())
    assert (error.kind, error.culprit) == (WireFault.CONNECT_FAILED, Culprit.GENERATOR)
    assert error.message == f"no connection to {host}:9: Too many open files"


def test_an_unusual_error_keeps_its_type() -> None:
    """An error without a text is described by its type."""
    error = connect_error(OSError(), "host", 1, is_connected=False)
    assert error.message == "no connection to host:1: OSError"
