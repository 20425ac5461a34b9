"""The times of the mock model, in virtual time: they cannot depend on the speed of the machine."""

import asyncio

import pytest

from tests.mock.virtual import CHAT, MESSAGES, Client, ask, chat, make_server, run

EXACT = 1e-6


def _ollama(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": MESSAGES, **more}


def test_token_k_leaves_at_ttft_plus_k_gaps_in_two_hundred_streams() -> None:
    """Two hundred streams with different times do not delay each other, and no delay adds up."""

    async def work() -> list[tuple[Client, float, int, int]]:
        server = make_server()
        clients = []
        for number in range(200):
            ttft_ms, gap_ms = 20 + number % 50, 3 + number % 7
            client = Client(server)
            sent_s = client.send(CHAT, chat(f"mock-ttft{ttft_ms}-gap{gap_ms}-n100"))
            clients.append((client, sent_s, ttft_ms, gap_ms))
            await asyncio.sleep(0.0007)
        await asyncio.sleep(10)
        return clients

    for client, sent_s, ttft_ms, gap_ms in run(work()):
        planned_s = [sent_s + (ttft_ms + gap_ms * k) / 1000 for k in range(100)]
        assert client.moments_s == pytest.approx(planned_s, abs=EXACT)
        assert client.is_complete


def test_the_delay_of_a_token_does_not_delay_the_next_one() -> None:
    """On a machine that wakes the server 3 ms late each time, the last token is 3 ms late, and not 300 ms."""

    async def work() -> Client:
        client = Client(make_server(late_s=0.003))
        client.send(CHAT, chat("mock-ttft20-gap5-n100"))
        await asyncio.sleep(10)
        return client

    planned_s = [0.02 + 0.005 * k + 0.003 for k in range(100)]
    assert run(work()).moments_s == pytest.approx(planned_s, abs=EXACT)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, chat("mock-ttft40-gap10-n5")),
        ("/v1/completions", {"model": "mock-ttft40-gap10-n5", "prompt": "Say", "stream": True}),
        ("/api/chat", _ollama("mock-ttft40-gap10-n5")),
        ("/api/generate", {"model": "mock-ttft40-gap10-n5", "prompt": "Say"}),
        ("/v1/messages", chat("mock-ttft40-gap10-n5", max_tokens=99)),
    ],
)
def test_all_apis_have_the_same_times(path: str, body: dict[str, object]) -> None:
    """A stream's writes have the planned times, and a document leaves at the time of the last token."""
    assert ask(path, body).moments_s == pytest.approx([0.04, 0.05, 0.06, 0.07, 0.08], abs=EXACT)
    assert ask(path, {**body, "stream": False}).moments_s == pytest.approx([0.08], abs=EXACT)


def test_tokens_that_leave_together_leave_when_the_first_is_due() -> None:
    """With 4 tokens per write, 10 tokens are 3 writes at the times of tokens 0, 4 and 8."""
    client = ask(CHAT, chat("mock-ttft40-gap10-n10-write4", stream_options={"include_usage": True}))
    assert client.moments_s == pytest.approx([0.04, 0.08, 0.12], abs=EXACT)
    deltas = [event["choices"][0]["delta"].get("content") for event in client.events[1:4]]
    assert [len(delta.split()) for delta in deltas] == [4, 4, 2]
    assert client.events[-1]["usage"]["completion_tokens"] == 10


def test_reasoning_and_answer_are_one_sequence_of_times() -> None:
    """The time to the first token is that of the reasoning, and the answer continues with the same gap."""
    client = ask(CHAT, chat("mock-ttft40-gap10-n2-reason3"))
    assert client.moments_s == pytest.approx([0.04, 0.05, 0.06, 0.07, 0.08], abs=EXACT)


def test_the_durations_of_ollama_are_those_of_the_plan() -> None:
    """The rate of the evaluation is one token per gap, and the parts are the total."""
    for stream in (True, False):
        last = ask("/api/chat", _ollama("mock-ttft40-gap10-n5", stream=stream)).lines[-1]
        assert last["prompt_eval_duration"] == 30_000_000
        assert last["eval_duration"] == pytest.approx(50_000_000, abs=1000)
        assert last["eval_count"] == 5
        assert last["total_duration"] == pytest.approx(80_000_000, abs=1000)


def test_a_queue_runs_its_requests_in_turn() -> None:
    """With two slots, the third request starts when the first ends; the wait is in Ollama's total only."""

    async def work() -> list[Client]:
        server = make_server()
        clients = [Client(server) for _ in range(3)]
        for client in clients:
            client.send("/api/chat", _ollama("mock-ttft40-gap10-n5-parallel2"))
            await asyncio.sleep(0.001)
        await asyncio.sleep(5)
        return clients

    first, second, third = run(work())
    assert first.moments_s[-1] == pytest.approx(0.08, abs=EXACT)
    assert second.moments_s[0] == pytest.approx(0.041, abs=EXACT)
    assert third.moments_s[0] == pytest.approx(0.08 + 0.04, abs=EXACT)
    assert third.lines[-1]["total_duration"] == pytest.approx(158_000_000, abs=2000)
    assert third.lines[-1]["prompt_eval_duration"] == 30_000_000


def test_a_full_queue_refuses() -> None:
    """The request that finds no place gets status 503 at once, in the words of Ollama."""

    async def work() -> list[Client]:
        server = make_server(parallel=1, max_queue=1)
        clients = [Client(server) for _ in range(3)]
        for client in clients:
            client.send("/api/chat", _ollama("mock"))
            await asyncio.sleep(0.001)
        await asyncio.sleep(60)
        return clients

    served, waited, refused = run(work())
    assert (served.status, waited.status, refused.status) == (200, 200, 503)
    assert refused.document["error"].startswith("server busy")
    assert refused.moments_s == pytest.approx([0.002], abs=EXACT)


@pytest.mark.parametrize("moment_s", [0.05, 0.2])
def test_a_client_that_leaves_frees_its_slot(moment_s: float) -> None:
    """Whether it waits or is answered: the next one is served, and no write follows."""

    async def work() -> tuple[Client, Client, str]:
        server = make_server(parallel=1, ttft_s=0.1, gap_s=0.1, tokens=10)
        answered, waiting, last = (Client(server) for _ in range(3))
        for client in (answered, waiting, last):
            client.send("/api/chat", _ollama("mock"))
            await asyncio.sleep(0)
        await asyncio.sleep(moment_s)
        waiting.leave()
        answered.leave()
        await asyncio.sleep(60)
        counters = Client(server)
        counters.send("/metrics", b"", method="GET")
        return answered, last, counters.content.decode()

    answered, last, counters = run(work())
    assert len(answered.wire.writes) == (0 if moment_s < 0.1 else 2)
    assert last.is_complete
    assert last.moments_s[0] == pytest.approx(moment_s + 0.1, abs=EXACT)
    assert 'result="client left"} 1' in counters
    assert "bench_mock_running 0" in counters


def test_requests_on_one_connection_are_answered_in_order() -> None:
    """A request that arrives during an answer starts after it."""

    async def work() -> Client:
        client = Client(make_server(ttft_s=0.1, gap_s=0.0, tokens=1))
        for number in range(3):
            client.send("/api/generate", {"model": "mock", "prompt": f"number {number}", "stream": False})
        await asyncio.sleep(10)
        return client

    client = run(work())
    assert client.received.count(b"HTTP/1.1 200 OK") == 3
