"""A target that invents a new name per response fills no memory."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from bench.core.run.name_limits import warn_of_names
from bench.core.samples.samples import SampleLog
from bench.core.values.limited_names import MOST_NAMES, MOST_TIERS, OTHER
from bench.measure.load.messages import Job
from bench.measure.load.workers import start_workers
from tests.factories import make_scenario, make_spec
from tests.measure.loopback import Script, response, server

ANSWER = b'{"data": {"message": "hello"}}'
ITERATIONS = {"executor": "per-vu-iterations", "vus": 4, "iterations": 100, "duration_s": 60}
REQUESTS = 400


def inventing(make: Callable[[int], bytes]) -> Script:
    """Return a script that sends another response each time."""
    numbers = itertools.count()

    async def script(_: asyncio.StreamReader, writer: Any) -> None:
        writer.write(make(next(numbers)))
        await writer.drain()

    return script


def run_load(script: Script) -> SampleLog:
    """Send a load with two load generators."""
    spec = make_spec(make_scenario(phases=[ITERATIONS]))
    log = SampleLog()

    async def work() -> None:
        async with server([script]) as (url, _), start_workers(2) as workers:
            await workers.run(Job(spec, (url,), ["token"]), lambda batch: log.extend(batch.log))

    asyncio.run(work())
    assert len(log) == REQUESTS
    return log


def test_new_tiers_in_each_response_are_summed_up() -> None:
    """The log has a limited number of tiers, no time is lost, and the run has a warning."""
    log = run_load(
        inventing(
            lambda number: response(ANSWER, "200 OK", f"server-timing: backend;dur=1, new-{number};dur=0.5")
        )
    )
    samples = log.since(0)
    assert len(log.tier_times) == MOST_TIERS
    assert {"backend", OTHER} < {*samples.tiers}
    assert {sum(sample.tier_times.values()) for sample in samples} == {1.5}
    assert [*warn_of_names(samples)] == ["more than 64 tiers report times: `other` is the sum of the others"]


def test_a_new_reason_in_each_failure_is_kept_some_times() -> None:
    """The log has a limited number of details, and the run has a warning."""
    log = run_load(
        inventing(lambda number: response(b'{"error": "request %d failed"}' % number, "500 Sorry"))
    )
    samples = log.since(0)
    assert len(log.details) == 1 + MOST_NAMES
    assert "failed" in (samples[0].detail or "")
    assert [*warn_of_names(samples)] == [
        "requests failed for more than 200 different reasons: the first ones are kept"
    ]
