"""Examples of answers over a WebSocket: `tests/answers/websocket.yaml`, and a server that sends them."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict
from wsproto.utilities import generate_accept_token

from bench.core.samples.sample import Outcome

from .example import FOLDER
from .serve import listening

TARGET: Mapping[str, Any] = {
    "name": "messages",
    "service": "backend",
    "path": "/chat",
    "body": {"message": "${message}"},
    "answer": {"kind": "websocket", "text": "text", "tokens": "tokens", "done": {"type": "done"}},
}
"""The target of all examples."""
_TEXT = 0x1
_CLOSE = 0x8
_FINAL = 0x80
_MASK = 0x80
_TWO_BYTES = 126  # of the length follow
_EIGHT_BYTES = 127
_RESET = struct.pack("ii", 1, 0)


class Action(BaseModel):
    """One step of the server."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    message: Any = None
    """A JSON value in one text frame."""
    say: str | list[str] = []
    """Pieces of the answer's text, one message each."""
    text: str | None = None
    """A text frame with this text."""
    repeat: int = 1
    """Number of times that the text is part of its frame."""
    binary: Any = None
    """A JSON value in one binary frame."""
    hex: str | None = None
    """Bytes as hexadecimal digits: frames, or what is none."""
    close: int | None = None
    """A close frame with this code; 0 for none."""
    reason: str = ""
    """The reason in the close frame."""

    def frames(self) -> Iterator[bytes]:
        """Yield the bytes of the step, frame by frame."""
        if self.message is not None:
            yield frame(json.dumps(self.message).encode())
        for piece in [self.say] if isinstance(self.say, str) else self.say:
            yield frame(json.dumps({"text": piece}).encode())
        if self.text is not None:
            yield frame((self.text * self.repeat).encode())
        if self.binary is not None:
            yield frame(json.dumps(self.binary).encode(), 0x2)
        if self.hex is not None:
            yield bytes.fromhex(self.hex)
        if self.close is not None:
            code = struct.pack("!H", self.close) if self.close else b""
            yield frame(code + self.reason.encode(), _CLOSE)


class MessageExample(BaseModel):
    """One answer over a WebSocket, and what is right to make of it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str
    """The answer in a few words; a row of docs/reference/answers.md."""
    why: str
    """The reason of the outcome."""
    outcome: Outcome
    """The outcome."""
    handshake: str | None = None
    """The response to the handshake, if it is not the usual one; lines end with LF."""
    greeting: list[Action] = []
    """Sent before the message of the client is read."""
    send: list[Action] = []
    """Sent after it."""
    end: Literal["hold", "close", "reset"] = "hold"
    """What happens after the last step."""
    expect: dict[str, Any] = {}
    """The expectation of the message; see docs/reference/prompts.md."""
    detail: list[str] = []
    """Words that the detail must contain."""
    status: int | None = None
    """Status of the sample, if it is not 101."""
    pieces: int | None = None
    """Number of pieces that arrived."""


class MessageKind(BaseModel):
    """The file of examples."""

    model_config = ConfigDict(extra="forbid")

    title: str
    about: str
    answers: list[MessageExample]


def read_messages() -> MessageKind:
    """Return the examples."""
    text = (FOLDER / "websocket.yaml").read_text(encoding="utf-8")
    return MessageKind.model_validate(yaml.safe_load(text))


def frame(content: bytes, opcode: int = _TEXT) -> bytes:
    """Return one complete frame of a server."""
    size = len(content)
    if size < _TWO_BYTES:
        head = bytes([_FINAL | opcode, size])
    elif size < 1 << 16:
        head = bytes([_FINAL | opcode, _TWO_BYTES]) + struct.pack("!H", size)
    else:
        head = bytes([_FINAL | opcode, _EIGHT_BYTES]) + struct.pack("!Q", size)
    return head + content


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the opcode and the content of a masked frame of a client."""
    first, second = await reader.readexactly(2)
    size = second & ~_MASK
    if size == _TWO_BYTES:
        size = int.from_bytes(await reader.readexactly(2))
    elif size == _EIGHT_BYTES:
        size = int.from_bytes(await reader.readexactly(8))
    key = await reader.readexactly(4)
    content = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ key[index % 4] for index, byte in enumerate(content))


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Read a handshake and accept it. Return its head."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    key = {name.lower(): value for name, value in fields.items()}["sec-websocket-key"]
    writer.write(usual_handshake(key.encode()))
    return head


def usual_handshake(key: bytes) -> bytes:
    """Return the response that accepts a handshake with this key."""
    lines = (
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: " + generate_accept_token(key),
    )
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def _serve(example: MessageExample, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if example.handshake is not None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(example.handshake.replace("\n", "\r\n").encode())
    else:
        await accept(reader, writer)
        await _act(example.greeting, writer)
        await read_frame(reader)
        await _act(example.send, writer)
    await writer.drain()
    if example.end == "hold":
        await reader.read()  # until the client closes
    elif example.end == "reset":
        await asyncio.sleep(0.02)  # the client reads what was sent; a reset discards what it has not read
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()


async def _act(actions: list[Action], writer: asyncio.StreamWriter) -> None:
    for action in actions:
        for content in action.frames():
            writer.write(content)
            await writer.drain()


@asynccontextmanager
async def serving_messages(example: MessageExample) -> AsyncIterator[str]:
    """Serve an answer on every connection. Yields the URL."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(example, reader, writer)

    async with listening(reply) as url:
        yield url
