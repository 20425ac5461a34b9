"""The backend's streaming answer: server-sent events while the agent writes."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from bench.mock.clock import iso_now
from chatstack.failures import refused, unreachable
from chatstack.ollama import reported_timing
from chatstack.timing import Stopwatch
from chatstack.upstream import Upstream


class AnswerStream:
    """An ASGI response with one `data:` per piece, then `event: done` with tier times, or `event: error`.

    Args:
        upstream: The agent.
        asked: Body of the request to the agent.
        watch: Stopwatch of the answered request.
    """

    def __init__(self, upstream: Upstream, asked: Mapping[str, Any], watch: Stopwatch) -> None:
        self._upstream = upstream
        self._asked = asked
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the agent's answer while it arrives."""
        try:
            async with self._upstream.client() as client:
                request = client.build_request("POST", "/api/generate", json=self._asked)
                with self._watch.elsewhere():
                    response = await client.send(request, stream=True)
                try:
                    if response.is_success:
                        await _pass_on(response, send)
                    else:
                        await refused(response.status_code)(scope, receive, send)
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            await unreachable(error)(scope, receive, send)


async def _pass_on(response: httpx.Response, send: Send) -> None:
    """Send the stream. An error after its start becomes its last event."""
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    done = False
    try:
        async for text in response.aiter_lines():
            if text.strip():
                line = _parsed(text)
                done = line.get("done") is True
                await send(_body(_events(line), more=True))
        last = "" if done else _error("the AI agent did not finish")
    except (httpx.HTTPError, ValueError):
        last = _error("the AI agent broke off")
    await send(_body(last, more=False))


def _parsed(text: str) -> dict[str, Any]:
    line = json.loads(text)
    if not isinstance(line, dict) or "error" in line:
        raise ValueError("not a piece of an answer")
    return line


def _events(line: Mapping[str, Any]) -> str:
    """Return the events of one line of Ollama: its text and, for the last line, the tier times."""
    text, done = line.get("response", ""), line.get("done") is True
    events = f"data: {json.dumps({'message': text}, ensure_ascii=False)}\n\n" if text or not done else ""
    if done:
        content = {"tokens": line.get("eval_count"), "timing": reported_timing(line), "timestamp": iso_now()}
        events += f"event: done\ndata: {json.dumps(content)}\n\n"
    return events


def _error(text: str) -> str:
    return f"event: error\ndata: {json.dumps({'error': text})}\n\n"


def _body(text: str, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
