"""Small chat services on loopback, one interface each, for tests that send a real load."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

WORDS = ("One ", "two ", "three.")
MODELS = {"data": [{"id": "text-embedding-1"}, {"id": "tiny-1"}]}


@dataclass
class Call:
    """A request that a service received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Answer:
    """An answer: one part, or several that are streamed."""

    parts: Sequence[bytes]
    status: str = "200 OK"
    kind: str = "application/json"
    delay_s: float = 0.0


@dataclass
class Service:
    """A service and the requests that it received."""

    url: str
    calls: list[Call] = field(default_factory=list)

    @property
    def posts(self) -> list[Call]:
        """The requests with a message."""
        return [call for call in self.calls if call.method == "POST"]


Respond = Callable[[Call, int], Answer]


def document(content: Any, status: str = "200 OK", delay_s: float = 0.0) -> Answer:
    """Return one JSON document."""
    return Answer((json.dumps(content).encode(),), status, delay_s=delay_s)


def events(*documents: tuple[str | None, Any]) -> Answer:
    """Return server-sent events: the name and the document of each."""
    parts = []
    for name, content in documents:
        head = b"" if name is None else f"event: {name}\n".encode()
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        parts.append(head + b"data: " + data + b"\n\n")
    return Answer(parts, kind="text/event-stream")


def lines(*documents: Any) -> Answer:
    """Return JSON documents, one per line."""
    parts = [json.dumps(content).encode() + b"\n" for content in documents]
    return Answer(parts, kind="application/x-ndjson")


def openai_chat(call: Call, _: int) -> Answer:
    """OpenAI's chat API, streaming if the request asks for it."""
    if call.path == "/v1/models":
        return document(MODELS)
    if call.path != "/v1/chat/completions":
        return document({"error": {"message": "no such path"}}, "404 Not Found")
    if not call.body.get("stream"):
        return document({"choices": [{"message": {"content": "".join(WORDS)}, "finish_reason": "stop"}]})
    pieces = [(None, {"choices": [{"delta": {"content": word}}]}) for word in WORDS]
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 3}}
    return events(*pieces, (None, end), (None, b"[DONE]"))


def openai_completions(call: Call, _: int) -> Answer:
    """OpenAI's older API."""
    if call.path != "/v1/completions" or "prompt" not in call.body:
        return document({"error": "no"}, "404 Not Found")
    if not call.body.get("stream"):
        return document({"choices": [{"text": "".join(WORDS), "finish_reason": "stop"}]})
    return events(*[(None, {"choices": [{"text": word}]}) for word in WORDS], (None, b"[DONE]"))


def openai_responses(call: Call, _: int) -> Answer:
    """OpenAI's API of responses."""
    if call.path != "/v1/responses" or "input" not in call.body:
        return document({"error": "no"}, "404 Not Found")
    if not call.body.get("stream"):
        parts = [{"type": "output_text", "text": "".join(WORDS)}]
        output = [{"type": "reasoning", "summary": []}, {"type": "message", "content": parts}]
        return document({"error": None, "output": output, "usage": {"output_tokens": 3}})
    kind = "response.output_text.delta"
    pieces = [(kind, {"type": kind, "delta": word}) for word in WORDS]
    end = {"type": "response.completed", "response": {"error": None, "usage": {"output_tokens": 3}}}
    return events(*pieces, ("response.completed", end))


def anthropic(call: Call, _: int) -> Answer:
    """Anthropic's API of messages."""
    if call.path != "/v1/messages" or "anthropic-version" not in call.headers:
        return document({"error": {"type": "not_found_error", "message": "no"}}, "404 Not Found")
    if not call.body.get("stream"):
        parts = [{"type": "text", "text": "".join(WORDS)}]
        return document({"content": parts, "stop_reason": "end_turn", "usage": {"output_tokens": 3}})
    start = {"type": "message_start", "message": {"usage": {"output_tokens": 1}}}
    kind = "content_block_delta"
    pieces = [(kind, {"type": kind, "delta": {"type": "text_delta", "text": word}}) for word in WORDS]
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
    end = ("message_stop", {"type": "message_stop"})
    return events(("message_start", start), *pieces, ("message_delta", stop), end)


def ollama(call: Call, _: int) -> Answer:
    """Ollama's own API."""
    if call.path == "/api/tags":
        return document({"models": [{"name": "nomic-embed-text"}, {"name": "qwen:0.5b"}]})
    end = {"done": True, "done_reason": "stop", "eval_count": 3}
    if call.path == "/api/chat":
        return lines(*[{"message": {"content": word}} for word in WORDS], {"message": {"content": ""}, **end})
    if call.path == "/api/generate":
        return lines(*[{"response": word} for word in WORDS], {"response": "", **end})
    return Answer((b"404 page not found",), "404 Not Found", "text/plain")


def plain(call: Call, _: int) -> Answer:
    """A chat backend of its own kind, which names its missing field like FastAPI."""
    if call.path != "/ask":
        return document({"detail": "Not Found"}, "404 Not Found")
    if "utterance" not in (call.body or {}):
        missing = {"type": "missing", "loc": ["body", "utterance"], "msg": "Field required"}
        return document({"detail": [missing]}, "422 Unprocessable Content")
    return document({"data": {"message": f"You wrote {call.body['utterance']}"}})


@asynccontextmanager
async def serve(respond: Respond) -> AsyncIterator[Service]:
    """Serve one interface on a free port."""
    service = Service("")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                call = await _read(reader)
                service.calls.append(call)
                await _write(writer, respond(call, len(service.posts)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield service
    finally:
        listener.close()


async def _read(reader: asyncio.StreamReader) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *rest = head.splitlines()
    method, path, _ = first.split(" ")
    headers = {}
    for line in filter(None, rest):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(method, path, headers, json.loads(body) if body else None)


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    await asyncio.sleep(answer.delay_s)
    head = f"HTTP/1.1 {answer.status}\r\ncontent-type: {answer.kind}\r\ntransfer-encoding: chunked\r\n\r\n"
    writer.write(head.encode())
    for part in answer.parts:
        writer.write(b"%x\r\n%s\r\n" % (len(part), part))
        await writer.drain()
        await asyncio.sleep(0)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
