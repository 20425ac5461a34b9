"""A VU sends messages over a WebSocket: its connections, its cancellations, and its handshakes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target
from bench.core.samples.sample import Outcome
from bench.errors import ConfigError
from bench.measure.load.endpoint import Endpoint, check_url
from bench.measure.load.message_client import MessageClient
from bench.measure.load.shared import Shared
from bench.usecases.options import RunOptions
from bench.usecases.plan_run import plan_scenario
from benchmarks.answers.messages import TARGET, accept, frame, read_frame
from tests.measure.hostile import make_certificate, until
from tests.measure.sending import begin, send

TEXT = 0x1
CLOSE = 0x8
PING = 0x9
PONG = 0xA
PIECE = frame(b'{"text": "a"}')
DONE = frame(b'{"type": "done"}')
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, "Seen"], Awaitable[None]]


@dataclass
class Seen:
    """What a server received.

    Attributes:
        handshakes: Heads of the handshakes.
        frames: Opcode and content of each frame.
        closed: Set when a client has closed its connection.
    """

    handshakes: list[str] = field(default_factory=list)
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
    """Answer each message of a client."""
    while True:
        received = await read_frame(reader)
        seen.frames.append(received)
        if received[0] == TEXT:
            writer.write(PIECE + DONE)


async def answer_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
    """Answer a message with its first piece only, and note all further frames."""
    seen.frames.append(await read_frame(reader))
    writer.write(PIECE)
    while True:
        seen.frames.append(await read_frame(reader))


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, Seen]]:
    """Accept each WebSocket and run the script on it."""
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen.handshakes.append(await accept(reader, writer))
            await script(reader, writer, seen)
        except (asyncio.IncompleteReadError, ConnectionError):
            seen.closed.set()
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}", seen
    finally:
        listener.close()


@asynccontextmanager
async def client_of(
    url: str, token: str | None = None, tls: ssl.SSLContext | None = None, **changes: Any
) -> AsyncIterator[MessageClient]:
    """Open a client of the target with these changes, and close it at the end."""
    scenario = Scenario.model_validate(
        {
            "name": "messages",
            "purpose": "Messages.",
            "target": "messages",
            "seed": 1,
            "prompts": "none.yaml",
            "phases": [{"executor": "per-vu-iterations", "vus": 1, "iterations": 1}],
        }
    )
    target = Target.model_validate({**TARGET, **changes})
    spec = RunSpec(scenario=scenario, target=target, prompts=(Prompt(id="greeting", text="Good morning"),))
    endpoint = replace(Endpoint.of(spec, url, {}), address=check_url(url, tls))
    client = MessageClient(endpoint, token, Shared(), endpoint.address)
    try:
        yield client
    finally:
        await client.close()


def test_a_vu_keeps_its_connection() -> None:
    """Only the first message has a handshake, unless the connection was opened before it."""

    async def work() -> None:
        async with serving(answer_all) as (url, seen), client_of(url) as client:
            first = await send(client)
            second = await send(client)
            assert first.handshake_s is not None
            assert (second.connect_s, second.handshake_s) == (None, None)
            assert (first.outcome, second.outcome) == (Outcome.OK, Outcome.OK)
            assert len(seen.handshakes) == 1
        async with serving(answer_all) as (url, seen), client_of(url) as client:
            await client.open()
            assert (await send(client)).connect_s is None
            assert len(seen.handshakes) == 1

    asyncio.run(work())


def test_each_message_may_have_its_own_connection() -> None:
    """Without `keep`, each message has a handshake, and the client closes with a close frame."""

    async def work() -> None:
        async with serving(answer_all) as (url, seen), client_of(url, websocket={"keep": False}) as client:
            await client.open()
            assert not seen.handshakes
            samples = [await send(client), await send(client)]
            assert all(sample.handshake_s is not None for sample in samples)
            assert len(seen.handshakes) == 2
            await seen.closed.wait()
            assert (CLOSE, b"\x03\xe8") in seen.frames

    asyncio.run(work())


def test_a_ping_is_answered_between_messages() -> None:
    """A server that checks its clients keeps the connection open."""

    async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        writer.write(frame(b"hi", PING))
        await answer_all(reader, writer, seen)

    async def work() -> None:
        async with serving(ping) as (url, seen), client_of(url) as client:
            await client.open()
            await send(client)
            await send(client)
            assert (PONG, b"hi") in seen.frames
            assert len(seen.handshakes) == 1

    asyncio.run(work())


@pytest.mark.parametrize("last", [frame(b"\x03\xe9", CLOSE), frame(b"", CLOSE), b""])
def test_a_message_on_a_closed_connection_is_sent_again(last: bytes) -> None:
    """A server may close an idle connection, with or without a close frame."""

    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        seen.frames.append(await read_frame(reader))
        writer.write(PIECE + DONE)
        await read_frame(reader)
        writer.write(last)

    async def work() -> None:
        async with serving(answer_one) as (url, seen), client_of(url) as client:
            assert (await send(client)).outcome is Outcome.OK
            second = await send(client)
            assert second.outcome is Outcome.OK
            assert second.handshake_s is not None
            assert client.reply.retried
            assert len(seen.handshakes) == 2

    asyncio.run(work())


def test_messages_after_an_answer_do_not_end_the_next_one() -> None:
    """A message that was read before the next one was sent belongs to no answer."""

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        while True:
            seen.frames.append(await read_frame(reader))
            writer.write(PIECE + DONE + DONE)

    async def work() -> None:
        async with serving(repeat) as (url, _), client_of(url) as client:
            for _ in range(3):
                assert (await send(client)).outcome is Outcome.OK

    asyncio.run(work())


def test_a_failed_answer_closes_its_connection() -> None:
    """Further messages of a failed answer could follow, so the next message has a new connection."""

    async def fail_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        is_first = len(seen.handshakes) == 1
        seen.frames.append(await read_frame(reader))
        error = frame(b'{"type": "error", "status": 503, "error": "busy"}')
        writer.write(error + DONE if is_first else PIECE + DONE)
        await read_frame(reader)

    async def work() -> None:
        async with serving(fail_first) as (url, _), client_of(url) as client:
            assert (await send(client)).outcome is Outcome.HTTP_ERROR
            assert (await send(client)).outcome is Outcome.OK

    asyncio.run(work())


@pytest.mark.parametrize("cancel", [None, {"type": "cancel"}])
def test_a_cancelled_message_tells_the_server(cancel: dict[str, str] | None) -> None:
    """The client sends the target's message, and always closes, so that the server frees its resources."""

    async def work() -> None:
        async with (
            serving(answer_half) as (url, seen),
            client_of(url, websocket={"cancel": cancel}) as client,
        ):
            ended = begin(client)
            await until(lambda: bool(seen.frames))
            client.cut((Outcome.CANCELLED, "the VU leaves"))
            assert (await ended).outcome is Outcome.CANCELLED
            await seen.closed.wait()
            texts = [content for opcode, content in seen.frames[1:] if opcode == TEXT]
            assert texts == ([] if cancel is None else [b'{"type": "cancel"}'])
            assert seen.frames[-1][0] == CLOSE

    asyncio.run(work())


def test_a_token_is_in_the_handshake_or_in_a_message() -> None:
    """Servers read it from the header, from a subprotocol or from the first message."""
    options = {"subprotocols": ["chat", "bearer.${token}"], "first": {"auth": ["${token}"]}}

    async def work() -> None:
        async with serving(answer_all) as (url, seen), client_of(url, "abc", websocket=options) as client:
            await client.open()
            await until(lambda: bool(seen.frames))
            head = seen.handshakes[0].lower()
            assert "authorization: bearer abc\r\n" in head
            assert "sec-websocket-protocol: chat, bearer.abc\r\n" in head
            assert "sec-websocket-extensions" not in head
            assert "content-type" not in head
            assert seen.frames == [(TEXT, b'{"auth": ["abc"]}')]
            client.renew("def")
            await send(client)
            assert "authorization: bearer def\r\n" in seen.handshakes[1].lower()

    asyncio.run(work())


def test_a_websocket_over_tls(tmp_path: Path) -> None:
    """`wss` uses the same certificates as `https`."""
    server_context, client_context = make_certificate(tmp_path)

    async def work() -> None:
        async with (
            serving(answer_all, server_context) as (url, _),
            client_of(url, tls=client_context) as client,
        ):
            sample = await send(client)
            assert sample.outcome is Outcome.OK, sample.detail
        async with serving(answer_all, server_context) as (url, _), client_of(url) as client:
            assert (await send(client)).outcome is Outcome.CONNECT_FAILED

    asyncio.run(work())


@pytest.mark.parametrize(
    ("scenario", "options", "words"),
    [
        ("websocket-short", {"transport": "httpx"}, "httpx does not support"),
        ("ws://127.0.0.1:1/chat", {}, "target file"),
        ("websocket-short", {"urls": ("wss://127.0.0.1:1",)}, "not an http or https URL"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(scenario: str, options: RunOptions, words: str) -> None:
    """The error names the option or the address, and the remedy."""
    with pytest.raises(ConfigError, match=words) as refused:
        plan_scenario(scenario, options)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "PUT"}, "does not apply to a WebSocket"),
        ({"answer": {"kind": "json", "text": "text"}, "websocket": {}}, "needs an answer of the kind"),
        ({"websocket": {"first": {"token": "${tokens}"}}}, "did you mean"),
        ({"websocket": {"subprotocols": ["a b"]}}, "pattern"),
        ({"answer": {"kind": "websocket", "text": "text"}}, "declare how the answer ends"),
    ],
)
def test_a_wrong_target_is_refused(changes: dict[str, Any], words: str) -> None:
    """Options that contradict each other never reach a run."""
    with pytest.raises(ValueError, match=words):
        Target.model_validate({**TARGET, **changes})
