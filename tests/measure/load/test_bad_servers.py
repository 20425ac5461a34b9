"""Requests to broken or hostile servers: each has an outcome, within its timeout."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from tests.factories import make_scenario, make_spec
from tests.measure.hostile import LOOPS, Run, make_certificate, reset, run_on, serving, then_close, then_reset
from tests.measure.loopback import Script, response
from tests.measure.sending import send

OK = b'{"data": {"message": "hello"}}'
HEAD = b"HTTP/1.1 200 OK\r\n"
JSON = {"kind": "json", "text": "data.message"}
SSE = {"kind": "sse", "text": "text", "done_data": "[DONE]"}
# Short enough for a test of an endless response; long enough for a busy machine.
SOON_S, PATIENCE_S = 0.2, 60.0


async def _request(url: str, timeout_s: float, answer: dict[str, str]) -> RequestSample:
    spec = make_spec(make_scenario(request_timeout_s=timeout_s), answer=answer)
    client = ChatClient(Endpoint.of(spec, url, {}), None)
    try:
        return await send(client)
    finally:
        await client.close()


async def _request_to(script: Script, timeout_s: float, answer: dict[str, str] = JSON) -> RequestSample:
    async with serving(script) as url:
        return await _request(url, timeout_s, answer)


async def _until_closed(reader: asyncio.StreamReader) -> None:
    """Wait until the client has closed."""
    while await reader.read(65536):
        pass


def _then_silent(answer: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await _until_closed(reader)

    return script


async def _gigabyte(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"content-length: 1073741824\r\n\r\n")
    for _ in range(1024):
        writer.write(b"x" * 1024 * 1024)
        await writer.drain()


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"content-length: 1000000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


ENDS: dict[str, tuple[Script, Outcome, str]] = {
    "half a line": (
        then_close(HEAD[:9]),
        Outcome.BAD_STREAM,
        "bad_stream: the response ends within its head",
    ),
    "half a header": (
        then_close(HEAD + b"content-le"),
        Outcome.BAD_STREAM,
        "bad_stream: the response ends within",
    ),
    "nothing": (then_close(b""), Outcome.BAD_STREAM, "reset: the server closed the connection without"),
    "a reset": (then_reset(HEAD), Outcome.BAD_STREAM, "reset: the connection broke: "),
    "garbage": (
        then_close(b"\x00\xff\r\n\r\n"),
        Outcome.BAD_STREAM,
        "bad_stream: the response is not HTTP/1.1",
    ),
    "a gigabyte": (_gigabyte, Outcome.BAD_STREAM, "too_large: the response is longer than 16777216 bytes"),
    "a length that is too long": (
        then_close(HEAD + b"content-length: 99\r\n\r\n" + OK),
        Outcome.BAD_STREAM,
        "bad_stream: the response ends before its announced end",
    ),
    "a length that is too short": (
        then_close(HEAD + b"content-length: 9\r\n\r\n" + OK),
        Outcome.BAD_STREAM,
        "not JSON",
    ),
    "two lengths": (
        then_close(HEAD + b"content-length: 9\r\ncontent-length: 30\r\n\r\n" + OK),
        Outcome.BAD_STREAM,
        "bad_stream: the response is not HTTP/1.1",
    ),
    "a redirect": (
        then_close(response(b"", "307 Temporary Redirect", "location: http://127.0.0.1:1/")),
        Outcome.HTTP_ERROR,
        "redirects to http://127.0.0.1:1/",
    ),
    "an encoding that was not requested": (
        then_close(response(OK, "200 OK", "content-encoding: br")),
        Outcome.BAD_STREAM,
        "bad_stream: the response has the encoding br, which was not requested",
    ),
}
NEVER_ENDS: dict[str, Script] = {
    "silence": _then_silent(b""),
    "half a line": _then_silent(HEAD[:9]),
    "an answer that is never closed": _then_silent(HEAD + b"\r\n" + OK),
    "half a body": _then_silent(HEAD + b"content-length: 99\r\n\r\n" + OK),
    "a slow drip": _drip,
}


@pytest.mark.parametrize("name", ENDS)
def test_each_defect_is_an_outcome(run: Run, name: str) -> None:
    """Each defect of a response has its outcome and its detail, without waiting for the timeout."""
    script, outcome, detail = ENDS[name]
    got = run(_request_to(script, PATIENCE_S))
    assert got.outcome is outcome
    assert (got.detail or "").startswith(detail)


@pytest.mark.parametrize("name", NEVER_ENDS)
@pytest.mark.parametrize("answer", [JSON, SSE])
def test_an_endless_response_is_a_timeout(run: Run, name: str, answer: dict[str, str]) -> None:
    """The timeout is for the complete request, whatever arrives before it."""
    got = run(_request_to(NEVER_ENDS[name], SOON_S, answer))
    assert (got.outcome, got.detail) == (Outcome.TIMEOUT, f"no complete response within {SOON_S:g} s")


def test_a_name_without_an_address_is_an_outcome(run: Run) -> None:
    """By RFC 6761, names below `invalid` have no address."""
    got = run(_request("http://nowhere.invalid", PATIENCE_S, JSON))
    assert got.outcome is Outcome.CONNECT_FAILED
    assert (got.detail or "").startswith("name_failed: nowhere.invalid has no address")


def test_no_tls_is_an_outcome(run: Run, tmp_path: Path) -> None:
    """An untrusted certificate and a server without TLS differ from a missing server."""
    served, _ = make_certificate(tmp_path)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def untrusted() -> RequestSample:
        async with serving(then_close(response(OK)), served) as url:
            return await _request(url, PATIENCE_S, JSON)

    async def plain() -> RequestSample:
        async with serving(refuse) as url:
            return await _request(url.replace("http:", "https:"), PATIENCE_S, JSON)

    for ask in (untrusted, plain):
        got = run(ask())
        assert got.outcome is Outcome.CONNECT_FAILED
        assert (got.detail or "").startswith("tls_failed: no TLS connection to 127.0.0.1")


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run every test on both event loops."""
    return run_on(request.param)


def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()


_WORDS = st.sampled_from(
    [
        HEAD,
        b"HTTP/1.1 503 Busy\r\n",
        b"HTTP/1.0 200\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"content-length: 5\r\n",
        b"transfer-encoding: chunked\r\n",
        b"connection: close\r\n",
        b"\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"hello",
        OK,
        b'data: {"text": "a"}\n\n',
        b"data: [DONE]\n\n",
    ]
)
_ENDINGS = st.sampled_from([_close, reset])


@hypothesis(max_examples=50)
@given(
    parts=st.lists(_WORDS | st.binary(max_size=12), max_size=8),
    ending=_ENDINGS,
    kind=st.sampled_from([JSON, SSE]),
)
def test_no_server_breaks_a_vu(
    parts: Sequence[bytes], ending: Callable[[asyncio.StreamWriter], None], kind: dict[str, str]
) -> None:
    """For any bytes, in any parts and with any end, there is an outcome and no exception."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        ending(writer)

    got = run_on("asyncio")(_request_to(script, PATIENCE_S, kind))
    assert got.outcome not in {Outcome.TIMEOUT, Outcome.CONNECT_FAILED, Outcome.CANCELLED}
    assert (got.detail is None) == (got.outcome is Outcome.OK)
    if got.outcome is Outcome.OK:
        assert any(text in b"".join(parts) for text in (OK, b'"text": "a"'))
