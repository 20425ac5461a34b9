"""A simulated model: given answers at the times of a latency model."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from bench.mock.api_format import GenerationTimes
from bench.mock.slots import Slots
from bench.mock.texts import count_tokens
from chatstack.engines.latency import Latency
from chatstack.engines.replies import reply
from chatstack.knobs import Share


class SimulatedEngine:
    """A model whose answers and times are simulated.

    Args:
        latency: Rates of the model.
        slots: Queue of the model; requests that run slow each other down.
        sizes: Factor on the times of each further model, by its name.
    """

    version = "0.0.0-chatstack"

    def __init__(self, latency: Latency, slots: Slots, sizes: Mapping[str, float] = {}) -> None:
        self._latency = latency
        self._slots = slots
        self._sizes = sizes
        self._slowed = Share(latency.slowdown_ratio)

    def plan(self, body: Mapping[str, Any], prompt: str) -> "SimulatedWork":
        """Return the work for a request."""
        size = self._sizes.get(str(body.get("model")), 1.0)
        return self.plan_tokens(prompt, reply(self._latency, body, prompt), size)

    def plan_tokens(self, prompt: str, tokens: Sequence[str], size: float = 1.0) -> "SimulatedWork":
        """Return the work for a prompt with the given answer, by a model of a size."""
        prompt_tokens = count_tokens(prompt)
        is_slow = self._latency.may_slow(prompt_tokens) and self._slowed.next()
        latency = self._latency if is_slow else self._latency.unslowed
        return SimulatedWork(latency.of_size(size), self._slots, prompt_tokens, tokens)

    async def close(self) -> None:
        """Do nothing: a simulated model holds no memory."""


class SimulatedWork:
    """Yields given tokens at the simulated times.

    Args:
        latency: Rates of the model for this request.
        slots: Queue of the model.
        prompt_tokens: Number of tokens of the prompt.
        tokens: Tokens of the answer.
    """

    def __init__(self, latency: Latency, slots: Slots, prompt_tokens: int, tokens: Sequence[str]) -> None:
        self.prompt_tokens = prompt_tokens
        self.output_tokens = len(tokens)
        self._latency = latency
        self._slots = slots
        self._tokens = tokens

    async def generate(self, times: GenerationTimes) -> AsyncGenerator[str, None]:
        """Yield each token when it is due. The delay of one sleep does not add to the next."""
        yield ""
        due_s = times.started_s + self._latency.prefill_s(self.prompt_tokens)
        await _sleep_until(due_s)
        times.prefilled_s = _now_s()
        for token in self._tokens:
            due_s += self._latency.token_s(self._slots.running)
            await _sleep_until(due_s)
            yield token
        times.finished_s = _now_s()


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(due_s: float) -> None:
    await asyncio.sleep(max(0.0, due_s - _now_s()))
