"""Inject the faults of a scenario at their times during a load, and end them with the load."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.core.config.fault import Fault, KillFault, RestartFault, end_of, name_fault
from bench.core.faults.fault_plan import PlannedFault
from bench.core.faults.fault_times import FaultTimes
from bench.core.samples.sample import Stop, StopCause
from bench.errors import BenchError

if TYPE_CHECKING:
    # Only scenarios with faults need this code.
    from bench.measure.faults.service_actions import FaultActor

_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Injection:
    """The faults of a scenario on a stack that is up."""

    planned: Sequence[PlannedFault]
    """The faults."""
    actor: "FaultActor"
    """Begins and ends them."""


class FaultRun:
    """The faults of one load.

    Args:
        injection: The faults; `None` without any.
        on_note: Receives one line about each start and end.
    """

    def __init__(self, injection: Injection | None, on_note: Callable[[str], None]) -> None:
        self._injection = injection
        self._on_note = on_note
        self._times: dict[int, FaultTimes] = {}
        self._active: dict[int, PlannedFault] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._acts: set[asyncio.Task[None]] = set()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._zero_s = 0.0
        self._problem: str | None = None

    @property
    def times(self) -> tuple[FaultTimes, ...]:
        """The measured times so far, in the order of their start."""
        return tuple(sorted(self._times.values(), key=lambda times: times.began_s))

    def watch(self, find_origin: Callable[[], tuple[float, float] | None]) -> None:
        """Inject the faults at their times from now on, in the background.

        Args:
            find_origin: Returns the start of the load, from which measured times count, and that of the first
                phase that is not a warm-up, from which planned times count, both on CLOCK_MONOTONIC; `None`
                before that phase.
        """
        if self._injection is None:
            return
        for fault in self._injection.planned:
            injecting = self._inject(fault, find_origin, self._injection.actor)
            self._tasks.append(asyncio.create_task(injecting))

    def find_stop(self) -> Stop | None:
        """Return why the run must end: a fault was not possible, or a service did not start again.

        Raises:
            BaseException: The injection has a bug.
        """
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()
        if self._problem is None:
            return None
        reason, *log = self._problem.splitlines()
        return Stop(cause=StopCause.TARGET, reason=reason, log=tuple(log))

    async def end(self, *, is_last: bool = False) -> None:
        """End all faults that are active.

        Args:
            is_last: Whether the stack ends next, so that services which a fault ended stay so.
        """
        for task in self._tasks:
            task.cancel()
        if self._acts:
            await asyncio.wait(self._acts)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for fault in list(self._active.values()):
            if self._injection is not None and not (is_last and isinstance(fault.fault, KillFault)):
                await self._end(fault, self._injection.actor)

    async def _inject(
        self, fault: PlannedFault, find_origin: Callable[[], tuple[float, float] | None], actor: "FaultActor"
    ) -> None:
        while (origin := find_origin()) is None:  # noqa: ASYNC110 - load generators report it by pipes
            await asyncio.sleep(_POLL_S)
        self._zero_s, origin_s = origin
        await _sleep_until(origin_s + fault.fault.at_s)
        await self._complete(self._begin(fault, actor))
        end_s = end_of(fault.fault)
        if end_s is not None and fault.index in self._active:
            await _sleep_until(origin_s + end_s)
            await self._complete(self._end(fault, actor))

    async def _begin(self, fault: PlannedFault, actor: "FaultActor") -> None:
        name = name_fault(fault.fault)
        times = FaultTimes(fault=fault.index, instances=fault.instances, began_s=self._now_s())
        self._times[fault.index] = times
        self._active[fault.index] = fault
        self._on_note(f"{times.began_s:.1f} s: {name}")
        is_done = await self._act(actor.begin, fault)
        now_s = self._now_s()
        if is_done and isinstance(fault.fault, RestartFault):
            del self._active[fault.index]
            self._note(fault, active_s=now_s, ended_s=now_s)
        elif is_done:
            self._note(fault, active_s=now_s)

    async def _end(self, fault: PlannedFault, actor: "FaultActor") -> None:
        self._note(fault, lifted_s=self._now_s())
        del self._active[fault.index]
        if await self._act(actor.end, fault):
            ended_s = self._now_s()
            self._note(fault, ended_s=ended_s)
            self._on_note(f"{ended_s:.1f} s: the end of '{name_fault(fault.fault)}'")

    def _note(self, fault: PlannedFault, **moments_s: float) -> None:
        self._times[fault.index] = self._times[fault.index].model_copy(update=moments_s)

    async def _act(self, act: Callable[[Fault, Sequence[str]], None], fault: PlannedFault) -> bool:
        """Act in a thread when the previous fault of the service is complete; return the success."""
        try:
            async with self._locks[fault.fault.service]:
                await asyncio.to_thread(act, fault.fault, fault.instances)
        except BenchError as error:
            self._problem = f"fault '{name_fault(fault.fault)}': {error.message}"
            return False
        return True

    async def _complete(self, step: Coroutine[Any, Any, None]) -> None:
        """Take a step, which a cancellation does not interrupt."""
        running = asyncio.create_task(step)
        self._acts.add(running)
        running.add_done_callback(self._acts.discard)
        await asyncio.shield(running)

    def _now_s(self) -> float:
        return time.monotonic() - self._zero_s


async def _sleep_until(due_s: float) -> None:
    """Sleep until a time of CLOCK_MONOTONIC."""
    await asyncio.sleep(due_s - time.monotonic())
