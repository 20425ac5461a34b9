import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatstack.chat.causes import Cause
from chatstack.chat.events import FailedError, Piece
from chatstack.measures import Measures
from chatstack.parts.breaker.breaker import Breaker, BreakerState
from chatstack.parts.breaker.part import CircuitBreaker
from tests.chatstack.answers import ANSWER, ScriptedAgent, make_question, read_all, status_of
from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import bearer, read_gauges, serving
from tests.virtual_time import run_virtually

CHAT = "/api/chat/ask-dynaform"
OPEN_S = 10.0
CLOSED, HALF_OPEN, OPEN = BreakerState
FAULTY = FailedError(500, "broken", cause=Cause.FAULTY)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 15)), max_size=60), st.integers(1, 4))
def test_the_breaker_is_open_exactly_after_failures_in_a_row(
    results: list[tuple[bool, int]], most: int
) -> None:
    """It refuses for the time after the last failure of a row, and a trial decides what follows."""
    breaker = Breaker(most, OPEN_S)
    now_s = 0.0
    in_a_row = 0
    open_until_s: float | None = None
    for succeeds, gap_s in results:
        now_s += gap_s
        permit = breaker.admit(now_s)
        assert (permit is None) == (open_until_s is not None and now_s < open_until_s)
        if permit is None:
            assert breaker.wait_s(now_s) == (open_until_s or 0.0) - now_s
            continue
        assert permit.is_trial == (open_until_s is not None)
        if succeeds:
            breaker.succeed(permit)
            in_a_row = 0
            open_until_s = None
        else:
            breaker.fail(permit, now_s)
            in_a_row += 1
            if permit.is_trial or in_a_row >= most:
                open_until_s = now_s + OPEN_S
                in_a_row = 0


def test_one_trial_passes_at_a_time() -> None:
    """While a trial runs, other questions are refused; a trial that proves nothing makes room for another."""
    breaker = Breaker(1, OPEN_S)
    first = breaker.admit(0.0)
    assert first is not None
    breaker.fail(first, 0.0)
    assert [breaker.state(at_s) for at_s in (0.0, 9.9, 10.0)] == [OPEN, OPEN, HALF_OPEN]
    trial = breaker.admit(10.0)
    assert trial is not None
    assert breaker.admit(11.0) is None
    breaker.release(trial)
    second = breaker.admit(12.0)
    assert second is not None
    breaker.succeed(second)
    assert breaker.state(12.0) is CLOSED


def test_a_result_of_an_earlier_period_changes_nothing() -> None:
    """A question that was asked before the breaker opened neither closes it nor keeps it open."""
    breaker = Breaker(1, OPEN_S)
    late, other, failing = (breaker.admit(0.0) for _ in range(3))
    assert late is not None
    assert other is not None
    assert failing is not None
    breaker.fail(failing, 1.0)
    breaker.succeed(late)
    assert breaker.state(1.0) is OPEN
    breaker.fail(other, 9.0)
    assert breaker.state(11.0) is HALF_OPEN


def _protect(agent: ScriptedAgent, most_failures: int) -> Any:
    loop = asyncio.get_running_loop()
    return CircuitBreaker(Breaker(most_failures, OPEN_S), Measures(), loop.time).wrap(agent.ask)


def test_an_agent_that_fails_is_left_alone_and_tried_again() -> None:
    """After three failures the agent is not asked for ten seconds; one success closes the breaker."""
    agent = ScriptedAgent([FAULTY], [FAULTY], [FAULTY], ANSWER)

    async def ask() -> list[int]:
        protected = _protect(agent, 3)
        statuses = [await status_of(protected) for _ in range(5)]
        await asyncio.sleep(OPEN_S)
        return statuses + [await status_of(protected) for _ in range(2)]

    assert run_virtually(ask()) == [500, 500, 500, 503, 503, 200, 200]
    assert agent.asked_s == [0.0, 0.0, 0.0, OPEN_S, OPEN_S]


def test_retry_after_is_the_time_until_the_trial() -> None:
    """The header has the seconds until the agent is tried again, rounded up."""
    agent = ScriptedAgent([FAULTY])

    async def ask() -> str:
        protected = _protect(agent, 1)
        await status_of(protected)
        await asyncio.sleep(2.5)
        with pytest.raises(FailedError) as raised:
            await read_all(protected)
        return raised.value.headers["Retry-After"]

    assert run_virtually(ask()) == "8"


@pytest.mark.parametrize("cause", [Cause.REFUSED, Cause.LIMITED])
def test_refusals_of_the_agent_do_not_open_the_breaker(cause: Cause) -> None:
    """An agent that refuses questions works."""
    agent = ScriptedAgent([FailedError(400, "no", cause=cause)])

    async def ask() -> list[int]:
        protected = _protect(agent, 1)
        return [await status_of(protected) for _ in range(5)]

    assert run_virtually(ask()) == [400] * 5


def test_the_first_piece_of_a_trial_closes_the_breaker() -> None:
    """Other questions need not wait for the end of a long answer."""
    agent = ScriptedAgent([FAULTY], [Piece("one "), 3_600.0, *ANSWER], ANSWER)

    async def ask() -> int:
        protected = _protect(agent, 1)
        await status_of(protected)
        await asyncio.sleep(OPEN_S)
        trial = protected(make_question())
        await anext(trial)
        status = await status_of(protected)
        await trial.aclose()
        return status

    assert run_virtually(ask()) == 200


def test_a_cancelled_trial_makes_room_for_another() -> None:
    """A client that leaves during the trial neither closes the breaker nor blocks it."""
    agent = ScriptedAgent([FAULTY], [3_600.0, *ANSWER], ANSWER)

    async def ask() -> list[int]:
        protected = _protect(agent, 1)
        await status_of(protected)
        await asyncio.sleep(OPEN_S)
        trial = asyncio.ensure_future(read_all(protected))
        await asyncio.sleep(1.0)
        during = await status_of(protected)
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)
        return [during, await status_of(protected)]

    assert run_virtually(ask()) == [503, 200]


def test_a_backend_with_a_breaker_refuses_while_its_agent_fails(stack: Stack, token: str) -> None:
    """Over HTTP, the third question gets 503 at once, and the gauge, the counters and the log show why."""
    failing = {**stack.variables, "OLLAMA_URL": stack.model.url, "AGENT_ERROR_RATIO": "1"}
    breaker = {"BREAKER_FAILURES": "2", "BREAKER_OPEN_S": "3600"}
    with (
        serving("agent", failing) as agent,
        serving("backend", {**stack.variables, "AGENT_URL": agent.url, **breaker}) as backend,
    ):
        answers = []
        with httpx.Client(base_url=backend.url, headers=bearer(token), timeout=60, trust_env=False) as client:
            for stream in (False, True, False, True):
                answers.append(client.post(CHAT, json={"message": "Hi", "stream": stream}))
        gauges = read_gauges(backend.url)
        _, err = backend.process.stop()
    assert [answer.status_code for answer in answers] == [500, 500, 503, 503]
    assert all(1 <= int(answer.headers["retry-after"]) <= 3600 for answer in answers[2:])
    assert gauges["chatstack_breaker_state"] == 2
    assert gauges["chatstack_breaker_opened_total"] == 1
    assert gauges["chatstack_breaker_refused_total"] == 2
    event = json.loads(err)
    assert (event["event"], event["cause"]) == ("breaker opened", "faulty")
