"""Turns in Python against a real server: their requests are measured like those of other scenarios."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from bench.core.config.run_spec import RunSpec
from bench.core.config.turn import TurnFile
from bench.core.load.plan import plan
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.core.tiers.trace_ids import RequestKey, traceparent
from bench.measure.http.route import DIRECT
from bench.measure.load.journey_engine import JourneyEngine
from bench.measure.load.journey_users import JourneyUsers, make_setups
from bench.measure.load.shared import Shared
from bench.timing.pacing import pacer
from tests.factories import make_scenario, make_target
from tests.measure.loopback import Requests, Script, response, server, streamed

ONE_ITERATION = {"executor": "per-vu-iterations", "vus": 1, "iterations": 1}
OK = response(json.dumps({"id": 7, "token": "t"}).encode(), "200 OK", "content-type: application/json")
LINES = [json.dumps({"type": kind}).encode() + b"\n" for kind in ("documents", "delta", "delta", "stop")]
HANGING = streamed(LINES[0], whole=False)


def make_spec(source: str, rows: tuple[dict[str, Any], ...] = (), **scenario: Any) -> RunSpec:
    """Return the spec of a scenario whose turn has this source."""
    fields: dict[str, Any] = {
        "target": None,
        "service": "backend",
        "prompts": None,
        "turn": "shop.py",
        "thresholds": {},
    }
    phase = scenario.pop("phase", ONE_ITERATION)
    if rows:
        fields["data"] = {"rows": "users.csv"}
    head = "import asyncio, json\nimport httpx\nimport bench\nasync def turn(user: bench.User) -> None:\n"
    text = head + source
    return RunSpec(
        scenario=make_scenario(**(fields | {"phases": [phase]} | scenario)),
        target=make_target(auth="none"),
        prompts=(),
        rows=rows,
        turn=TurnFile(path="/turns/shop.py", source=text),
    )


def run(
    spec: RunSpec,
    answers: list[bytes | Script],
    graceful_stop_s: float = 5.0,
    end: Callable[[asyncio.Task[None]], object] | None = None,
    trace_prefix: bytes | None = None,
) -> tuple[list[RequestSample], Requests]:
    """Return the samples of a run, and the requests that the server received."""
    samples: list[RequestSample] = []

    async def work(url: str) -> None:
        clock = pacer()
        share = plan(spec)
        setups = make_setups(spec, share, {"backend": url}, DIRECT, {})
        users = JourneyUsers(
            setups,
            lambda _: pytest.fail("a turn has its own connection"),
            (),
            Shared(trace_prefix=trace_prefix),
        )
        engine = JourneyEngine(
            share, users.open, lambda sample, _: samples.append(sample), clock, lambda _: graceful_stop_s
        )
        await engine.open()

        async def begin(_: int) -> float:
            return clock.now_s()

        task = asyncio.create_task(engine.run(begin))
        if end is not None:
            asyncio.get_running_loop().call_later(0.2, end, task)
        await asyncio.wait([task])
        await engine.close()
        clock.close()
        if not task.cancelled():
            task.result()

    async def serve() -> Requests:
        async with server(answers) as (url, seen):
            await work(url)
            return seen

    return samples, asyncio.run(serve())


def test_each_request_is_a_sample_with_the_name_of_its_step() -> None:
    """Without a step, its method and path name it, with stars in place of ids."""
    spec = make_spec("""
    async with user.step("login"):
        await user.client.post("/login", json={"email": "a"})
        await user.client.get("/me")
    await user.client.get("/orders/17/lines/1c2d3e4f-0000-4000-8000-aabbccddeeff?page=2")
""")
    samples, seen = run(spec, [OK])
    assert [sample.prompt for sample in samples] == ["login", "login", "GET /orders/*/lines/*"]
    assert [sample.step for sample in samples] == [sample.prompt for sample in samples]
    assert [sample.iteration for sample in samples] == [0, 1, 2]
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    assert seen.connections == 1  # a user has one connection
    for sample in samples:
        assert sample.sent_s is not None
        assert sample.scheduled_s <= sample.sent_s <= sample.finished_s


def test_traced_requests_have_the_ids_of_their_samples() -> None:
    """Services that record traces report the times of each request of a turn."""
    spec = make_spec("    for _ in range(2):\n        await user.client.get('/')\n")
    samples, seen = run(spec, [OK], trace_prefix=b"\1\2\3\4")
    keys = [RequestKey(sample.phase, sample.vu, sample.iteration, sample.arm) for sample in samples]
    expected = [traceparent(b"\1\2\3\4", key).decode().strip() for key in keys]
    assert [line in head.lower() for line, head in zip(expected, seen.heads, strict=True)] == [True, True]


def test_a_stream_has_the_times_of_the_transport() -> None:
    """Tokens and milestones have the time at which their part was read, not at which the turn saw it."""
    spec = make_spec("""
    async with user.step("ask"):
        async with user.client.stream("POST", "/chat", json={}) as response:
            async for line in response.aiter_lines():
                kind = json.loads(line)["type"]
                if kind == "documents":
                    user.milestone("first_document")
                    await asyncio.sleep(1.0)  # the turn is slow, the server is not
                if kind == "delta":
                    user.token()
""")
    (sample,), _ = run(spec, [streamed(*LINES)])
    assert (sample.outcome, sample.tokens) == (Outcome.OK, 2)
    assert sample.first_byte_s is not None
    assert sample.first_token_s is not None
    assert sample.last_token_s is not None
    document_s = sample.milestone_times["first_document"] / 1000 + sample.scheduled_s
    assert document_s == pytest.approx(sample.first_byte_s, abs=1e-5)
    assert sample.first_byte_s < sample.first_token_s < sample.last_token_s
    assert sample.last_token_s - sample.first_byte_s < 1.0


@pytest.mark.parametrize(
    ("source", "outcome", "detail"),
    [
        ("user.check(answer.status_code == 201, 'created')", Outcome.WRONG_CONTENT, "check failed: created"),
        ("answer.json()['name']", Outcome.WRONG_CONTENT, "KeyError: 'name' (shop.py:7)"),
        ("raise SystemExit(3)", Outcome.WRONG_CONTENT, "SystemExit: 3 (shop.py:7)"),
        ("(await asyncio.create_task(asyncio.sleep(0))).x", Outcome.WRONG_CONTENT, "AttributeError: "),
    ],
)
def test_a_failure_in_a_step_fails_its_newest_request(source: str, outcome: Outcome, detail: str) -> None:
    """An exception ends the iteration with the error and its line; the earlier request is not affected."""
    spec = make_spec(
        f"""
    await user.client.get("/first")
    answer = await user.client.get("/second"); {source}
"""
    )
    samples, _ = run(spec, [OK])
    assert [sample.outcome for sample in samples] == [Outcome.OK, outcome]
    assert samples[1].detail is not None
    assert samples[1].detail.startswith(detail)
    assert samples[1].culprit is Culprit.TARGET


def test_an_exception_without_a_request_is_a_failure_of_its_own() -> None:
    """It has the name of its step, or of the turn, and the next iteration begins."""
    spec = make_spec("    async with user.step('prepare'):\n        1 / 0\n")
    (sample,), _ = run(spec, [OK])
    assert (sample.prompt, sample.outcome, sample.status) == ("prepare", Outcome.WRONG_CONTENT, None)
    assert sample.detail == "ZeroDivisionError: division by zero (shop.py:6)"
    (sample,), _ = run(make_spec("    user.check(False, 'never')\n"), [OK])
    assert (sample.prompt, sample.detail) == ("turn", "check failed: never")


@pytest.mark.parametrize(
    ("status", "expected", "outcome"),
    [
        ("404 Not Found", "", Outcome.HTTP_ERROR),
        ("401 Unauthorized", "", Outcome.UNAUTHORIZED),
        ("429 Too Many Requests", "", Outcome.RATE_LIMITED),
        ("302 Found", "", Outcome.OK),
        ("404 Not Found", ", status=(200, 404)", Outcome.OK),
        ("200 OK", ", status=404", Outcome.WRONG_CONTENT),
    ],
)
def test_a_status_decides_the_outcome(status: str, expected: str, outcome: Outcome) -> None:
    """A status from 400 is a failure with the server's words, unless the step expects it."""
    spec = make_spec(f"    async with user.step('x'{expected}):\n        await user.client.get('/')\n")
    (sample,), _ = run(spec, [response(b'{"detail": "no such thing"}', status)])
    assert sample.outcome is outcome
    if outcome is Outcome.HTTP_ERROR:
        assert sample.detail == "no such thing"


def test_a_broken_connection_and_a_late_answer_have_their_outcomes() -> None:
    """The turn may catch httpx's exceptions, and the requests have failed all the same."""
    source = """
    for _ in range(2):
        try:
            await user.client.get("/")
        except httpx.TransportError:
            pass
"""
    samples, _ = run(make_spec(source, request_timeout_s=0.2), [b"", HANGING])
    assert [sample.outcome for sample in samples] == [Outcome.TIMEOUT, Outcome.BAD_STREAM]
    slow = streamed(*[LINES[1]] * 100)
    (sample,), _ = run(make_spec("    await user.client.get('/')\n", request_timeout_s=0.2), [slow])
    assert (sample.outcome, sample.detail) == (Outcome.TIMEOUT, "no complete response within 0.2 s")


def test_a_user_may_leave_a_stream() -> None:
    """The request is OK and ends where the turn closed it; a request that the turn cancels is no failure."""
    source = """
    async with user.client.stream("GET", "/") as answer:
        async for line in answer.aiter_lines():
            break
    try:
        async with asyncio.timeout(0.05):
            await user.client.get("/")
    except TimeoutError:
        pass
"""
    endless = streamed(*[LINES[1]] * 1000)
    samples, seen = run(make_spec(source), [endless])
    assert [sample.outcome for sample in samples] == [Outcome.OK, Outcome.CANCELLED]
    assert seen.connections == 2


@pytest.mark.parametrize(
    "wait",
    [
        "await user.client.get('/')",
        "async with user.client.stream('GET', '/') as answer:\n        await asyncio.sleep(60)",
    ],
)
def test_a_request_in_progress_at_the_end_of_its_phase_is_cut_off(wait: str) -> None:
    """A request that ended before keeps its own outcome."""
    spec = make_spec(
        f"    await user.client.get('/first')\n    {wait}\n",
        phase={"executor": "constant-vus", "vus": 1, "duration_s": 0.1, "think_time_s": (0, 0)},
    )
    samples, _ = run(spec, [OK, streamed(*[LINES[1]] * 1000)], graceful_stop_s=0.2)
    assert [sample.outcome for sample in samples] == [Outcome.OK, Outcome.CUT_OFF]
    assert samples[1].finished_s > samples[1].scheduled_s


def test_a_request_in_progress_at_the_end_of_the_run_is_cancelled() -> None:
    """An interrupted run records all requests."""
    spec = make_spec("    await user.client.get('/first')\n    await user.client.get('/second')\n")
    samples, _ = run(spec, [OK, streamed(*[LINES[1]] * 1000)], end=lambda task: task.cancel())
    assert [sample.outcome for sample in samples] == [Outcome.OK, Outcome.CANCELLED]


def test_users_of_an_open_loop_have_numbers_rows_and_saved_values() -> None:
    """Each iteration has the next row; values that a user saves are there in its next iteration."""
    source = """
    user.saved["count"] = user.saved.get("count", 0) + 1
    await user.client.post("/", json=[user.row["email"], user.saved["count"], user.random.randrange(1000)])
"""
    rows = tuple({"email": f"user-{number}"} for number in range(20))
    phase = {"executor": "constant-arrival-rate", "rate": 40, "duration_s": 0.5}
    samples, seen = run(make_spec(source, rows, phase=phase), [OK])
    bodies = [json.loads(body) for body in seen.bodies]
    assert len(samples) == len(bodies) == 20
    assert sorted(email for email, _, _ in bodies) == sorted(row["email"] for row in rows)
    assert max(count for _, count, _ in bodies) > 1  # an idle user is used again
    assert len({number for _, _, number in bodies}) > 10


def test_requests_at_once_belong_to_their_own_steps() -> None:
    """Tasks of one turn may be in different steps."""
    source = """
    async def act(name):
        async with user.step(name):
            for _ in range(2):
                await user.client.get(f"/{name}")
            user.check(name != "b", "not b")
    await asyncio.gather(act("a"), act("b"))
"""
    samples, _ = run(make_spec(source), [OK])
    outcomes = sorted((sample.prompt, sample.outcome) for sample in samples)
    failed = ("b", Outcome.WRONG_CONTENT)
    assert outcomes == [("a", Outcome.OK), ("a", Outcome.OK), ("b", Outcome.OK), failed]


def test_a_turn_that_sends_no_request_does_not_use_the_whole_processor() -> None:
    """It is called about once per second."""
    spec = make_spec(
        "    user.saved['calls'] = user.saved.get('calls', 0) + 1\n    assert user.saved['calls'] < 3\n",
        phase={"executor": "constant-vus", "vus": 1, "duration_s": 0.3, "think_time_s": (0, 0)},
    )
    samples, _ = run(spec, [OK])
    assert samples == []
