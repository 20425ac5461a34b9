import asyncio

import pytest

from tests.mock.virtual import CHAT, MESSAGES, Client, ask, chat, make_server, run


def _send(content: bytes) -> Client:
    async def work() -> Client:
        client = Client(make_server())
        for byte in range(0, len(content), 7):
            if client.wire.state == "open":
                client.connection.data_received(content[byte : byte + 7])
        await asyncio.sleep(60)
        return client

    return run(work())


def _get(path: str, method: str = "GET") -> Client:
    return _send(f"{method} {path} HTTP/1.1\r\nhost: mock\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/health", b'"ok"'),
        ("/v1/models", b'"id":"mock"'),
        ("/v1/models/any", b'"id":"any"'),
        ("/api/tags", b'"name":"mock"'),
        ("/api/ps", b'"model":"mock"'),
        ("/api/version", b'"version"'),
        ("/", b"Ollama is running"),
        ("/metrics?now=1", b"bench_mock_tokens_total 0"),
    ],
)
def test_the_server_describes_itself(path: str, content: bytes) -> None:
    """Clients and ready checks find the lists, the version and the state."""
    client = _get(path)
    assert client.status == 200
    assert content in client.content
    head = _get(path, "HEAD")
    assert (head.status, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("POST", "/nothing", 404), ("GET", CHAT, 405), ("DELETE", "/health", 405)],
)
def test_an_unknown_call_names_the_known_ones(method: str, path: str, status: int) -> None:
    """The error is in the format of the API, and lists what the server serves."""
    client = _get(path, method)
    assert client.status == status
    assert "/v1/messages" in client.document["error"]["message"]


def test_bytes_that_are_not_http_end_the_connection() -> None:
    """The answer is status 400."""
    client = _send(b"hello\r\n\r\n")
    assert (client.status, client.wire.state) == (400, "closed")


def test_a_client_without_chunks_reads_to_the_end_of_the_connection() -> None:
    """HTTP/1.0 has no chunks."""
    body = b'{"model": "mock-n2", "prompt": "Say"}'
    head = b"POST /api/generate HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(body)
    client = _send(head + body)
    assert b"chunked" not in client.received
    assert client.lines[-1]["done"] is True
    assert client.wire.state == "closed"


def test_a_client_that_asks_for_the_end_gets_it() -> None:
    """`connection: close` ends the connection after the answer."""

    async def work() -> Client:
        client = Client(make_server())
        client.send(CHAT, chat(), headers="connection: close\r\n")
        await asyncio.sleep(60)
        return client

    client = run(work())
    assert b"connection: close" in client.received
    assert client.is_complete
    assert client.wire.state == "closed"


def test_a_client_that_waits_for_permission_gets_it() -> None:
    """Curl waits for `100 Continue` before it sends a long body."""
    client = _send(b"POST /api/generate HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
    assert client.received == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_an_offer_of_another_protocol_is_ignored() -> None:
    """A client that offers HTTP/2 gets its answer over HTTP/1.1, and the next one too."""
    head = b"GET /health HTTP/1.1\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\r\n"
    client = _send(head + b"GET /api/version HTTP/1.1\r\n\r\n")
    assert client.status == 200
    assert b'"version"' in client.received


def test_show_describes_the_abilities() -> None:
    """Ollama's clients ask which abilities a model has."""
    assert "tools" in ask("/api/show", {"model": "mock"}).document["capabilities"]


def test_the_list_has_the_given_names() -> None:
    """An unknown model is answered as well: applications with a fixed name need no change."""
    assert ask("/api/chat", {"model": "llama3", "messages": MESSAGES}).lines[-1]["model"] == "llama3"
