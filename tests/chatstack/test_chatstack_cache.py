"""The response cache: its key, its single flight, its stores, and the real backend with Redis."""

import asyncio
import contextlib
import json
import unicodedata
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question, Started
from chatstack.measures import Measures
from chatstack.parts.cache.answer import CachedAnswer
from chatstack.parts.cache.answers import Answers, MemoryAnswers
from chatstack.parts.cache.cache import Cache
from chatstack.parts.cache.counts import CacheCounts
from chatstack.parts.cache.key import cache_key, normalise
from chatstack.parts.cache.redis_answers import SILENCE_S, RedisAnswers, TolerantAnswers
from chatstack.parts.redis_client import open_redis
from chatstack.settings import Settings
from chatstack.timing import Stopwatch
from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import (
    assert_usage_error,
    bearer,
    change,
    make_user,
    mint,
    read_gauges,
    run,
    server_timing,
    serving,
)
from tests.servers import serving_redis
from tests.virtual_time import run_virtually

CHAT = "/api/chat/ask-dynaform"
CACHE = "/api/chat/cache"
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
ANSWER = CachedAnswer(("A", " form", "."), 3, 5, {"model": "small"}, ("queue", "decode"))


@given(TEXTS)
def test_a_key_ignores_case_outer_white_space_and_unicode_form(text: str) -> None:
    """Messages that differ only in these have one key, and a normalised message stays as it is."""
    key = cache_key(text, "m")
    assert cache_key(f"  {text}\n", "m") == key
    assert cache_key(unicodedata.normalize("NFD", text), "m") == key
    assert cache_key(normalise(text), "m") == key
    assert normalise("CREATE a Caf\u00c9 form ") == "create a café form"


@given(TEXTS, TEXTS, st.sampled_from(["m", "m:7b"]), st.sampled_from(["m", "m:7b"]))
def test_other_messages_and_other_models_have_other_keys(one: str, other: str, a: str, b: str) -> None:
    """Two keys are equal only if message and model are."""
    assert (cache_key(one, a) == cache_key(other, b)) == (normalise(one) == normalise(other) and a == b)


class Model:
    """An innermost `Ask` that counts its calls; the test decides what happens."""

    def __init__(
        self, *, seconds: float = 1.0, failures: int = 0, pieces: tuple[str, ...] = ("An", " answer")
    ) -> None:
        self.asked: list[Question] = []
        self.finished = 0
        self.running = 0
        self._seconds = seconds
        self._failures = failures
        self._pieces = pieces

    async def __call__(self, question: Question) -> AsyncGenerator[Event, None]:
        """Answer piece by piece, or fail before the first one."""
        self.asked.append(question)
        fails = len(self.asked) <= self._failures
        self.running += 1
        try:
            yield Started()
            for text in self._pieces:
                await asyncio.sleep(self._seconds)
                if fails:
                    raise FailedError(503, "busy", {"Retry-After": "1"})
                yield Piece(text)
            self.finished += 1
            yield Done(2, 7, {"decode": 1000.0}, {"model": "small", "cost": 0.25})
        finally:
            self.running -= 1


def make_question(message: str = "Hello", user: str = "ada", *, stream: bool = True) -> Question:
    """Return a question of a user."""
    return Question({"_id": user, "role": "user"}, message, "m", stream, Stopwatch("backend"))


def make_cache(answers: Answers | None = None, *, per_user: bool = False) -> tuple[Cache, Measures]:
    """Return a cache and its measures."""
    measures = Measures()
    return Cache(answers or MemoryAnswers(60, 100), CacheCounts(measures), per_user=per_user), measures


def outcomes(measures: Measures) -> dict[str, float]:
    """Return the counts of the cache that are not 0, by their short names."""
    names = {"hits": "hit", "misses": "miss", "shared": "shared", "bypasses": "bypass"}
    values = {}
    for name, short in names.items():
        value = measures.registry.get_sample_value(f"chatstack_cache_{name}_total")
        if value:
            values[short] = value
    return values


async def read(ask: Ask, question: Question) -> list[Event]:
    """Read an answer to its end."""
    async with aclosing(ask(question)) as events:
        return [event async for event in events]


async def read_text(ask: Ask, question: Question) -> str:
    """Read the text of an answer; the failure's message if it fails."""
    try:
        events = await read(ask, question)
    except FailedError as error:
        return error.message
    return "".join(event.text for event in events if isinstance(event, Piece))


def test_a_second_equal_question_is_a_hit_and_replays_the_same_pieces() -> None:
    """A hit has the same text in the same pieces, takes no time in any tier, and costs nothing."""

    async def scenario() -> None:
        model = Model()
        cache, measures = make_cache()
        ask = cache.wrap(model)
        first = make_question("Hello")
        second = make_question(" HELLO\n")
        answer = await read(ask, first)
        replay = await read(ask, second)
        assert len(model.asked) == 1
        assert [event for event in answer if isinstance(event, Piece)] == replay[:-1]
        done = answer[-1]
        assert done == Done(2, 7, {"decode": 1000.0}, {"model": "small", "cost": 0.25, "cache": "miss"})
        assert replay[-1] == Done(2, 7, {"decode": 0.0}, {"model": "small", "cost": 0.0, "cache": "hit"})
        assert first.headers == {"X-Cache": "miss", "X-Model": "small", "X-Cost": "0.25"}
        assert second.headers == {"X-Cache": "hit", "X-Model": "small", "X-Cost": "0"}
        assert outcomes(measures) == {"miss": 1, "hit": 1}

    run_virtually(scenario())


@given(st.lists(st.floats(0, 3), min_size=2, max_size=12))
def test_equal_questions_at_the_same_time_ask_the_model_once(starts_s: list[float]) -> None:
    """All of them get the complete answer, one is the miss, and later ones are hits."""

    async def scenario() -> None:
        model = Model()
        cache, measures = make_cache()
        ask = cache.wrap(model)

        async def start(at_s: float) -> str:
            await asyncio.sleep(at_s)
            return await read_text(ask, make_question())

        texts = await asyncio.gather(*map(start, starts_s))
        assert set(texts) == {"An answer"}
        assert len(model.asked) == 1
        counts = outcomes(measures)
        assert counts["miss"] == 1
        assert sum(counts.values()) == len(starts_s)

    run_virtually(scenario())


# What a question does after its start: it stays to the end, or leaves after some seconds.
LEAVES = st.one_of(st.none(), st.floats(0, 4))
QUESTIONS = st.lists(st.tuples(st.floats(0, 4), LEAVES), min_size=1, max_size=10)


@given(QUESTIONS, st.integers(0, 3))
def test_no_question_hangs_and_no_herd_forms_whoever_leaves_or_fails(
    questions: list[tuple[float, float | None]], failures: int
) -> None:
    """A question that stays ends with the answer or a failure; at most one run of the model is active."""

    async def scenario() -> None:
        model = Model(failures=failures)
        cache, _ = make_cache()
        ask = cache.wrap(model)
        most_running = 0

        async def start(at_s: float, leaves_after_s: float | None) -> str | None:
            nonlocal most_running
            await asyncio.sleep(at_s)
            reading = asyncio.ensure_future(read_text(ask, make_question()))
            await asyncio.sleep(0)
            if leaves_after_s is not None:
                await asyncio.wait({reading}, timeout=leaves_after_s)
                most_running = max(most_running, model.running)
                reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                return await reading
            return None

        async with asyncio.timeout(60):  # virtual seconds: every question ends long before
            texts = await asyncio.gather(*(start(*question) for question in questions))
        stayed = [text for text, (_, leaves) in zip(texts, questions, strict=True) if leaves is None]
        assert set(stayed) <= {"An answer", "busy"}
        assert most_running <= 1
        assert model.running == 0
        # Only an answer that is complete is stored, and it is stored once.
        assert model.finished <= 1
        assert len(model.asked) <= failures + 1 + sum(leaves is not None for _, leaves in questions)

    run_virtually(scenario())


def test_a_question_goes_on_when_the_one_that_began_leaves() -> None:
    """The model is not asked again, and the answer is stored."""

    async def scenario() -> None:
        model = Model()
        cache, measures = make_cache()
        ask = cache.wrap(model)
        leader = asyncio.ensure_future(read_text(ask, make_question()))
        await asyncio.sleep(0.5)
        follower = asyncio.ensure_future(read_text(ask, make_question()))
        await asyncio.sleep(0.1)
        leader.cancel()
        assert await follower == "An answer"
        assert await read_text(ask, make_question()) == "An answer"
        assert len(model.asked) == 1
        assert outcomes(measures) == {"miss": 1, "shared": 1, "hit": 1}

    run_virtually(scenario())


def test_the_work_ends_when_the_last_reader_leaves() -> None:
    """The model's slot is free at once, and half an answer is not stored."""

    async def scenario() -> None:
        model = Model()
        cache, _ = make_cache()
        ask = cache.wrap(model)
        readings = [asyncio.ensure_future(read_text(ask, make_question())) for _ in range(2)]
        await asyncio.sleep(1.5)
        assert model.running == 1
        for reading in readings:
            reading.cancel()
        await asyncio.wait(readings)
        assert model.running == 0
        assert await read_text(ask, make_question()) == "An answer"
        assert len(model.asked) == 2

    run_virtually(scenario())


def test_after_a_failure_one_follower_asks_again_for_all() -> None:
    """The question that began reports its failure; of the others, one takes over and the others share."""

    async def scenario() -> None:
        model = Model(failures=1)
        cache, measures = make_cache()
        ask = cache.wrap(model)
        texts = await asyncio.gather(*(read_text(ask, make_question()) for _ in range(5)))
        assert Counter(texts) == {"busy": 1, "An answer": 4}
        assert len(model.asked) == 2
        # Both questions that asked the model count as misses.
        assert outcomes(measures) == {"miss": 2, "shared": 3}

    run_virtually(scenario())


def test_a_model_that_always_fails_is_asked_twice_for_any_number_of_questions() -> None:
    """A question waits for at most one failure of another one; failures are never stored."""

    async def scenario() -> None:
        model = Model(failures=100)
        cache, _ = make_cache()
        ask = cache.wrap(model)
        texts = await asyncio.gather(*(read_text(ask, make_question()) for _ in range(20)))
        assert set(texts) == {"busy"}
        assert len(model.asked) == 2
        assert await read_text(ask, make_question()) == "busy"
        assert len(model.asked) == 3

    run_virtually(scenario())


def test_answers_belong_to_all_users_unless_the_setting_says_otherwise() -> None:
    """With `per_user`, no user gets an answer of another one, neither stored nor shared."""

    async def scenario(per_user: bool, asked: int) -> None:
        model = Model()
        cache, _ = make_cache(per_user=per_user)
        ask = cache.wrap(model)
        await asyncio.gather(*(read_text(ask, make_question(user=user)) for user in ("ada", "bob")))
        await read_text(ask, make_question(user="eve"))
        assert len(model.asked) == asked

    run_virtually(scenario(per_user=False, asked=1))
    run_virtually(scenario(per_user=True, asked=3))


def test_a_message_with_an_effect_is_never_cached() -> None:
    """A request to publish a form must publish it each time."""

    async def scenario() -> None:
        model = Model()
        cache, measures = make_cache()
        ask = cache.wrap(model)
        for _ in range(2):
            question = make_question("Publish form 665000000000000000000001")
            await read(ask, question)
            assert question.headers["X-Cache"] == "bypass"
        assert len(model.asked) == 2
        assert outcomes(measures) == {"bypass": 2}

    run_virtually(scenario())


def test_an_answer_without_text_is_not_stored() -> None:
    """The next question asks again."""

    async def scenario() -> None:
        model = Model(pieces=("", ""))
        cache, _ = make_cache()
        for _ in range(2):
            await read(cache.wrap(model), make_question())
        assert len(model.asked) == 2

    run_virtually(scenario())


def test_a_removal_applies_to_answers_that_are_on_their_way() -> None:
    """An answer that was begun before the removal is delivered, but neither stored nor shared later."""

    async def scenario() -> None:
        model = Model()
        cache, _ = make_cache()
        ask = cache.wrap(model)
        early = asyncio.ensure_future(read_text(ask, make_question()))
        await asyncio.sleep(0.5)
        assert await cache.remove("hello") == 0
        late = asyncio.ensure_future(read_text(ask, make_question()))
        assert await early == await late == "An answer"
        assert len(model.asked) == 2
        assert await cache.remove("HELLO ") == 1

    run_virtually(scenario())


def test_a_question_that_waits_for_another_one_reports_the_wait_as_a_tier() -> None:
    """`Server-Timing` names the wait `shared`, so that it is not the backend's own time."""

    async def scenario() -> None:
        model = Model()
        cache, _ = make_cache()
        ask = cache.wrap(model)
        follower = make_question(stream=False)
        await asyncio.gather(read(ask, make_question()), read(ask, follower))
        assert "shared;dur=" in follower.watch.header()

    run_virtually(scenario())


@pytest.fixture(params=["memory", "redis"])
def run_with_store(
    request: pytest.FixtureRequest,
) -> Callable[[float, int, Callable[[Answers], Awaitable[None]]], None]:
    """Return a function that runs a test with a store, in memory and in Redis."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None

    def run(ttl_s: float, max_entries: int, scenario: Callable[[Answers], Awaitable[None]]) -> None:
        async def with_store() -> None:
            if url is None:
                await scenario(MemoryAnswers(ttl_s, max_entries))
                return
            settings = Settings({"REDIS_URL": url, "REDIS_TIMEOUT_S": "600"})
            answers = RedisAnswers(open_redis(settings), ttl_s, max_entries)
            await answers.remove("")
            try:
                await scenario(answers)
            finally:
                await answers.close()

        asyncio.run(with_store())

    return run


Run = Callable[[float, int, Callable[[Answers], Awaitable[None]]], None]


def test_a_store_returns_what_it_stores_and_removes_by_prefix(run_with_store: Run) -> None:
    """Both stores behave the same."""

    async def scenario(answers: Answers) -> None:
        assert await answers.get("a:1") is None
        for key in ("a:1", "a:2", "b:1"):
            await answers.put(key, ANSWER)
        assert await answers.get("a:1") == ANSWER
        assert await answers.remove("a:") == 2
        assert await answers.get("a:1") is None
        assert await answers.get("b:1") == ANSWER
        assert await answers.remove("") == 1
        assert await answers.remove("") == 0

    run_with_store(600, 10, scenario)


def test_the_least_recently_used_answer_makes_room(run_with_store: Run) -> None:
    """A store holds at most its number of entries."""

    async def scenario(answers: Answers) -> None:
        await answers.put("a", ANSWER)
        await answers.put("b", ANSWER)
        assert await answers.get("a") == ANSWER
        await answers.put("c", ANSWER)
        assert await answers.get("b") is None
        assert await answers.get("a") == await answers.get("c") == ANSWER
        assert await answers.remove("") == 2

    run_with_store(600, 2, scenario)


def test_an_answer_expires(run_with_store: Run) -> None:
    """An expired answer is a miss, and a removal does not count it."""

    async def scenario(answers: Answers) -> None:
        await answers.put("a", ANSWER)
        while await answers.get("a") is not None:  # noqa: ASYNC110 - Redis has a clock of its own
            await asyncio.sleep(0.005)
        assert await answers.remove("") == 0

    run_with_store(0.02, 2, scenario)


@given(
    st.lists(TEXTS, max_size=5),
    st.none() | st.integers(0, 9999),
    st.dictionaries(st.sampled_from(["model"]), TEXTS),
)
def test_a_stored_answer_reads_as_it_was_written(
    pieces: list[str], tokens: int | None, details: Mapping[str, Any]
) -> None:
    """JSON keeps every text."""
    answer = CachedAnswer(tuple(pieces), tokens, None, details)
    assert CachedAnswer.from_bytes(answer.to_bytes()) == answer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"pieces": ["A"]}',
        b'{"pieces": [1], "tiers": []}',
        b'{"pieces": [], "tiers": [], "x": 1}',
        b'{"pieces": [], "tiers": [], "details": []}',
    ],
)
def test_foreign_content_of_a_store_is_a_miss(content: bytes) -> None:
    """Another program or version may write into the same Redis."""
    assert CachedAnswer.from_bytes(content) is None


class BrokenAnswers(MemoryAnswers):
    """A store that always fails."""

    calls = 0

    async def get(self, key: str) -> CachedAnswer | None:  # noqa: ARG002 - it fails for every key
        """Fail."""
        self.calls += 1
        raise ConnectionResetError


def test_a_store_that_fails_is_left_alone_for_a_moment() -> None:
    """Its errors are misses, and one question a second tries again; a removal reports the error."""
    now_s = 0.0
    errors = Counter[str]()
    broken = BrokenAnswers(60, 10)
    answers = TolerantAnswers(broken, lambda: errors.update(["error"]), lambda: now_s)
    for _ in range(5):
        assert asyncio.run(answers.get("key")) is None
    assert (broken.calls, errors["error"]) == (1, 1)
    now_s += SILENCE_S
    assert asyncio.run(answers.get("key")) is None
    assert broken.calls == 2


@pytest.fixture(scope="module")
def admin(store_variables: dict[str, str]) -> dict[str, Any]:
    """Add an administrator to the store."""
    user = make_user(role="admin")
    change("users", "add", [user], store_variables)
    return user


@contextlib.contextmanager
def caching(stack: Stack, token: str, **variables: str) -> Iterator[httpx.Client]:
    """Run a backend with a cache on the shared stack, and return its client."""
    with (
        serving(
            "backend", {**stack.variables, "AGENT_URL": stack.agent.url, "CACHE_TTL_S": "600", **variables}
        ) as backend,
        httpx.Client(base_url=backend.url, headers=bearer(token), timeout=60, trust_env=False) as client,
    ):
        yield client


def ask(client: httpx.Client, message: str, **body: object) -> httpx.Response:
    """Send a message, and check that it is answered."""
    response = client.post(CHAT, json={"message": message, **body})
    assert response.status_code == 200, response.text
    return response


def texts(response: httpx.Response) -> list[str]:
    """Return the texts of the pieces of a stream."""
    lines = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    return [line["message"] for line in lines if "message" in line]


def test_a_backend_caches_documents_and_streams(stack: Stack, token: str, admin: dict[str, Any]) -> None:
    """A hit replays as the form that the client asks for; an administrator removes answers."""
    with caching(stack, token) as client:
        first = ask(client, "Which fields has a form?", stream=True)
        second = ask(client, "which fields has a FORM?  ", stream=True)
        document = ask(client, "Which fields has a form?")
        assert [response.headers["x-cache"] for response in (first, second, document)] == [
            "miss",
            "hit",
            "hit",
        ]
        assert len(texts(first)) > 1
        assert texts(second) == texts(first)
        assert document.json()["data"]["message"] == "".join(texts(first))
        assert "cache" in server_timing(document)
        assert "agent" not in server_timing(document)

        wrong = client.request("DELETE", CACHE, json={"all": True})
        assert (wrong.status_code, set(wrong.json())) == (403, {"error"})
        client.headers.update(bearer(mint(stack.secret, admin)))
        for body in ({}, {"message": ""}, {"all": False}, {"message": "x", "all": True}, {"message": 1}):
            assert client.request("DELETE", CACHE, json=body).status_code == 400
        removed = client.request("DELETE", CACHE, json={"message": "WHICH fields has a form?"})
        assert removed.json() == {"success": True, "removed": 1}
        assert ask(client, "Which fields has a form?").headers["x-cache"] == "miss"
        assert client.request("DELETE", CACHE, json={"all": True}).json()["removed"] == 1
        assert client.request("DELETE", CACHE, headers={"Authorization": ""}).status_code == 401
        values = read_gauges(str(client.base_url))
        assert values["chatstack_cache_hits_total"] == 2
        assert values["chatstack_cache_misses_total"] == 2
        assert values["chatstack_cache_removed_total"] == 2


def test_backends_share_a_cache_in_redis_and_survive_its_end(
    stack: Stack, token: str, admin: dict[str, Any], tmp_path: Path
) -> None:
    """Redis gone is a miss, not an error; a removal reports that Redis does not answer."""
    with contextlib.ExitStack() as running:
        with serving_redis(tmp_path) as redis:
            patient = {"REDIS_URL": redis.url, "REDIS_TIMEOUT_S": "600"}
            one = running.enter_context(caching(stack, token, **patient))
            other = running.enter_context(caching(stack, token, **patient))
            assert ask(one, "Hello").headers["x-cache"] == "miss"
            assert ask(other, "hello").headers["x-cache"] == "hit"
        assert ask(one, "Hello").headers["x-cache"] == "miss"
        assert ask(other, "Hello", stream=True).headers["x-cache"] == "miss"
        assert read_gauges(str(one.base_url))["chatstack_cache_errors_total"] >= 1
        one.headers.update(bearer(mint(stack.secret, admin)))
        refused = one.request("DELETE", CACHE, json={"all": True})
        assert (refused.status_code, set(refused.json())) == (503, {"error"})


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"CACHE_TTL_S": "soon"}, "CACHE_TTL_S"),
        ({"REDIS_URL": "redis://localhost/0?unknown=1"}, "REDIS_URL"),
    ],
)
def test_wrong_settings_of_the_cache_stop_the_backend(
    stack: Stack, variables: dict[str, str], word: str
) -> None:
    """The message names the variable."""
    done = run(
        ["backend"], {**stack.variables, "AGENT_URL": stack.agent.url, "CACHE_TTL_S": "1", **variables}
    )
    assert_usage_error(done, word)
