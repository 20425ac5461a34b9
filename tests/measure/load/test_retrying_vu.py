"""A VU that sends failed requests again: in virtual time, and against a real server."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bench.core.config.retry import Retry
from bench.core.load.arrival import Arrival
from bench.core.load.plan import plan
from bench.core.load.retry_budget import RetryBudget
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.load.engine import Engine
from bench.measure.load.messages import Job
from bench.measure.load.request_client import OnSample
from bench.measure.load.retry_room import RetryRoom
from bench.measure.load.retrying_vu import RetryingVu
from bench.measure.load.workers import start_workers
from bench.timing.pacing import LoopTimer
from tests.factories import make_scenario, make_spec
from tests.journeys import make_journey
from tests.measure.load.test_workers import Measured
from tests.measure.loopback import response, server
from tests.virtual_time import run_virtually

SERVICE_S = 0.25
BUSY = (Outcome.HTTP_ERROR, 503)
LIMITED = (Outcome.RATE_LIMITED, 429)
OK = (Outcome.OK, 200)
RETRY = Retry(budget=10.0)
PHASE_S = 600.0


class FlakyVu:
    """Answers after a quarter of a second with these outcomes, and the last one for all further requests."""

    def __init__(self, answers: Sequence[tuple[Outcome, int]], retry_after: str | None = None) -> None:
        self._answers = answers
        self._retry_after = retry_after
        self.sent_s: list[float] = []
        self._end: asyncio.TimerHandle | None = None
        self._finish: Any = None

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def post(self, arrival: Arrival) -> None:
        """Do nothing."""

    def response_header(self, name: str) -> str | None:
        """Return the header of all responses."""
        assert name == "retry-after"
        return self._retry_after

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Answer later."""
        loop = asyncio.get_running_loop()
        answer = self._answers[min(len(self.sent_s), len(self._answers) - 1)]
        sent_s = loop.time() - origin_s
        self.sent_s.append(sent_s)

        def finish(outcome: Outcome, status: int | None, detail: str | None = None) -> None:
            self._end = None
            sample = RequestSample(
                phase=arrival.phase,
                vu=arrival.vu,
                iteration=arrival.iteration,
                prompt=arrival.label,
                scheduled_s=scheduled_s,
                finished_s=loop.time() - origin_s,
                outcome=outcome,
                sent_s=sent_s,
                status=status,
                detail=detail,
            )
            on_sample(sample, ())

        self._finish = finish
        self._end = loop.call_later(SERVICE_S, finish, *answer)

    def cut(self, failure: Failure) -> None:
        """End the attempt in progress."""
        if self._end is not None:
            self._end.cancel()
            self._finish(failure[0], None, failure[1])


def _run(vu: FlakyVu, retry: Retry, requests: int = 1, graceful_stop_s: float = 9.0) -> list[RequestSample]:
    """Send requests of one VU in virtual time."""
    phase = {"executor": "per-vu-iterations", "vus": 1, "iterations": requests, "duration_s": PHASE_S}
    scenario = make_scenario(phases=[phase])
    samples: list[RequestSample] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        pacer = LoopTimer(loop.time)
        room = RetryRoom(RetryBudget(), 1, pacer)
        engine = Engine(
            plan(make_spec(scenario)),
            lambda _number, _arm: RetryingVu(vu, retry, room),
            lambda sample, _: samples.append(sample),
            pacer,
            lambda _: graceful_stop_s,
        )

        async def begin(_: int) -> float:
            return loop.time()

        await engine.open()
        await engine.run(begin)
        await engine.close()

    run_virtually(work())
    return samples


def test_a_request_is_sent_again_until_it_succeeds() -> None:
    """One sample has the last attempt, and its response time counts from the planned start of the first."""
    vu = FlakyVu([BUSY, LIMITED, OK])
    (sample,) = _run(vu, RETRY)
    assert (sample.outcome, sample.status, sample.retries) == (Outcome.OK, 200, 2)
    assert sample.scheduled_s == vu.sent_s[0] == 0.0
    assert sample.finished_s == vu.sent_s[2] + SERVICE_S
    assert sample.sent_s == sample.retried_s == vu.sent_s[2]
    assert vu.sent_s[2] >= 2 * SERVICE_S + 2 * 0.5


def test_the_last_attempt_decides() -> None:
    """After the last attempt, the request has its outcome."""
    vu = FlakyVu([BUSY])
    (sample,) = _run(vu, Retry(attempts=4, budget=10.0))
    assert (sample.outcome, sample.retries, len(vu.sent_s)) == (Outcome.HTTP_ERROR, 3, 4)


def test_a_success_is_not_sent_again() -> None:
    """A request that succeeds at once has no retries."""
    vu = FlakyVu([OK])
    samples = _run(vu, Retry(), requests=3)
    assert [(sample.retries, sample.retried_s) for sample in samples] == [(0, None)] * 3
    assert len(vu.sent_s) == 3


def test_a_vu_waits_as_long_as_the_service_wants() -> None:
    """`Retry-After` is a lower bound of the wait."""
    vu = FlakyVu([LIMITED, OK], retry_after="30")
    _run(vu, RETRY)
    assert 30.0 <= vu.sent_s[1] - SERVICE_S <= 30.5


def test_retries_stay_within_the_budget() -> None:
    """If every attempt fails, a hundred requests are sent at most 111 times with a budget of a tenth."""
    vu = FlakyVu([BUSY])
    samples = _run(vu, Retry(attempts=10, backoff=(0.01, 0.01)), requests=100)
    assert len(samples) == 100
    assert 100 < len(vu.sent_s) <= 111


def test_a_wait_that_the_run_ends_keeps_the_failure_of_its_attempt() -> None:
    """A VU that waits for its next attempt when the graceful stop ends has the outcome of the last one."""
    vu = FlakyVu([LIMITED], retry_after="100000")
    (sample,) = _run(vu, RETRY)
    assert (sample.outcome, sample.status, sample.finished_s) == (Outcome.RATE_LIMITED, 429, SERVICE_S)
    assert len(vu.sent_s) == 1


def test_an_attempt_that_the_run_ends_is_cut_off() -> None:
    """A retry in progress at the end of the graceful stop is a request without a complete response."""
    vu = FlakyVu([LIMITED, OK], retry_after=f"{PHASE_S:.0f}")
    (sample,) = _run(vu, Retry(budget=10.0, backoff=(0.01, 0.01)), graceful_stop_s=0.4)
    assert PHASE_S < vu.sent_s[1] < PHASE_S + 0.4 < vu.sent_s[1] + SERVICE_S
    assert (sample.outcome, sample.retries, sample.status) == (Outcome.CUT_OFF, 1, None)


GOOD = response(b'{"data": {"message": "hello"}}')
FULL = response(b'{"error": "full"}', "503 Service Unavailable", "retry-after: 0")


@pytest.mark.parametrize("executor", ["per-vu-iterations", "constant-arrival-rate"])
def test_load_generators_send_refused_requests_again(executor: str) -> None:
    """With a real server that refuses the first two requests, all requests succeed, in each kind of loop."""
    phase: dict[str, Any] = {"executor": executor, "duration_s": 60, "vus": 1, "iterations": 4}
    if executor == "constant-arrival-rate":
        phase = {"executor": executor, "duration_s": 1, "rate": 4}
    retry = {"backoff": "10ms..20ms", "budget": "100%"}
    spec = make_spec(make_scenario(phases=[phase], retry=retry), ready=None)
    measured = Measured()

    async def work() -> int:
        async with server([FULL, FULL, GOOD]) as (url, seen), start_workers(1) as workers:
            await workers.run(Job(spec, (url,), ["token"]), measured.take)
            return len(seen.bodies)

    received = asyncio.run(work())
    samples = measured.log.since(0)
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    assert received == len(samples) + 2
    assert sum(sample.retries or 0 for sample in samples) == 2


def test_a_step_of_a_journey_is_sent_again() -> None:
    """The value that a step saves comes from the attempt that succeeded, and the next step can use it."""
    create = {"name": "create", "request": {"path": "/sessions", "json": {}}, "save": {"id": "id"}}
    ask = {"name": "read", "request": {"path": "/sessions/${saved.id}"}}
    retry = {"backoff": "10ms..20ms", "budget": "100%"}
    spec = make_journey(create, ask, login=None, data=None, retry=retry)
    measured = Measured()

    async def work() -> list[str]:
        answers = [FULL, response(b'{"id": 7}')]
        async with server(answers) as (url, seen), start_workers(1) as workers:
            await workers.run(Job(spec, (url,), services={"app": url}), measured.take)
            return [head.split()[1] for head in seen.heads]

    assert asyncio.run(work()) == ["/sessions", "/sessions", "/sessions/7"]
    samples = measured.log.since(0)
    assert [(sample.step, sample.outcome, sample.retries) for sample in samples] == [
        ("create", Outcome.OK, 1),
        ("read", Outcome.OK, 0),
    ]
