"""Chat over a WebSocket, `/api/chat/ws`: the same events as in the stream over HTTP, one JSON message each.

The client sends `{"type": "message", "message": …}` and `{"type": "cancel"}`. Messages are answered one after
the other. The server sends `queued`, `message` with a piece of the text, and then `done`, `error` or
`cancelled`. The token is in the header `Authorization`, or, for browsers, in a subprotocol: `chat` and
`bearer.TOKEN` are offered, and `chat` is selected.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import aclosing
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from chatstack.bodies import BodyError, parse_object
from chatstack.chat.calls import DEFAULT_MODEL, read_message
from chatstack.chat.events import Ask, Done, Event, FailedError, Question
from chatstack.chat.rendering import render_event
from chatstack.parts.part import Surroundings
from chatstack.timing import Stopwatch
from chatstack.tokens import ACCESS, Asker, RefusedError, Tokens

PATH = "/api/chat/ws"
SUBPROTOCOL = "chat"
"""Subprotocol that the server selects if it is offered."""
_BEARER = "bearer."
_METHOD = "WEBSOCKET"  # in the counters of requests
_OK = 200
_UNAUTHORIZED = 401
_SERVER_ERROR = 500
_CLOSE_UNAUTHORIZED = 4401
_CLOSE_ERROR = 1011
_CLOSE_POLICY = 1008
_MOST_WAITING = 10
"""Messages of one client that wait for the answer before them."""


def make_routes(surroundings: Surroundings, ask: Ask) -> list[WebSocketRoute]:
    """Return the route of the call.

    Raises:
        SettingsError: WEBSOCKET is neither 0 nor 1.
    """
    surroundings.settings.switch("WEBSOCKET")
    return [WebSocketRoute(PATH, SocketCalls(surroundings, ask).serve)]


class SocketCalls:
    """The WebSocket call of the backend.

    Args:
        surroundings: Tokens, chats, counters, and the name of the model.
        ask: Answers questions.
    """

    def __init__(self, surroundings: Surroundings, ask: Ask) -> None:
        self._surroundings = surroundings
        self._ask = ask

    async def serve(self, socket: WebSocket) -> None:
        """Accept a client with a valid token, and answer its messages until it leaves."""
        at = datetime.now(UTC)
        began_s = time.perf_counter()
        try:
            asker = await _find_asker(socket, self._surroundings.tokens)
        except RefusedError as error:
            self._surroundings.record_end(at, _UNAUTHORIZED, time.perf_counter() - began_s)
            await socket.send_denial_response(JSONResponse({"error": str(error)}, _UNAUTHORIZED))
            return
        offered = socket.scope["subprotocols"]
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        await _Dialogue(socket, asker.token, self._ask, self._surroundings).run()


class _Dialogue:
    """The messages of one client.

    Args:
        socket: The accepted connection.
        token: Token of the client. It is checked for each message, as over HTTP.
        ask: Answers questions.
        surroundings: Tokens, chats, counters, and the name of the model.
    """

    def __init__(self, socket: WebSocket, token: str, ask: Ask, surroundings: Surroundings) -> None:
        self._socket = socket
        self._token = token
        self._ask = ask
        self._surroundings = surroundings
        self._model = surroundings.settings.text("MODEL", DEFAULT_MODEL)
        self._waiting: asyncio.Queue[str] = asyncio.Queue(_MOST_WAITING)
        self._answer: asyncio.Task[int] | None = None

    async def run(self) -> None:
        """Answer messages until the client leaves, which cancels the current answer."""
        work = asyncio.ensure_future(self._answer_all())
        is_too_fast = False
        try:
            await self._take_all()
        except asyncio.QueueFull:
            is_too_fast = True
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            for _ in range(self._waiting.qsize()):
                self._surroundings.record_end(datetime.now(UTC), None, 0.0)
        if is_too_fast and self._is_open():
            await self._socket.close(_CLOSE_POLICY, f"more than {_MOST_WAITING} messages wait")
        if not work.cancelled():
            work.result()

    def _is_open(self) -> bool:
        return self._socket.application_state is WebSocketState.CONNECTED

    async def _take_all(self) -> None:
        """Take messages of the client until it leaves: let a question wait, or end the current answer.

        Raises:
            asyncio.QueueFull: Too many messages wait.
        """
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            text = received.get("text") or ""
            if _read_type(text) != "cancel":
                self._waiting.put_nowait(text)
                await asyncio.sleep(0)  # so that its answer begins, and the next message can cancel it
            elif self._answer is not None:
                self._answer.cancel()

    async def _answer_all(self) -> None:
        try:
            while self._is_open():
                await self._answer_one(await self._waiting.get())
        except WebSocketDisconnect:
            return

    async def _answer_one(self, text: str) -> None:
        """Answer a message, and count it as a request."""
        measures = self._surroundings.measures
        at = datetime.now(UTC)
        began_s = time.perf_counter()
        status: int | None = None
        context = copy_context()  # each message has its own, as a request over HTTP
        self._answer = asyncio.create_task(self._try_to_answer(text), context=context)
        try:
            with measures.in_flight.track_inprogress():
                status = await self._await(self._answer)
        except WebSocketDisconnect:
            raise
        except Exception:
            status = _SERVER_ERROR
            await self._send_error(_SERVER_ERROR, "error")
            await self._socket.close(_CLOSE_ERROR)
            raise
        finally:
            self._answer = None
            seconds = time.perf_counter() - began_s
            measures.requests.labels(_METHOD, "none" if status is None else str(status)).inc()
            measures.seconds.observe(seconds)
            context.run(self._surroundings.record_end, at, status, seconds)

    async def _await(self, answer: "asyncio.Task[int]") -> int | None:
        """Return the status of an answer; `None` if the client cancelled it."""
        this_task = asyncio.current_task()
        assert this_task is not None  # noqa: S101 - it runs in a task
        try:
            return await answer
        except asyncio.CancelledError:
            if this_task.cancelling():
                raise
            await self._send({"type": "cancelled"})
            return None

    async def _try_to_answer(self, text: str) -> int:
        """Answer a message; return the status that the same answer has over HTTP."""
        headers: dict[str, str] = {}
        try:
            question = await self._read_question(text)
            headers = question.headers
            async with aclosing(self._ask(question)) as events:
                async for event in events:
                    await self._pass_on(event, question)
        except RefusedError as error:
            await self._send_error(_UNAUTHORIZED, str(error))
            await self._socket.close(_CLOSE_UNAUTHORIZED, str(error))
            return _UNAUTHORIZED
        except BodyError as error:
            await self._send_error(error.status, str(error))
            return error.status
        except FailedError as error:
            await self._send_error(error.status, error.message, headers | error.headers)
            return error.status
        return _OK

    async def _read_question(self, text: str) -> Question:
        """Return the question of a message.

        Raises:
            RefusedError: The token is no longer valid.
            BodyError: The message is not a question.
        """
        watch = Stopwatch("backend")
        with watch.part("auth"):
            asker = await self._surroundings.tokens.check(self._token, ACCESS)
        body = self._surroundings.parse_message(text.encode(errors="replace"))
        if body.get("type") != "message":
            raise BodyError("type must be message or cancel")
        message = read_message(body)
        await self._surroundings.record_chat(asker.user["_id"], len(message), datetime.now(UTC))
        return Question(asker.user, message, self._model, stream=True, watch=watch)

    async def _pass_on(self, event: Event, question: Question) -> None:
        rendered = render_event(event)
        if rendered is None:
            return
        name, content = rendered
        if isinstance(event, Done) and question.headers:
            content = {**content, "headers": question.headers}
        await self._send({"type": name, **content})

    async def _send_error(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        content: dict[str, Any] = {"type": "error", "status": status, "error": message}
        await self._send({**content, "headers": headers} if headers else content)

    async def _send(self, content: Mapping[str, Any]) -> None:
        await self._socket.send_text(json.dumps(content, ensure_ascii=False))


async def _find_asker(socket: WebSocket, tokens: Tokens) -> Asker:
    """Return the user whose token is in the handshake.

    Raises:
        RefusedError: The token is missing or invalid, or its user is not active.
    """
    if "authorization" not in socket.headers:
        for subprotocol in socket.scope["subprotocols"]:
            if subprotocol.startswith(_BEARER):
                return await tokens.check(subprotocol.removeprefix(_BEARER), ACCESS)
    return await tokens.asker(socket.headers)


def _read_type(text: str) -> Any:
    """Return the type of a message; `None` if it is not a JSON object."""
    try:
        return parse_object(text.encode(errors="replace")).get("type")
    except BodyError:
        return None
