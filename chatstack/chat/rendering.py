"""The forms of an answer over HTTP: one JSON document, or server-sent events."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, assert_never

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bench.mock.clock import iso_now
from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question, Queued, Started


async def answer_document(ask: Ask, question: Question) -> Response:
    """Return the complete answer as one document."""
    pieces: list[str] = []
    try:
        async with aclosing(ask(question)) as events:
            async for event in events:
                if isinstance(event, Piece):
                    pieces.append(event.text)
    except FailedError as error:
        return _failure(error, question)
    content = {"success": True, "data": {"message": "".join(pieces), "timestamp": iso_now()}}
    return JSONResponse(content, headers=question.headers)


class AnswerStream:
    """An ASGI response with one `data:` per piece, then `event: done` with tier times, or `event: error`.

    Args:
        ask: Answers the question.
        question: The question.
    """

    def __init__(self, ask: Ask, question: Question) -> None:
        self._ask = ask
        self._question = question

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the events while they arrive."""
        started = False
        last = ""
        try:
            async with aclosing(self._ask(self._question)) as events:
                async for event in events:
                    if not started:
                        await send({"type": "http.response.start", "status": 200, "headers": self._headers()})
                        started = True
                    await _send(event, send)
        except FailedError as error:
            if not started:
                await _failure(error, self._question)(scope, receive, send)
                return
            last = _named("error", {"error": error.message})
        await send(_body(last, more=False))

    def _headers(self) -> list[tuple[bytes, bytes]]:
        headers = {"content-type": "text/event-stream", "cache-control": "no-cache"} | self._question.headers
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def render_event(event: Event) -> tuple[str, Mapping[str, Any]] | None:
    """Return the name and the content of an event for clients; `None` for an event that they do not see."""
    match event:
        case Piece(text):
            return "message", {"message": text}
        case Done():
            content = {"tokens": event.tokens, "timing": event.timing, "timestamp": iso_now()}
            return "done", {**content, **event.details}
        case Queued():
            wait_s = None if event.wait_s is None else round(event.wait_s, 1)
            return "queued", {"position": event.position, "wait_s": wait_s}
        case Started():
            return None
        case _:
            assert_never(event)


async def _send(event: Event, send: Send) -> None:
    rendered = render_event(event)
    if rendered is not None:
        name, content = rendered
        text = _named(name, content) if name != "message" else f"data: {_json(content)}\n\n"
        await send(_body(text, more=True))


def _named(name: str, content: Mapping[str, Any]) -> str:
    return f"event: {name}\ndata: {_json(content)}\n\n"


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False)


def _failure(error: FailedError, question: Question) -> Response:
    return JSONResponse({"error": error.message}, error.status, headers=question.headers | error.headers)


def _body(text: str, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
