"""The backend's `/api/chat` calls: the agent's answer, whole or as it is written."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chatstack.bodies import BodyError, json_object
from chatstack.clock import iso_now
from chatstack.ollama import reported_timing
from chatstack.stores.store import Store
from chatstack.timing import Stopwatch, stopwatch
from chatstack.tokens import Tokens
from chatstack.upstream import Upstream

CHAT_PATH = "/api/chat/ask-dynaform"
MAX_CHARACTERS = 10_000
_HEALTH_TIMEOUT_S = 5.0
_TIMEOUT, _UNAVAILABLE, _FAILED = 408, 503, 500


class Chat:
    """Chatting with the agent below."""

    def __init__(self, store: Store, tokens: Tokens, upstream: Upstream, model: str) -> None:
        self._store = store
        self._tokens = tokens
        self._upstream = upstream
        self._model = model

    def routes(self) -> list[Route]:
        """The calls."""
        return [
            Route("/api/chat/health", self._health, methods=["GET"]),
            Route(CHAT_PATH, self._ask, methods=["POST"]),
        ]

    async def _health(self, request: Request) -> Response:
        await self._tokens.asker(request.headers)
        try:
            async with self._upstream.client() as client:
                response = await client.get("/api/tags", timeout=_HEALTH_TIMEOUT_S)
        except httpx.HTTPError:
            response = None
        if response is None or not response.is_success:
            return JSONResponse({"error": "the AI agent does not answer"}, _UNAVAILABLE)
        return JSONResponse({"success": True, "message": "chat is available", "timestamp": iso_now()})

    async def _ask(self, request: Request) -> "Response | _AnswerStream":
        watch = stopwatch(request)
        with watch.part("auth"):
            asker = await self._tokens.asker(request.headers)
        body = await json_object(request)
        message = _message(body)
        await self._store.record_chat(asker.user["_id"], len(message), datetime.now(UTC))
        asked = {"model": self._model, "prompt": message, "stream": body.get("stream") is True}
        if asked["stream"]:
            return _AnswerStream(self._upstream, asked, watch)
        try:
            with watch.elsewhere():
                async with self._upstream.client() as client:
                    response = await client.post("/api/generate", json=asked)
        except httpx.HTTPError as error:
            return _unreachable(error)
        watch.pass_on(response.headers.get("server-timing", ""))
        text = _text(response)
        if text is None:
            return _refused(response.status_code)
        return JSONResponse({"success": True, "data": {"message": text, "timestamp": iso_now()}})


class _AnswerStream:
    """An answer as server-sent events: one `data:` a piece, then `event: done` with the tiers' times."""

    def __init__(self, upstream: Upstream, asked: Mapping[str, Any], watch: Stopwatch) -> None:
        self._upstream = upstream
        self._asked = asked
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the agent's answer on while it comes."""
        begun = False
        try:
            async with (
                self._upstream.client() as client,
                client.stream("POST", "/api/generate", json=self._asked) as upstream,
            ):
                if not upstream.is_success:
                    await _refused(upstream.status_code)(scope, receive, send)
                    return
                await _start(send)
                begun = True
                async for line in upstream.aiter_lines():
                    await send(_event(json.loads(line)))
        except (httpx.HTTPError, ValueError) as error:
            if not begun:
                await _unreachable(error)(scope, receive, send)
                return
            await send(_body(f'event: error\ndata: {{"error": "{type(error).__name__}"}}\n\n'))
        await send({"type": "http.response.body", "body": b""})


async def _start(send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


def _event(line: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the agent's stream as an event."""
    if line.get("done"):
        content = {"tokens": line.get("eval_count"), "timing": reported_timing(line), "timestamp": iso_now()}
        return _body(f"event: done\ndata: {json.dumps(content)}\n\n")
    return _body(f"data: {json.dumps({'message': line.get('response', '')}, ensure_ascii=False)}\n\n")


def _body(text: str) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


def _message(body: Mapping[str, Any]) -> str:
    message = body.get("message")
    if not isinstance(message, str) or not message.strip():
        raise BodyError("message is required")
    if len(message.strip()) > MAX_CHARACTERS:
        raise BodyError(f"message is longer than {MAX_CHARACTERS} characters")
    return message.strip()


def _text(response: httpx.Response) -> str | None:
    """The agent's answer; None when it gave none."""
    if not response.is_success:
        return None
    try:
        text = response.json()["response"]
    except (ValueError, KeyError, TypeError):
        return None
    return text if isinstance(text, str) else None


def _unreachable(error: Exception) -> JSONResponse:
    match error:
        case httpx.TimeoutException():
            return JSONResponse({"error": "the AI agent did not answer in time"}, _TIMEOUT)
        case httpx.ConnectError():
            return JSONResponse({"error": "the AI agent is not available"}, _UNAVAILABLE)
        case _:
            return JSONResponse({"error": "the AI agent broke off"}, _FAILED)


def _refused(status: int) -> JSONResponse:
    """The agent's 4xx is the asker's; whatever else it says is a fault of ours."""
    passed_on = status if 400 <= status < 500 else _FAILED  # noqa: PLR2004 - client errors, by RFC 9110
    return JSONResponse({"error": "the AI agent could not answer"}, passed_on)
