"""One generation: it waits for a slot, takes its simulated time, and reports it like Ollama."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from bench.mock.api_format import GenerationTimes
from bench.mock.ollama import BUSY, LINES, last_line, last_object, part_line
from bench.mock.slots import QueueFullError, Slots
from bench.mock.texts import count_tokens
from chatstack.knobs import Share
from chatstack.latency import Latency


@dataclass(frozen=True, slots=True)
class ModelServer:
    """The state that all generations of a model share.

    Attributes:
        name: Name of the model.
        latency: Rates of the model.
        slots: Queue of the model.
        keeps_slots: Fault of some servers: they finish the generation of a client that left, and others wait.
        slowed: Share of the requests that the slowdown of the latency applies to.
        unheard: Generations without a client, which such a server finishes.
    """

    name: str
    latency: Latency
    slots: Slots
    keeps_slots: bool = False
    slowed: Share = field(default_factory=lambda: Share(1.0))
    unheard: set[asyncio.Task[None]] = field(default_factory=set)

    def latency_of(self, prompt_tokens: int) -> Latency:
        """Return the latency of the next request, which has this number of tokens."""
        is_slow = self.latency.may_slow(prompt_tokens) and self.slowed.next()
        return self.latency if is_slow else self.latency.unslowed


class Generation:
    """An ASGI response that is written while the model generates.

    It waits for its slot only when it is sent, so that a client that leaves at any moment frees the slot,
    unless the server keeps slots.

    Args:
        server: The model.
        prompt: Text of the prompt.
        tokens: Tokens of the answer.
        wrap: Function that puts a text into the format of the call's answer.
        streamed: True for one JSON line per token, false for one document at the end.
    """

    def __init__(
        self,
        server: ModelServer,
        prompt: str,
        tokens: Sequence[str],
        wrap: Callable[[str], dict[str, Any]],
        *,
        streamed: bool,
    ) -> None:
        self._server = server
        self._prompt_tokens = count_tokens(prompt)
        self._latency = server.latency_of(self._prompt_tokens)
        self._tokens = tokens
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
                text = "".join([token async for token in self._think(times)])
        except QueueFullError:
            await JSONResponse({"error": BUSY}, 503)(scope, receive, send)
            return
        await JSONResponse(self._last(text, times))(scope, receive, send)

    async def _stream(self, send: Send, times: GenerationTimes) -> None:
        headers = [(b"content-type", LINES)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for token in self._think(times):
            line = part_line(self._server.name, self._wrap(token))
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": last_line(self._last("", times))})

    async def _think(self, times: GenerationTimes) -> AsyncIterator[str]:
        """Yield each token when it is due. The delay of one sleep does not add to the next."""
        latency = self._latency
        slots = self._server.slots
        due_s = times.started_s + latency.prefill_s(self._prompt_tokens)
        await _sleep_until(due_s)
        times.prefilled_s = _now_s()
        for token in self._tokens:
            due_s += latency.token_s(slots.running)
            await _sleep_until(due_s)
            yield token
        times.finished_s = _now_s()

    def _last(self, text: str, times: GenerationTimes) -> dict[str, Any]:
        counts = self._prompt_tokens, len(self._tokens)
        return last_object(self._server.name, self._wrap(text), times, counts)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(due_s: float) -> None:
    await asyncio.sleep(max(0.0, due_s - _now_s()))
