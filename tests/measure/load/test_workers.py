import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest

from bench.core.config.run_spec import RunSpec
from bench.core.load.plan import plan
from bench.core.load.signs_of_life import SHORTEST_PAUSE_S
from bench.core.samples.sample import Outcome, Stall
from bench.core.samples.samples import SampleLog
from bench.measure.load.messages import Batch, Job
from bench.measure.load.workers import LostGeneratorError, Workers, start_workers
from tests.factories import make_scenario, make_spec
from tests.measure.loopback import Requests, Script, response, server, streamed

GOOD = response(b'{"data": {"message": "hello"}}')
ITERATIONS = {"executor": "per-vu-iterations", "vus": 5, "iterations": 3, "duration_s": 60}
SSE = {"kind": "sse", "text": "text", "done_data": "[DONE]"}
STREAM = [b'data: {"text": "a"}\n\n', b'data: {"text": "b"}\n\n', b"data: [DONE]\n\n"]


class Measured:
    """The reports of load generators."""

    def __init__(self) -> None:
        self.log = SampleLog()
        self.gaps: list[int] = []

    def take(self, batch: Batch) -> None:
        """Keep a batch."""
        self.log.extend(batch.log)
        self.gaps += [tokens.gaps.count for tokens in batch.token_times.values()]


def _run_load(
    phases: Sequence[dict[str, Any]], says: bytes | Script = GOOD, count: int = 2, **target: Any
) -> tuple[Measured, Requests, RunSpec, float]:
    """Run a load against a scripted server."""
    spec = make_spec(make_scenario(phases=list(phases)), **target)
    measured = Measured()

    async def work() -> tuple[Requests, float]:
        async with server([says]) as (url, seen), start_workers(count) as workers:
            job = Job(spec, (url,), [f"token-{number}" for number in range(5)])
            return seen, await workers.run(job, measured.take)

    seen, elapsed_s = asyncio.run(work())
    return measured, seen, spec, elapsed_s


@pytest.mark.parametrize("count", [1, 3])
def test_load_generators_send_the_plan_between_them(count: int) -> None:
    """For any number of load generators, each request of the plan is sent once, by its VU."""
    measured, seen, spec, elapsed_s = _run_load([ITERATIONS, ITERATIONS], count=count)
    samples = measured.log.since(0)
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    sent = sorted((sample.phase, sample.vu, sample.iteration, sample.prompt) for sample in samples)
    load = plan(spec)
    planned = [
        (phase, span.vu, request.iteration, request.prompt)
        for phase in (0, 1)
        for span in load.spans(phase)
        for request, _ in zip(load.requests(phase, span.vu), range(3), strict=False)
    ]
    assert sent == sorted(planned)
    assert {f"token-{number}" for number in range(5)} == {
        line.split()[-1] for head in seen.heads for line in head.splitlines() if "authorization" in line
    }
    assert elapsed_s >= max(sample.finished_s for sample in samples) - 0.001


def test_a_phase_begins_when_all_have_ended_the_one_before() -> None:
    """No load generator begins a phase while another one is in the phase before."""
    samples = _run_load([ITERATIONS, ITERATIONS], count=3)[0].log.since(0)
    ends = [sample.finished_s for sample in samples if sample.phase == 0]
    begins = [sample.scheduled_s for sample in samples if sample.phase == 1]
    assert min(begins) >= max(ends)


def test_gaps_between_tokens_come_with_the_requests() -> None:
    """Two tokens have one gap, and the gaps of every response are counted."""
    measured, *_ = _run_load([ITERATIONS], streamed(*STREAM), answer=SSE)
    assert len(measured.log) == 15
    assert sum(measured.gaps) == 15


@asynccontextmanager
async def _running(duration_s: float = 600.0) -> AsyncIterator[tuple[Workers, asyncio.Task[float], Measured]]:
    """Two load generators in the middle of a load."""
    measured = Measured()
    async with server([GOOD]) as (url, _), start_workers(2) as workers:
        phase = {"executor": "constant-vus", "vus": 4, "duration": duration_s, "think_time": 0.1}
        job = Job(make_spec(make_scenario(phases=[phase])), (url,))
        load = asyncio.create_task(workers.run(job, measured.take))
        while not len(measured.log) and not load.done():  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.01)
        yield workers, load, measured


def test_a_killed_load_generator_is_an_error() -> None:
    """The error names the signal; the other load generator ends its share, and all its samples are kept."""

    async def work() -> None:
        async with _running() as (workers, load, measured):
            os.kill(workers.pids[1], signal.SIGKILL)
            with pytest.raises(LostGeneratorError, match="ended by the signal SIGKILL"):
                await load
            assert {sample.vu % 2 for sample in measured.log.since(0)} >= {0}
            assert workers.in_flight in range(5)

    asyncio.run(work())


def test_a_load_generator_without_a_sign_of_life_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped process cannot end by itself."""

    async def work() -> None:
        async with _running() as (workers, load, _):
            os.kill(workers.pids[0], signal.SIGSTOP)
            # The checks are fast from now on; a process that they find too early is lost in any case.
            monkeypatch.setattr("bench.measure.load.workers.CHECK_S", 0.2)
            with pytest.raises(LostGeneratorError, match="no sign of life"):
                await load

    asyncio.run(work())


def test_a_paused_load_generator_reports_its_pause() -> None:
    """The pause is at least as long as the time for which the process was stopped."""

    async def work() -> list[Stall]:
        async with _running(duration_s=4.0) as (workers, load, _):
            os.kill(workers.pids[0], signal.SIGSTOP)
            await asyncio.sleep(SHORTEST_PAUSE_S)
            os.kill(workers.pids[0], signal.SIGCONT)
            await load
            return workers.pauses

    assert max(pause.length_s for pause in asyncio.run(work())) >= SHORTEST_PAUSE_S


def test_a_load_generator_ends_with_its_parent() -> None:
    """It ends with its stdin; in its own session it does not receive the terminal's Ctrl-C."""

    async def work() -> list[psutil.Process]:
        async with start_workers(2) as workers:
            processes = [psutil.Process(pid) for pid in workers.pids]
            assert all(os.getsid(process.pid) == process.pid for process in processes)
            async with server([GOOD]) as (url, _):
                phases = [{**ITERATIONS, "iterations": 1}]
                await workers.run(Job(make_spec(make_scenario(phases=phases)), (url,)), lambda _: None)
            return processes

    assert not any(process.is_running() for process in asyncio.run(work()))


def test_cancelled_requests_are_recorded() -> None:
    """Requests in progress at the end of the load are cancelled, and no other sample is lost."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def work() -> Measured:
        measured = Measured()
        async with server([GOOD] * 5 + [silent]) as (url, seen), start_workers(2) as workers:
            job = Job(make_spec(make_scenario(phases=[ITERATIONS])), (url,))
            load = asyncio.create_task(workers.run(job, measured.take))
            while len(seen.bodies) < 10:  # noqa: ASYNC110 - another process sets it
                await asyncio.sleep(0.01)
            workers.cancel()
            await load
        return measured

    outcomes = [sample.outcome for sample in asyncio.run(work()).log.since(0)]
    assert outcomes.count(Outcome.CANCELLED) == 5
    assert set(outcomes) == {Outcome.CANCELLED} or outcomes.count(Outcome.OK) >= 1


def test_requests_in_progress_are_reported() -> None:
    """Load generators report their number even if no response comes; at the end it is 0."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def work() -> tuple[int, int]:
        async with server([silent]) as (url, _), start_workers(2) as workers:
            job = Job(make_spec(make_scenario(phases=[ITERATIONS, ITERATIONS])), (url,))
            load = asyncio.create_task(workers.run(job, lambda _: None))
            while workers.in_flight < 5:  # noqa: ASYNC110 - another process sets it
                await asyncio.sleep(0.01)
            phase = workers.phase
            workers.cancel()
            await load
            return phase, workers.in_flight

    assert asyncio.run(work()) == (0, 0)
