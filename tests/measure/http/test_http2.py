"""HTTP/2 over a real connection: httpx on one side, the package h2 on the other."""

import asyncio
import ssl
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from bench.core.samples.sample import Outcome
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.http.route import HttpImplementation, HttpVersion, Route
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from tests.factories import make_spec
from tests.measure.authority import Authority
from tests.measure.sending import send

PIECES = ("One", " two", " three")
STREAMED = {"kind": "sse", "text": "text", "done_data": "[DONE]"}


class _Http2Server(asyncio.Protocol):
    """Answers each request with a stream of events, each in a frame of its own."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=False)
        self._connection = h2.connection.H2Connection(config)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connection.initiate_connection()
        transport.write(self._connection.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._connection.receive_data(data):
            if isinstance(event, h2.events.StreamEnded) and event.stream_id is not None:
                self._answer(event.stream_id)
        self._transport.write(self._connection.data_to_send())

    def _answer(self, stream: int) -> None:
        self._connection.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream")])
        for piece in PIECES:
            self._connection.send_data(stream, b'data: {"text": "%s"}\n\n' % piece.encode())
        self._connection.send_data(stream, b"data: [DONE]\n\n", end_stream=True)


@pytest.mark.parametrize(
    ("asked", "offered", "version"), [(None, ["h2"], "2"), (HttpVersion.HTTP_2, ["h2", "http/1.1"], "2")]
)
def test_a_streamed_answer_over_http2(
    tmp_path: Path, asked: HttpVersion | None, offered: list[str], version: str
) -> None:
    """Text, tokens and times are those of HTTP/1.1, and the reply has its version."""
    files = Authority().issue(tmp_path / "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files / "cert.pem", files / "key.pem")
    context.set_alpn_protocols(offered)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(_Http2Server, "127.0.0.1", 0, ssl=context)
        url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        spec = make_spec(None, answer=STREAMED)
        connection = HttpxConnection(url, Route(HttpImplementation.HTTPX, asked, files / "ca.pem"))
        client = ChatClient(Endpoint.of(spec, url, {}), None, connection)
        for _ in range(2):
            sample = await send(client)
            assert (sample.outcome, sample.detail, sample.tokens) == (Outcome.OK, None, len(PIECES))
            assert sample.sent_s is not None
            assert sample.first_token_s is not None
            assert sample.sent_s <= sample.first_token_s <= sample.finished_s
            assert connection.reply.version == version
        await client.close()
        listening.close()

    asyncio.run(work())
