import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.core.config.fault import Fault, KillFault, PauseFault, RestartFault
from bench.core.faults.fault_plan import PlannedFault
from bench.errors import TargetError
from bench.measure.faults.fault_run import FaultRun, Injection
from bench.measure.faults.service_actions import FaultActor

KILL = KillFault(action="kill", at_s=0.02, service="agent", duration_s=0.05)
PAUSE = PauseFault(action="pause", at_s=0.0, service="model")
RESTART = RestartFault(action="restart", at_s=0.0, service="backend")


class Services:
    """Notes what happens to services."""

    def __init__(self, fails: str = "") -> None:
        self.calls: list[str] = []
        self.holds = threading.Event()
        self.holds.set()
        self._fails = fails

    def __getattr__(self, name: str) -> Callable[[str], None]:
        def act(service: str) -> None:
            self.calls.append(f"{name} {service}")
            assert self.holds.wait(60)
            if name == self._fails:
                raise TargetError(f"service '{service}' did not start: it ended with code 1\nlast line")

        return act


def make_run(services: Any, *faults: Fault, notes: list[str] | None = None) -> FaultRun:
    """The faults of a run on these services."""
    planned = [PlannedFault(index, fault, (fault.service,)) for index, fault in enumerate(faults)]
    return FaultRun(Injection(planned, FaultActor(services, None)), (notes or []).append)


async def until(holds: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - a condition, not an event
            await asyncio.sleep(0.005)


def now_s() -> tuple[float, float]:
    """A load and a phase that begin now."""
    return (time.monotonic(), time.monotonic())


def start(run: FaultRun) -> None:
    """Begin the load."""
    origin = now_s()
    run.watch(lambda: origin)


def test_a_fault_begins_and_ends_at_its_times() -> None:
    """Never early, and the result has the times of both; each step is a note."""
    services = Services()
    notes: list[str] = []

    async def measure() -> None:
        run = make_run(services, KILL, notes=notes)
        start(run)
        await until(lambda: run.times and run.times[0].ended_s)
        await run.end()
        (times,) = run.times
        moments = [times.began_s, times.active_s, times.lifted_s, times.ended_s]
        assert moments == sorted(moments, key=lambda moment: moment or 0.0)
        assert times.began_s >= 0.02
        assert times.lifted_s is not None
        assert times.lifted_s >= 0.07
        assert run.find_stop() is None

    asyncio.run(measure())
    assert services.calls == ["kill agent", "start agent"]


def test_faults_wait_for_the_measured_load() -> None:
    """A warm-up has no faults, and planned times count from its end."""
    services = Services()

    async def measure() -> None:
        run = make_run(services, RESTART)
        origins: list[tuple[float, float]] = []
        run.watch(lambda: origins[0] if origins else None)
        await asyncio.sleep(0.05)
        assert not services.calls
        began_s = time.monotonic()
        origins.append((began_s - 100.0, began_s))
        await until(lambda: run.times and run.times[0].ended_s)
        assert run.times[0].began_s >= 100.0

    asyncio.run(measure())
    assert services.calls == ["stop backend", "start backend"]


@pytest.mark.parametrize(
    ("fault", "is_last", "calls"),
    [
        (PAUSE, False, ["pause model", "resume model"]),
        (PAUSE, True, ["pause model", "resume model"]),
        (KILL.model_copy(update={"duration_s": None}), False, ["kill agent", "start agent"]),
        (KILL.model_copy(update={"duration_s": None}), True, ["kill agent"]),
    ],
)
def test_the_end_of_the_load_ends_every_fault(fault: Fault, is_last: bool, calls: Sequence[str]) -> None:
    """A paused service continues always; a killed one starts again unless the stack ends next."""
    services = Services()

    async def measure() -> None:
        run = make_run(services, fault)
        start(run)
        await until(lambda: run.times and run.times[0].active_s)
        await run.end(is_last=is_last)
        await run.end(is_last=True)

    asyncio.run(measure())
    assert services.calls == calls


def test_an_end_waits_for_the_action_under_way() -> None:
    """Ctrl-C within a restart does not leave half of it: the service is up before the stack is used again."""
    services = Services()
    services.holds.clear()

    async def measure() -> None:
        run = make_run(services, PAUSE)
        start(run)
        await until(lambda: services.calls)
        ending = asyncio.create_task(run.end())
        await asyncio.sleep(0.02)
        assert not ending.done()
        services.holds.set()
        await ending

    asyncio.run(measure())
    assert services.calls == ["pause model", "resume model"]


def test_a_service_that_does_not_start_again_ends_the_run() -> None:
    """The reason names the fault and the service, and the log follows."""

    async def measure() -> None:
        run = make_run(Services(fails="start"), RESTART)
        start(run)
        await until(run.find_stop)
        stop = run.find_stop()
        assert stop is not None
        assert stop.reason == (
            "fault 'restart backend': service 'backend' did not start: it ended with code 1"
        )
        assert stop.log == ("last line",)
        await run.end(is_last=True)

    asyncio.run(measure())


def test_a_run_without_faults_needs_nothing() -> None:
    """No task, no time."""

    async def measure() -> None:
        run = FaultRun(None, print)
        run.watch(now_s)
        await run.end()
        assert run.times == ()
        assert run.find_stop() is None

    asyncio.run(measure())
