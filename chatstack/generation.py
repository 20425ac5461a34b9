"""One generation: waits for its slot, takes its time, and reports it as Ollama does."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from chatstack.clock import iso_now
from chatstack.latency import Latency, prompt_tokens
from chatstack.slots import QueueFullError, Slots

_BUSY = "server busy, please try again.  maximum pending requests exceeded"


@dataclass(frozen=True, slots=True)
class ModelServer:
    """What all generations of a model share.

    Attributes:
        name: Of the model.
        latency: Its times.
        slots: Its queue.
        keeps_slots: A fault that some servers have: they go on for who has left, and others wait for that.
        unheard: Generations that such a server may go on with by itself.
    """

    name: str
    latency: Latency
    slots: Slots
    keeps_slots: bool = False
    unheard: set[asyncio.Task[None]] = field(default_factory=set)


class Generation:
    """An ASGI response that is written while the model thinks.

    It waits for its slot only when it is sent, so that a client that leaves at any moment frees it, unless
    the server keeps slots.

    Args:
        server: The model.
        prompt: What it reads.
        tokens: What it writes.
        wrap: Puts a text where the call's answer has it.
        streamed: One JSON line a token, or one document in the end.
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
        self._prompt_tokens = prompt_tokens(prompt)
        self._tokens = tokens
        self._wrap = wrap
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Generate and send, or say that the queue is full."""
        if not self._server.keeps_slots:
            await self._answer(scope, receive, send)
            return
        work = asyncio.ensure_future(self._answer(scope, receive, send))
        self._server.unheard.add(work)  # the loop itself would let go of it
        work.add_done_callback(self._server.unheard.discard)
        await asyncio.shield(work)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        times = _Times(arrived_s=_now_s())
        try:
            async with self._server.slots.slot():
                times.started_s = _now_s()
                if self._streamed:
                    await self._stream(send, times)
                    return
                text = "".join([token async for token in self._think(times)])
        except QueueFullError:
            await JSONResponse({"error": _BUSY}, 503)(scope, receive, send)
            return
        await JSONResponse(self._last(text, times))(scope, receive, send)

    async def _stream(self, send: Send, times: "_Times") -> None:
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for token in self._think(times):
            line = {"model": self._server.name, "created_at": iso_now(), **self._wrap(token), "done": False}
            await send({"type": "http.response.body", "body": _line(line), "more_body": True})
        await send({"type": "http.response.body", "body": _line(self._last("", times))})

    async def _think(self, times: "_Times") -> AsyncIterator[str]:
        """The tokens, each when it is due. Lateness of one sleep does not add to the next."""
        latency, slots = self._server.latency, self._server.slots
        due_s = times.started_s + latency.prefill_s(self._prompt_tokens)
        await _sleep_until(due_s)
        times.prefilled_s = _now_s()
        for token in self._tokens:
            due_s += latency.token_s(slots.running)
            await _sleep_until(due_s)
            yield token
        times.finished_s = _now_s()

    def _last(self, text: str, times: "_Times") -> dict[str, Any]:
        return {
            "model": self._server.name,
            "created_at": iso_now(),
            **self._wrap(text),
            "done": True,
            "done_reason": "stop",
            "total_duration": _ns(times.finished_s - times.arrived_s),
            "load_duration": 0,
            "prompt_eval_count": self._prompt_tokens,
            "prompt_eval_duration": _ns(times.prefilled_s - times.started_s),
            "eval_count": len(self._tokens),
            "eval_duration": _ns(times.finished_s - times.prefilled_s),
        }


@dataclass(slots=True)
class _Times:
    """One generation's moments on the event loop's clock."""

    arrived_s: float
    started_s: float = 0.0
    prefilled_s: float = 0.0
    finished_s: float = 0.0


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(due_s: float) -> None:
    await asyncio.sleep(max(0.0, due_s - _now_s()))


def _ns(duration_s: float) -> int:
    return round(duration_s * 1e9)


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
