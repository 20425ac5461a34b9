import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from chatstack.parts.limits.part import retry_after_s
from chatstack.parts.limits.shared_window import SharedWindow
from chatstack.parts.limits.window import SlidingWindow
from chatstack.parts.redis_client import open_redis
from chatstack.settings import Settings
from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import (
    Service,
    assert_usage_error,
    bearer,
    change,
    make_user,
    mint,
    read_gauges,
    run,
    serving,
)
from tests.servers import free_port, serving_redis

CHAT = "/api/chat/ask-dynaform"
WINDOW_S = 60.0
# So long that no slow machine reaches its end.
HOUR_S = 3_600
# Whole eighths of a second are exact as floating-point numbers, so a law has no rounding.
GAPS_S = st.lists(st.integers(0, 320).map(lambda eighths: eighths / 8), max_size=60)


@given(GAPS_S, st.integers(1, 5))
def test_no_period_of_a_minute_has_more_requests_than_the_limit(gaps_s: list[float], limit: int) -> None:
    """Any minute, not only that of a clock, contains at most as many admitted requests as the limit."""
    window = SlidingWindow(limit, WINDOW_S)
    admitted_s: list[float] = []
    now_s = 0.0
    for gap_s in gaps_s:
        now_s += gap_s
        recent = [at_s for at_s in admitted_s if now_s - at_s < WINDOW_S]
        admission = window.admit("a", now_s)
        assert admission.is_admitted == (len(recent) < limit)
        assert admission.remaining == limit - len(recent) - admission.is_admitted
        if admission.is_admitted:
            admitted_s.append(now_s)


@given(GAPS_S, st.integers(1, 5))
def test_retry_after_is_right_to_the_second(gaps_s: list[float], limit: int) -> None:
    """After this time a refused user is admitted, and a second earlier not yet."""
    window = SlidingWindow(limit, WINDOW_S)
    now_s = 0.0
    for gap_s in gaps_s:
        now_s += gap_s
        admission = window.admit("a", now_s)
    for _ in range(limit):
        admission = window.admit("a", now_s)
    admission = window.admit("a", now_s)
    assert not admission.is_admitted
    wait_s = retry_after_s(admission)
    assert not window.admit("a", now_s + wait_s - 1).is_admitted
    assert window.admit("a", now_s + wait_s).is_admitted


def test_a_user_does_not_use_up_the_limit_of_another() -> None:
    """Each user has a window of their own."""
    window = SlidingWindow(1, WINDOW_S)
    assert window.admit("a", 0.0).is_admitted
    assert not window.admit("a", 1.0).is_admitted
    assert window.admit("b", 1.0).is_admitted


def test_idle_users_are_forgotten() -> None:
    """The memory of the window holds only users with a request in the last minute."""
    window = SlidingWindow(2, WINDOW_S)
    for number in range(100):
        window.admit(f"user-{number}", float(number))
    assert len(window) == 60


def _redis_time_s(client: Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds + microseconds / 1_000_000)


def _shared(url: str, limit: int, window_s: float, failures: list[str]) -> SharedWindow:
    redis = open_redis(Settings({"REDIS_URL": url, "REDIS_TIMEOUT_S": "600"}))
    return SharedWindow(redis, limit, window_s, failures.append)


def test_redis_decides_like_the_window_in_the_process(redis_url: str) -> None:
    """The script admits, refuses and counts as `SlidingWindow` does, and forgets a request after its time."""
    user = secrets.token_hex(12)
    key = f"chatstack:limit:{user}"
    failures: list[str] = []

    async def decide() -> list[tuple[bool, int]]:
        window = _shared(redis_url, 3, HOUR_S, failures)
        before_s = _redis_time_s(client)
        admissions = [await window.admit(user, 0.0) for _ in range(5)]
        after_s = _redis_time_s(client)
        await window.close()
        free_s = int(client.lrange(key, 0, 0)[0]) / 1_000_000 + HOUR_S
        assert all(free_s - after_s <= item.wait_s <= free_s - before_s for item in admissions)
        return [(item.is_admitted, item.remaining) for item in admissions]

    with Redis.from_url(redis_url) as client:
        assert asyncio.run(decide()) == [(True, 2), (True, 1), (True, 0), (False, 0), (False, 0)]
        assert failures == []
        assert 0 < client.pttl(key) <= 1000 * HOUR_S
        # An hour passes for two requests of this user, and half an hour for the third.
        first, second, third = (int(at) for at in client.lrange(key, 0, -1))
        client.delete(key)
        hour = 1_000_000 * HOUR_S
        client.rpush(key, first - hour, second - hour, third - hour // 2)
        assert asyncio.run(decide()) == [(True, 1), (True, 0), (False, 0), (False, 0), (False, 0)]


def test_backends_that_share_a_redis_share_the_limit(redis_url: str) -> None:
    """Of 600 requests at the same time through four backends, exactly as many as the limit pass."""
    user = secrets.token_hex(12)
    failures: list[str] = []

    async def decide() -> int:
        windows = [_shared(redis_url, 10, HOUR_S, failures) for _ in range(4)]
        admissions = await asyncio.gather(*(windows[n % 4].admit(user, 0.0) for n in range(600)))
        for window in windows:
            await window.close()
        return sum(admission.is_admitted for admission in admissions)

    assert asyncio.run(decide()) == 10
    assert failures == []


def test_a_redis_that_is_gone_leaves_a_limit_in_each_backend(tmp_path: Path) -> None:
    """Without Redis a backend limits its own requests, and asks Redis again after a second."""
    failures: list[str] = []
    port = free_port()

    async def decide() -> list[bool]:
        window = _shared(f"redis://127.0.0.1:{port}/0", 1, WINDOW_S, failures)
        admitted = [(await window.admit("a", 0.0)).is_admitted, (await window.admit("a", 0.5)).is_admitted]
        with serving_redis(tmp_path, port):
            admitted.append((await window.admit("a", 0.9)).is_admitted)
            admitted.append((await window.admit("a", 1.0)).is_admitted)
            admitted.append((await window.admit("a", 1.0)).is_admitted)
        admitted.append((await window.admit("b", 1.0)).is_admitted)
        await window.close()
        return admitted

    assert asyncio.run(decide()) == [True, False, False, True, False, True]
    assert failures == ["ConnectionError", "ConnectionError"]


@pytest.fixture(scope="module", params=["in-process", "redis"])
def limited(
    request: pytest.FixtureRequest, stack: Stack, store_variables: dict[str, str]
) -> Iterator[Service]:
    """Run a backend with a limit of three messages a minute."""
    variables = {**store_variables, "AGENT_URL": stack.agent.url, "RATE_LIMIT_PER_MINUTE": "3"}
    if request.param == "redis":
        variables |= {"REDIS_URL": request.getfixturevalue("redis_url"), "REDIS_TIMEOUT_S": "600"}
    with serving("backend", variables) as backend:
        yield backend


@pytest.fixture
def ask(limited: Service, stack: Stack) -> Iterator[Callable[..., httpx.Response]]:
    """Return a function that sends a message of a new user."""
    user = make_user()
    change("users", "add", [user], stack.variables)
    token = mint(stack.secret, user)
    with httpx.Client(base_url=limited.url, headers=bearer(token), timeout=60, trust_env=False) as client:
        yield lambda **fields: client.post(CHAT, json={"message": "Hello", **fields})


def test_a_user_above_the_limit_gets_429_with_the_time_to_wait(ask: Callable[..., httpx.Response]) -> None:
    """Each answer states the limit and what is left; the fourth message in a minute is refused."""
    answers = [ask(), ask(stream=True), ask(), ask(), ask(stream=True)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"user";q=3;w=60'}
    remaining = [answer.headers["ratelimit"].split(";")[1] for answer in answers]
    assert remaining == ["r=2", "r=1", "r=0", "r=0", "r=0"]
    for answer in answers[3:]:
        assert answer.json() == {"error": "more than 3 messages in a minute"}
        assert answer.headers["ratelimit"] == f'"user";r=0;t={answer.headers["retry-after"]}'
        assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_refused_messages_are_counted(limited: Service, ask: Callable[..., httpx.Response]) -> None:
    """`/metrics` has the number of refused messages."""
    before = read_gauges(limited.url)["chatstack_limited_questions_total"]
    assert [ask().status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert read_gauges(limited.url)["chatstack_limited_questions_total"] - before == 2


def test_a_wrong_address_of_redis_is_a_usage_error_without_the_address(
    store_variables: dict[str, str],
) -> None:
    """The address may contain a password, so the message does not repeat it."""
    variables = {
        **store_variables,
        "AGENT_URL": "http://127.0.0.1:1",
        "RATE_LIMIT_PER_MINUTE": "3",
        "REDIS_URL": "http://me:hidden@host",
    }
    done = run(["backend"], variables)
    assert_usage_error(done, "REDIS_URL")
    assert "hidden" not in done.stderr
