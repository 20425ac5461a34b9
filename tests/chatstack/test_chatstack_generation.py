import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.types import Message

from bench.mock.slots import Slots
from chatstack.engines.latency import Latency
from chatstack.engines.simulated import SimulatedEngine
from chatstack.generation import Generation, ModelServer
from tests.chatstack.stacks import MODEL
from tests.virtual_time import run_virtually

# Four characters of a prompt are a token, which takes 1 ms to read. A token alone takes 10 ms to write.
LATENCY = Latency(prefill_tps=1000, decode_tps=100, contention=0.5)
MS = 1_000_000


class _Client:
    """A client that records the messages and their times; each message takes it `slow_s`."""

    def __init__(self, slow_s: float = 0.0) -> None:
        self.messages: list[Message] = []
        self.moments_s: list[float] = []
        self._slow_s = slow_s

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        self.moments_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._slow_s)

    async def receive(self) -> Message:
        """Fail: a generation never reads from the client."""
        raise NotImplementedError

    @property
    def status(self) -> int:
        """Return the status of the response."""
        return int(self.messages[0]["status"])

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Return the JSON objects that the client received."""
        content = b"".join(message.get("body", b"") for message in self.messages)
        return [json.loads(line) for line in content.splitlines()]


@dataclass(frozen=True)
class _Model:
    server: ModelServer
    engine: SimulatedEngine

    @property
    def slots(self) -> Slots:
        """Return the queue of the model."""
        return self.server.slots


def _server(*, parallel: int = 1, max_queue: int = 512, latency: Latency = LATENCY) -> _Model:
    slots = Slots(parallel, max_queue)
    return _Model(ModelServer((MODEL,), slots), SimulatedEngine(latency, slots))


async def _generate(
    model: _Model, client: _Client, *, prompt: int = 10, tokens: int = 5, streamed: bool = True
) -> dict[str, Any]:
    """Run a generation with these numbers of tokens, and return its last object."""
    work = model.engine.plan_tokens("abcd" * prompt, ["word"] * tokens)
    generation = Generation(model.server, MODEL, work, lambda text: {"response": text}, streamed=streamed)
    await generation({"type": "http"}, client.receive, client.send)
    return client.objects[-1]


@pytest.mark.parametrize("streamed", [True, False])
def test_durations_follow_the_latency_model(streamed: bool) -> None:
    """A request that runs alone takes exactly the times of the latency model."""
    last = run_virtually(_generate(_server(), _Client(), prompt=10, tokens=5, streamed=streamed))
    assert last["prompt_eval_count"] == 10
    assert last["prompt_eval_duration"] == 10 * MS
    assert last["eval_count"] == 5
    assert last["eval_duration"] == 50 * MS
    assert last["total_duration"] == 60 * MS
    assert last["load_duration"] == 0
    assert (last["done"], last["done_reason"], last["model"]) == (True, "stop", MODEL)


def test_a_delay_is_part_of_the_prefill() -> None:
    """The delay of the model is in `prompt_eval_duration`."""
    latency = Latency(prefill_tps=1000, decode_tps=100, delay_s=0.25, slowdown=2)
    last = run_virtually(_generate(_server(latency=latency), _Client(), prompt=10, tokens=5))
    assert last["prompt_eval_duration"] == 270 * MS
    assert last["eval_duration"] == 100 * MS


def test_each_token_is_sent_when_it_is_due() -> None:
    """A stream starts at once, and its first token follows after the prefill."""
    client = _Client()
    run_virtually(_generate(_server(), client, prompt=10, tokens=3))
    assert client.moments_s == pytest.approx([0, 0.02, 0.03, 0.04, 0.04], abs=1e-9)
    assert [entry["response"] for entry in client.objects] == ["word", "word", "word", ""]
    assert [entry["done"] for entry in client.objects] == [False, False, False, True]
    assert [entry.get("more_body", False) for entry in client.messages[1:]] == [True, True, True, False]


def test_a_complete_response_is_sent_at_the_end() -> None:
    """Without streaming the response is one document, sent after the last token."""
    client = _Client()
    last = run_virtually(_generate(_server(), client, prompt=10, tokens=3, streamed=False))
    assert last["response"] == "wordwordword"
    assert client.moments_s == pytest.approx([0.04, 0.04], abs=1e-9)


def test_the_total_duration_includes_the_wait() -> None:
    """The wait for a slot is in the total duration only."""

    async def three() -> list[dict[str, Any]]:
        server = _server(parallel=1)
        return await asyncio.gather(*(_generate(server, _Client()) for _ in range(3)))

    answers = run_virtually(three())
    assert [answer["total_duration"] for answer in answers] == [60 * MS, 120 * MS, 180 * MS]
    assert {answer["prompt_eval_duration"] for answer in answers} == {10 * MS}
    assert {answer["eval_duration"] for answer in answers} == {50 * MS}


def test_running_requests_slow_each_other_down() -> None:
    """A token takes longer while other requests run, and no longer afterwards."""

    async def two() -> tuple[dict[str, Any], dict[str, Any]]:
        server = _server(parallel=2)
        return await asyncio.gather(
            _generate(server, _Client(), prompt=1, tokens=4),
            _generate(server, _Client(), prompt=6, tokens=2),
        )

    long, short = run_virtually(two())
    assert short["eval_duration"] == (15 + 15) * MS
    assert long["eval_duration"] == (15 + 15 + 15 + 10) * MS


def test_delays_of_a_slow_client_do_not_add_up() -> None:
    """A client that reads each token late delays no later token."""
    client = _Client(slow_s=0.004)
    run_virtually(_generate(_server(), client, prompt=10, tokens=4))
    assert client.moments_s[1:5] == pytest.approx([0.02, 0.03, 0.04, 0.05], abs=1e-9)


def test_a_full_queue_answers_503() -> None:
    """A request that finds the queue full gets 503 at once, as with Ollama."""

    async def two() -> _Client:
        server, client = _server(max_queue=0), _Client()
        running = asyncio.ensure_future(_generate(server, _Client()))
        await asyncio.sleep(0.001)
        await _generate(server, client)
        assert not running.done()
        await running
        return client

    client = run_virtually(two())
    assert client.status == 503
    assert client.objects == [{"error": "server busy, please try again.  maximum pending requests exceeded"}]
    assert client.moments_s == [0.001, 0.001]


@pytest.mark.parametrize("moment_s", [0.005, 0.035])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_cancelled_generation_frees_its_slot(moment_s: float, streamed: bool) -> None:
    """The next waiting request starts at once after a cancellation."""

    async def two() -> dict[str, Any]:
        server = _server()
        running = asyncio.ensure_future(_generate(server, _Client(), streamed=streamed))
        waiting = asyncio.ensure_future(_generate(server, _Client()))
        await asyncio.sleep(moment_s)
        assert (server.slots.running, server.slots.waiting) == (1, 1)
        running.cancel()
        last = await waiting
        assert (server.slots.running, server.slots.waiting) == (0, 0)
        return last

    last = run_virtually(two())
    assert last["total_duration"] == round((moment_s + 0.06) * 1e9)


def test_a_slowdown_applies_to_prompts_of_a_length_only() -> None:
    """Prompts with fewer or more tokens than the limits take their usual time."""
    latency = Latency(prefill_tps=1000, decode_tps=100, slowdown=3.0, slowdown_from=10, slowdown_to=12)
    durations: dict[int, int] = {}
    for tokens in (9, 10, 12, 13):
        last = run_virtually(_generate(_server(latency=latency), _Client(), prompt=tokens))
        durations[tokens] = last["prompt_eval_duration"] // MS
    assert durations == {9: 9, 10: 30, 12: 36, 13: 13}


def test_a_slowdown_applies_to_a_share_of_the_requests() -> None:
    """One in four requests is slow, at equal distances."""
    latency = Latency(prefill_tps=1000, decode_tps=100, slowdown=2.0, slowdown_ratio=0.25)
    server = _server(latency=latency)
    slow: list[bool] = []
    for _ in range(8):
        last = run_virtually(_generate(server, _Client(), prompt=10))
        slow.append(last["prompt_eval_duration"] == 20 * MS)
    assert slow == [False, True, False, False, False, True, False, False]
