import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Sequence
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question, Queued
from chatstack.parts.queue.limits import read_limits, read_name
from chatstack.parts.queue.local import LocalQueue
from chatstack.parts.queue.measures import QueueMeasures
from chatstack.parts.queue.order import WaitingOrder
from chatstack.parts.queue.queueing import Queueing
from chatstack.parts.queue.waits import Holding
from chatstack.settings import Settings, SettingsError
from tests.chatstack.queue.questions import (
    Agent,
    collect,
    make_limits,
    make_question,
    places,
    queue_in_memory,
)
from tests.virtual_time import run_virtually

ROLES = st.sampled_from(["admin", "premium", "user", "guest"])
RANK = {"admin": 1, "premium": 2, "user": 3, "guest": 3}


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=60))
def test_the_next_item_has_the_lowest_number_and_came_first(steps: list[tuple[int, bool]]) -> None:
    """Taking, removing and positions agree with a list that is sorted at each step."""
    order = WaitingOrder[int]()
    model: list[tuple[int, int]] = []
    for number, (priority, adds) in enumerate(steps):
        if adds or not model:
            order.add(number, priority)
            model = sorted([*model, (priority, number)])
        elif priority % 2:
            assert order.take() == model.pop(0)[1]
        else:
            _, removed = model.pop(len(model) // 2)
            order.remove(removed)
        assert [order.position(item) for _, item in model] == list(range(1, len(model) + 1))
        assert len(order) == len(model)


Arrival = tuple[int, str, int, int | None]
# Moments in quarters of a second: the arrival, the length of the answer and the patience of the client.
ARRIVALS = st.lists(
    st.tuples(st.integers(0, 40), ROLES, st.integers(1, 12), st.none() | st.integers(0, 20)),
    max_size=40,
)


@given(ARRIVALS, st.integers(1, 4), st.integers(0, 8), st.integers(1, 3))
def test_no_slot_is_lost_or_shared(
    arrivals: Sequence[Arrival], concurrency: int, max_waiting: int, attempts: int
) -> None:
    """Whatever clients do, at most `concurrency` requests run, and every slot comes back."""
    limits = make_limits(concurrency, max_waiting, attempts)
    lengths = itertools.cycle([length / 4 for _, _, length, _ in arrivals] or [1.0])
    agent = Agent(lambda: next(lengths), [FailedError(503, "busy"), FailedError(500, "broken")] * 4)
    outcomes: list[str] = []

    async def client(ask: Ask, arrival: Arrival) -> None:
        at, role, _, patience = arrival
        await asyncio.sleep(at / 4)
        limit_s = None if patience is None else patience / 4
        try:
            async with asyncio.timeout(limit_s):
                events = await collect(ask, make_question(role=role))
        except TimeoutError:
            outcomes.append("left")
        except FailedError as error:
            outcomes.append(str(error.status))
        else:
            assert isinstance(events[-1], Done)
            outcomes.append("answered")

    async def watch(queue: LocalQueue) -> None:
        await asyncio.sleep(1 / 16)  # between the moments at which clients and answers act
        while True:
            state = await queue.state("nobody")
            assert state.running == agent.running <= concurrency
            assert state.waiting <= max_waiting + concurrency  # a retry keeps its place in a full queue
            if state.waiting:
                assert state.running == concurrency
            await asyncio.sleep(0.125)

    async def run() -> None:
        ask, queue = queue_in_memory(agent, limits)
        watching = asyncio.ensure_future(watch(queue))
        await asyncio.gather(*(client(ask, arrival) for arrival in arrivals))
        assert not watching.done(), watching.exception()
        watching.cancel()
        state = await queue.state("nobody")
        assert (state.running, state.waiting) == (0, 0)
        agent.failures.clear()
        last = await collect(ask, make_question("still works"))
        assert Piece("still works") in last
        assert not places(last)

    run_virtually(run())
    assert len(outcomes) == len(arrivals)
    assert agent.most_running <= concurrency


@given(st.lists(ROLES, min_size=1, max_size=30), st.integers(1, 3))
def test_turns_follow_priorities_and_then_arrivals(roles: list[str], concurrency: int) -> None:
    """While all slots are busy, the next turn has the lowest number; among equals, the first that came."""
    agent = Agent(lambda: 0.7)

    async def run() -> None:
        ask, _ = queue_in_memory(agent, make_limits(concurrency))
        first = [collect(ask, make_question("first")) for _ in range(concurrency)]
        waiting = [
            collect(ask, make_question(f"{RANK[role]}.{number:02}", role))
            for number, role in enumerate(roles)
        ]
        await asyncio.gather(*first, *waiting)

    run_virtually(run())
    turns = agent.order[concurrency:]
    assert turns == sorted(turns)
    assert len(turns) == len(roles)


def test_a_free_slot_needs_no_wait_and_no_event() -> None:
    """Below the limit a client sees the same events as without a queue, and a wait of 0 ms at the end."""
    ask, _ = queue_in_memory(Agent(), make_limits(2))

    async def run() -> list[object]:
        return [await collect(ask, make_question()) for _ in range(3)]

    assert run_virtually(run()) == [[Piece("Hello"), Done(timing={"request_queue": 0.0})]] * 3


def test_a_waiting_client_sees_its_position_fall() -> None:
    """Positions go down to 1. The first has no estimate, because no request has ended yet."""

    async def run() -> list[Queued]:
        ask, _ = queue_in_memory(Agent(), make_limits(1))
        answers = await asyncio.gather(*(collect(ask, make_question()) for _ in range(5)))
        return places(answers[-1])

    seen = run_virtually(run())
    assert [place.position for place in seen] == [4, 3, 2, 1]
    assert [place.wait_s for place in seen] == [None, 3.0, 2.0, 1.0]


def test_one_request_too_many_is_refused_and_told_when_to_return() -> None:
    """The status is 429, and after `Retry-After` there is a place again."""

    async def run() -> None:
        agent = Agent(lambda: 4.0)
        ask, _ = queue_in_memory(agent, make_limits(2, max_waiting=3))
        await collect(ask, make_question())
        waiting = [asyncio.ensure_future(collect(ask, make_question())) for _ in range(5)]
        await asyncio.sleep(1)
        with pytest.raises(FailedError) as refusal:
            await collect(ask, make_question())
        assert refusal.value.status == 429
        retry_after_s = int(refusal.value.headers["Retry-After"])
        assert retry_after_s == 8
        await asyncio.sleep(retry_after_s)
        again = await collect(ask, make_question())
        assert isinstance(again[-1], Done)
        await asyncio.gather(*waiting)

    run_virtually(run())


def test_a_queue_of_no_length_refuses_what_it_cannot_run() -> None:
    """With QUEUE_MAX_WAITING=0, requests run or are refused, and never wait."""

    async def run() -> list[object]:
        ask, _ = queue_in_memory(Agent(), make_limits(2, max_waiting=0))
        return list(
            await asyncio.gather(*(collect(ask, make_question()) for _ in range(4)), return_exceptions=True)
        )

    outcomes = run_virtually(run())
    assert [isinstance(outcome, FailedError) for outcome in outcomes] == [False, False, True, True]


@pytest.mark.parametrize("status", [500, 503])
def test_a_failed_request_is_tried_again_behind_its_equals(status: int) -> None:
    """The client sees its new position and the answer, and not the failure."""

    async def run() -> None:
        agent = Agent(failures=[FailedError(status, "broken")])
        ask, _ = queue_in_memory(agent, make_limits(1, attempts=2))
        answers = await asyncio.gather(*(collect(ask, make_question(name)) for name in "abc"))
        assert agent.order == ["a", "b", "c", "a"]
        waited = Done(timing={"request_queue": 2000.0})
        assert answers[0] == [Queued(2, 2.0), Queued(1, 1.0), Piece("a"), waited]

    run_virtually(run())


@pytest.mark.parametrize(
    ("status", "attempts", "tries"), [(500, 3, 3), (503, 1, 1), (400, 3, 1), (408, 3, 1)]
)
def test_attempts_end(status: int, attempts: int, tries: int) -> None:
    """An error of the server reaches the client after QUEUE_ATTEMPTS, and any other one at once."""

    async def run() -> None:
        agent = Agent(failures=[FailedError(status, "broken")] * 5)
        ask, queue = queue_in_memory(agent, make_limits(1, attempts=attempts))
        with pytest.raises(FailedError) as failure:
            await collect(ask, make_question())
        assert failure.value.status == status
        assert len(agent.order) == tries
        assert (await queue.state("nobody")).running == 0

    run_virtually(run())


def test_an_answer_that_began_is_not_tried_again() -> None:
    """The client has read a part of it, so a second answer would repeat that part."""

    async def broken(question: Question) -> AsyncGenerator[Event, None]:
        yield Piece(f"{question.message} and ")
        raise FailedError(500, "the AI agent broke off")

    async def run() -> None:
        queue, limits = LocalQueue(make_limits(1)), make_limits(1, attempts=3)
        ask = Queueing(queue, limits, QueueMeasures(CollectorRegistry())).wrap(broken)
        events = ask(make_question())
        assert await anext(events) == Piece("Hello and ")
        with pytest.raises(FailedError, match="broke off"):
            await anext(events)

    run_virtually(run())


@settings(max_examples=25)
@given(st.integers(1, 4), st.integers(1, 30))
def test_the_estimate_of_equal_answers_is_wrong_by_one_answer_at_most(slots: int, position: int) -> None:
    """With answers of the same length, the wait is the estimate, give or take one answer."""

    async def run() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        agent = Agent(lambda: 1.0)
        ask, _ = queue_in_memory(agent, make_limits(slots))
        await collect(ask, make_question())
        ahead = [asyncio.ensure_future(collect(ask, make_question())) for _ in range(slots + position - 1)]
        await asyncio.sleep(0.3)
        began_s = loop.time()
        events = ask(make_question("mine"))
        place = await anext(events)
        assert isinstance(place, Queued)
        assert place.position == position
        async for event in events:
            if isinstance(event, Piece):
                break
        waited_s = loop.time() - began_s - 1.0
        await events.aclose()
        await asyncio.gather(*ahead)
        assert place.wait_s is not None
        return place.wait_s, waited_s

    estimate_s, waited_s = run_virtually(run())
    assert abs(estimate_s - waited_s) <= 1.0 + 1e-6


@pytest.mark.parametrize("slots", [1, 4])
def test_the_estimate_of_random_answers_is_right_on_average(slots: int) -> None:
    """With answers of random length, the mean wait is the mean estimate, give or take a tenth."""
    draw = random.Random(20)

    async def run() -> list[tuple[float, float]]:
        loop = asyncio.get_running_loop()
        ask, _ = queue_in_memory(Agent(lambda: draw.expovariate(1 / 0.4)), make_limits(slots, 10_000))
        pairs: list[tuple[float, float]] = []

        async def client() -> None:
            began_s = loop.time()
            estimate_s: float | None = None
            async for event in ask(make_question()):
                if isinstance(event, Queued) and estimate_s is None and event.wait_s is not None:
                    estimate_s = event.wait_s
                    began_s = loop.time()
                elif isinstance(event, Piece):
                    break
            if estimate_s is not None:
                pairs.append((estimate_s, loop.time() - began_s - 0.4))

        clients: list[asyncio.Future[None]] = []
        for _ in range(2_000):  # at 95 % of the capacity
            clients.append(asyncio.ensure_future(client()))
            await asyncio.sleep(draw.expovariate(0.95 * slots / 0.4))
        await asyncio.gather(*clients)
        return pairs

    pairs = run_virtually(run())
    assert len(pairs) > 500
    estimated_s = fmean(estimate_s for estimate_s, _ in pairs)
    waited_s = fmean(waited_s for _, waited_s in pairs)
    assert waited_s == pytest.approx(estimated_s, rel=0.1)


def test_users_starve_while_admins_use_the_capacity() -> None:
    """Priorities are strict: as long as admins need all slots, no user has a turn."""

    async def run() -> tuple[Sequence[str], float]:
        loop = asyncio.get_running_loop()
        agent = Agent()
        ask, _ = queue_in_memory(agent, make_limits(1))
        users = [asyncio.ensure_future(collect(ask, make_question("user"))) for _ in range(3)]
        admins: list[asyncio.Future[object]] = []
        for _ in range(60):
            admins.append(asyncio.ensure_future(collect(ask, make_question("admin", "admin"))))
            await asyncio.sleep(1)
        await asyncio.gather(*users, *admins)
        return agent.order, loop.time()

    order, seconds = run_virtually(run())
    assert order == ["user", *["admin"] * 60, "user", "user"]
    assert seconds == 63.0


def test_an_estimate_needs_an_answer() -> None:
    """Before the first answer there is no estimate, and the advice to return is a few seconds."""
    holding = Holding(2)
    assert holding.wait_s(3) is None
    assert holding.retry_after_s(10) == 5
    holding.record(0.01)
    assert holding.wait_s(3) == pytest.approx(0.015)
    assert holding.retry_after_s(0) == 1


def test_the_settings_have_defaults() -> None:
    """Only QUEUE_CONCURRENCY is necessary."""
    limits = read_limits(Settings({"QUEUE_CONCURRENCY": "4"}))
    assert (limits.concurrency, limits.max_waiting, limits.attempts) == (4, 100, 1)
    assert limits.priorities == {"admin": 1, "premium": 2, "user": 3}
    assert read_name(Settings({})) == "chat-processing"


@pytest.mark.parametrize("role", ["guest", None, 7])
def test_a_role_without_a_priority_is_the_last(role: object) -> None:
    """Strangers do not overtake users."""
    assert make_limits(1).priority({"role": role}) == 3
    assert make_limits(1).priority({}) == 3


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QUEUE_CONCURRENCY", "-1"),
        ("QUEUE_CONCURRENCY", "many"),
        ("QUEUE_MAX_WAITING", "1.5"),
        ("QUEUE_ATTEMPTS", "0"),
        ("QUEUE_PRIORITIES", "admin"),
        ("QUEUE_PRIORITIES", "admin=1,admin=2"),
        ("QUEUE_PRIORITIES", "admin=0"),
        ("QUEUE_PRIORITIES", "admin=one"),
        ("QUEUE_PRIORITIES", "admin=3000000"),
        ("QUEUE_PRIORITIES", "=1"),
        ("QUEUE_PRIORITIES", "admin=1,"),
    ],
)
def test_a_wrong_setting_is_named(variable: str, value: str) -> None:
    """The error contains the variable and its value."""
    with pytest.raises(SettingsError, match=f"{variable}={value}"):
        read_limits(Settings({variable: value}))


def test_the_name_of_the_queue_has_no_colon() -> None:
    """BullMQ separates the parts of its keys by colons."""
    with pytest.raises(SettingsError, match="QUEUE_NAME=a:b"):
        read_name(Settings({"QUEUE_NAME": "a:b"}))
