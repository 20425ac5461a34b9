import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bench.core.calibration.reference_workload import PINNED
from bench.core.config.stack import RepeatedRequest
from bench.core.config.stack_tiers import Layers, StackLayer
from bench.core.config.target import JsonAnswer, Target
from bench.measure.calibration import reference_workload
from bench.measure.calibration.calibrate import REFERENCE, REFERENCE_TARGET
from bench.measure.load.repeat_request import repeat_request
from bench.measure.load.workers import Workers, start_workers
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.run import measure
from bench.measure.stacks.processes import run_processes
from tests.factories import make_scenario, make_spec

ECHO = Target(
    name="echo",
    service="reference",
    path="/echo",
    body={"message": "${message}"},
    answer=JsonAnswer(kind="json", text="text"),
    ready="/ready",
)
NOWHERE = ECHO.model_copy(update={"path": "/nowhere"})
LOCAL = ("arithmetic", "copy", "json", "sort", "text")
SLOW = StackLayer(tier="outer", target=REFERENCE_TARGET)
FAST = StackLayer(tier="inner", target=ECHO)


def with_reference_server(use: Callable[[Workers, str], Awaitable[Any]]) -> Any:
    """Return the result of a function that sends requests to the reference server."""

    async def work() -> Any:
        with run_processes(REFERENCE, SecretStr("")) as live:
            async with start_workers(1) as workers:
                return await use(workers, live.url("reference"))

    return asyncio.run(work())


async def _time_pinned_request(request: RepeatedRequest, workers: Workers, url: str) -> dict[str, float]:
    return await reference_workload.time_pinned_request(workers, request, url)


def test_each_response_has_its_time() -> None:
    """There is one time per request, each at least the planned one."""
    request = RepeatedRequest(target=REFERENCE_TARGET, message="Hello?", repeats=3)
    times_ms = with_reference_server(lambda workers, url: repeat_request(workers, request, url))
    assert len(times_ms) == 3
    assert min(times_ms) >= 180.0


def test_work_takes_time() -> None:
    """Each part of the reference workload takes some time."""
    times_ms = reference_workload.time_local_work() | with_reference_server(reference_workload.time_echo)
    assert times_ms.keys() == {*LOCAL, "echo"}
    assert min(times_ms.values()) > 0


def test_a_refused_workload_request_has_no_time() -> None:
    """A refusal is fast, so it must not count as a fast machine."""
    measured = []
    for target in (NOWHERE, ECHO):
        request = RepeatedRequest(target=target, message="Hello?", repeats=2)
        measured.append(with_reference_server(partial(_time_pinned_request, request)))
    assert measured[0] == {}
    assert measured[1].keys() == {PINNED}


def test_a_run_measures_machine_speed_and_tiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack declares a reference workload and layers."""
    monkeypatch.chdir(tmp_path)
    stack = REFERENCE.model_copy(
        update={
            "reference_workload": RepeatedRequest(target=ECHO, message="Hello?", repeats=3),
            "layers": Layers(message="Hello?", tiers=(SLOW, FAST), rounds=2),
        }
    )
    scenario = make_scenario(
        phases=[{"executor": "per-vu-iterations", "vus": 1, "iterations": 2}], thresholds={}
    )
    spec = make_spec(scenario).model_copy(update={"target": ECHO})
    listener = Listener(progress=lambda _: None, note=lambda _: None, warning=lambda _: None)
    result, _ = measure(spec, stack, Conditions(), listener)
    assert result.reference_workload is not None
    assert result.reference_workload.before_ms.keys() == {*LOCAL, "echo", PINNED}
    assert result.reference_workload.pieces == {PINNED}
    assert result.summary.metrics.keys() >= {"tier.outer_ms", "tier.inner_ms"}
    assert (result.calibration is None) == (result.reference_workload is None)
