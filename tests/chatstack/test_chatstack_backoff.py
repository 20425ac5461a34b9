import asyncio
import contextlib
import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatstack.chat.causes import Cause, cause_of_error, cause_of_status, read_retry_after
from chatstack.chat.events import Done, FailedError, Piece, Started
from chatstack.measures import Measures
from chatstack.parts.backoff.budget import RetryBudget
from chatstack.parts.backoff.part import BackOff
from chatstack.parts.deadline import limit_time
from tests.chat_services import Answer, Call, document, serve
from tests.chatstack.answers import ANSWER, ScriptedAgent, make_question, read_all, status_of
from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import bearer, serving
from tests.virtual_time import run_virtually

CHAT = "/api/chat/ask-dynaform"
BUSY = FailedError(500, "busy", cause=Cause.BUSY)
NO_RETRY = [Cause.REFUSED, Cause.LATE, Cause.FAULTY]
RETRY = [Cause.UNREACHABLE, Cause.BROKEN, Cause.LIMITED, Cause.BUSY]


def _ask(agent: ScriptedAgent, attempts: int) -> Any:
    return BackOff(attempts, Measures()).wrap(agent.ask)


@given(st.lists(st.booleans(), max_size=200), st.integers(0, 5))
def test_retries_never_exceed_the_budget(steps: list[bool], reserve: int) -> None:
    """Of N questions, at most the reserve and a tenth are asked again, in any order of failures."""
    budget = RetryBudget(0.125, float(reserve))
    questions = retries = 0
    for is_question in steps:
        if is_question:
            budget.deposit()
            questions += 1
        else:
            retries += budget.withdraw()
        assert retries <= reserve + 0.125 * questions


@pytest.mark.parametrize("cause", RETRY)
def test_a_failure_that_can_be_cured_is_asked_again(cause: Cause) -> None:
    """The client gets the answer of the first attempt that succeeds, and no event of the others."""
    failure = FailedError(500, "no", cause=cause)
    agent = ScriptedAgent([failure], [Started(), failure], [Started(), *ANSWER])
    assert run_virtually(read_all(_ask(agent, 3))) == [Started(), *ANSWER]
    assert len(agent.asked_s) == 3
    assert agent.running == 0


@pytest.mark.parametrize("cause", NO_RETRY)
def test_other_failures_are_passed_on(cause: Cause) -> None:
    """A refusal, an error of the agent, and a time-out, whose model may still work, are not repeated."""
    agent = ScriptedAgent([FailedError(418, "no", cause=cause)], ANSWER)
    assert run_virtually(status_of(_ask(agent, 3))) == 418
    assert len(agent.asked_s) == 1


def test_an_answer_that_has_begun_is_not_repeated() -> None:
    """After its first piece, a stream that breaks off ends with the failure."""
    agent = ScriptedAgent([Piece("one "), FailedError(500, "broke off", cause=Cause.BROKEN)], ANSWER)
    received = []

    async def read() -> None:
        async for event in _ask(agent, 3)(make_question()):
            received.append(event)

    with pytest.raises(FailedError):
        run_virtually(read())
    assert received == [Piece("one ")]
    assert len(agent.asked_s) == 1


def test_the_last_failure_is_passed_on() -> None:
    """After the last attempt, the client gets its failure."""
    agent = ScriptedAgent([BUSY], [FailedError(503, "gone", cause=Cause.UNREACHABLE)])
    assert run_virtually(status_of(_ask(agent, 4))) == 503
    assert len(agent.asked_s) == 4


def test_waits_grow_and_are_random() -> None:
    """Each wait is at least twice the previous minimum, and two questions do not wait for the same time."""
    agents = [ScriptedAgent([BUSY]) for _ in range(2)]
    waits = []
    for agent in agents:
        run_virtually(status_of(_ask(agent, 4)))
        waits.append([later - earlier for earlier, later in pairwise(agent.asked_s)])
    for times in waits:
        assert all(wait_s >= 0.1 * 2**number for number, wait_s in enumerate(times))
        assert all(wait_s <= 0.1 * 2**number + 1.0 for number, wait_s in enumerate(times))
    assert waits[0] != waits[1]


def test_retry_after_is_honoured() -> None:
    """The agent is not asked earlier than it wants; a long pause is passed on to the client."""
    agent = ScriptedAgent([FailedError(429, "wait", cause=Cause.LIMITED, retry_after_s=7.0)], ANSWER)
    assert run_virtually(status_of(_ask(agent, 2))) == 200
    assert 7.0 <= agent.asked_s[1] <= 8.0
    agent = ScriptedAgent([FailedError(429, "wait", cause=Cause.LIMITED, retry_after_s=60.0)], ANSWER)
    assert run_virtually(status_of(_ask(agent, 2))) == 429
    assert len(agent.asked_s) == 1


def test_retries_do_not_multiply_an_overload() -> None:
    """If every attempt fails, a thousand questions are asked at most 1,110 times, and not 4,000 times."""
    agent = ScriptedAgent([BUSY])

    async def ask_many() -> None:
        ask = _ask(agent, 4)
        for _ in range(1_000):
            await status_of(ask)

    run_virtually(ask_many())
    assert 1_000 < len(agent.asked_s) <= 1_000 + 100 + 10


def test_a_client_that_leaves_is_not_waited_for() -> None:
    """A cancelled question ends during an attempt and between two attempts, and is not asked again."""

    async def cancel_after(delay_s: float, agent: ScriptedAgent) -> int:
        work = asyncio.ensure_future(read_all(_ask(agent, 3)))
        await asyncio.sleep(delay_s)
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        assert work.cancelled()
        await asyncio.sleep(100.0)
        assert agent.running == 0
        return len(agent.asked_s)

    assert run_virtually(cancel_after(1.0, ScriptedAgent([5.0, *ANSWER]))) == 1
    assert run_virtually(cancel_after(0.05, ScriptedAgent([BUSY], ANSWER))) == 1


def test_an_answer_that_takes_too_long_ends() -> None:
    """A complete answer has a limit, also if pieces arrive all the time, and the agent is cancelled."""
    slow = [item for _ in range(20) for item in (1.0, Piece("x"))]
    agent = ScriptedAgent([*slow, Done()])
    assert run_virtually(status_of(limit_time(10.0)(agent.ask))) == 408
    assert agent.running == 0
    agent = ScriptedAgent([*slow, Done()])
    assert run_virtually(status_of(limit_time(30.0)(agent.ask))) == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("Mon, 01 Jun 2026 12:00:30 GMT", 30.0),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_has_seconds_or_a_date(text: str | None, expected: float | None) -> None:
    """RFC 9110 allows both; anything else is as if the header were missing."""
    assert read_retry_after(text, datetime(2026, 6, 1, 12, tzinfo=UTC)) == expected


def test_every_failure_of_the_agent_has_a_cause() -> None:
    """Statuses and broken exchanges are told apart by whether it helps to ask again."""
    statuses = {400: Cause.REFUSED, 429: Cause.LIMITED, 500: Cause.FAULTY, 502: Cause.FAULTY, 503: Cause.BUSY}
    assert {status: cause_of_status(status) for status in statuses} == statuses
    assert cause_of_error(httpx.ConnectError("")) is Cause.UNREACHABLE
    assert cause_of_error(httpx.ConnectTimeout("")) is Cause.UNREACHABLE
    assert cause_of_error(httpx.ReadTimeout("")) is Cause.LATE
    assert cause_of_error(httpx.ReadError("")) is Cause.BROKEN


@pytest.mark.parametrize("stream", [False, True])
def test_a_backend_asks_a_busy_agent_again(stack: Stack, token: str, *, stream: bool) -> None:
    """Over HTTP, an agent that is busy twice answers the third attempt; `/metrics` counts the two retries."""

    def respond(_: Call, number: int) -> Answer:
        if number < 3:
            return document({"error": "server busy"}, "503 Service Unavailable")
        return document({"response": "Hello", "done": True})

    async def ask() -> tuple[int, str, str, int]:
        async with serve(respond) as agent:
            variables = {**stack.variables, "AGENT_URL": agent.url, "UPSTREAM_ATTEMPTS": "3"}
            with serving("backend", variables) as backend:
                async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
                    body = {"message": "Hello", "stream": stream}
                    answer = await client.post(backend.url + CHAT, json=body, headers=bearer(token))
                    metrics = await client.get(backend.url + "/metrics")
            return answer.status_code, answer.text, metrics.text, len(agent.posts)

    status, text, metrics, asked = asyncio.run(ask())
    assert (status, asked) == (200, 3)
    assert json.dumps("Hello") in text
    assert 'chatstack_upstream_retries_total{cause="busy"} 2.0' in metrics
