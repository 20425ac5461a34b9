"""One generation: it waits for a slot, takes its simulated time, and reports it like Ollama."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from bench.mock.api_format import GenerationTimes
from bench.mock.ollama import BUSY, LINES, last_line, last_object, part_line
from bench.mock.slots import QueueFullError, Slots
from chatstack.engines.engine import EngineError, Work


@dataclass(frozen=True, slots=True)
class ModelServer:
    """The state that all generations of a model share.

    Attributes:
        names: Names of the models, the usual one first.
        slots: Queue of the model.
        keeps_slots: Fault of some servers: they finish the generation of a client that left, and others wait.
        unheard: Generations without a client, which such a server finishes.
    """

    names: tuple[str, ...]
    slots: Slots
    keeps_slots: bool = False
    unheard: set[asyncio.Task[None]] = field(default_factory=set)


class Generation:
    """An ASGI response that is written while the model generates.

    It waits for its slot only when it is sent, so that a client that leaves at any moment frees the slot,
    unless the server keeps slots.

    Args:
        server: The model.
        model: Name of the model that was asked.
        work: Generates the answer.
        wrap: Function that puts a text into the format of the call's answer.
        streamed: True for one JSON line per token, false for one document at the end.
    """

    def __init__(
        self,
        server: ModelServer,
        model: str,
        work: Work,
        wrap: Callable[[str], dict[str, Any]],
        *,
        streamed: bool,
    ) -> None:
        self._server = server
        self._model = model
        self._work = work
        self._wrap = wrap
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Generate and send the answer, or report that the queue is full."""
        if not self._server.keeps_slots:
            await self._answer(scope, receive, send)
            return
        work = asyncio.ensure_future(self._answer(scope, receive, send))
        self._server.unheard.add(work)  # the event loop keeps only a weak reference
        work.add_done_callback(self._server.unheard.discard)
        await asyncio.shield(work)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        times = GenerationTimes(arrived_s=_now_s())
        try:
            async with self._server.slots.slot():
                times.started_s = _now_s()
                if self._streamed:
                    await self._stream(send, times)
                    return
                text = "".join([token async for token in self._work.generate(times)])
        except QueueFullError:
            await JSONResponse({"error": BUSY}, 503)(scope, receive, send)
            return
        except EngineError as error:
            await JSONResponse({"error": str(error)}, error.status)(scope, receive, send)
            return
        await JSONResponse(self._last(text, times))(scope, receive, send)

    async def _stream(self, send: Send, times: GenerationTimes) -> None:
        headers = [(b"content-type", LINES)]
        async with aclosing(self._work.generate(times)) as tokens:
            await anext(tokens)  # before the response starts, because it may raise an error with a status
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                async for token in tokens:
                    line = part_line(self._model, self._wrap(token))
                    await send({"type": "http.response.body", "body": line, "more_body": True})
                last = last_line(self._last("", times))
            except EngineError as error:
                last = last_line({"error": str(error)})
        await send({"type": "http.response.body", "body": last})

    def _last(self, text: str, times: GenerationTimes) -> dict[str, Any]:
        counts = self._work.prompt_tokens, self._work.output_tokens
        return last_object(self._model, self._wrap(text), times, counts)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
