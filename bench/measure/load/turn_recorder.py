"""Collects the requests of one user's turn, and hands their samples to the engine."""

import re
from collections.abc import Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.core.config.turn import TURN
from bench.core.load.arrival import Arrival
from bench.core.values.limited_names import LimitedNames
from bench.measure.load.journey_engine import TurnSender
from bench.measure.load.turn_file import describe, find_place
from bench.measure.load.turn_request import TurnRequest

# Segments of a path that differ for each user or object: numbers, UUIDs and other long ids.
_ID = re.compile(r"[0-9]+|[0-9a-fA-F-]{16,}|(?=[^/]*[0-9])[A-Za-z0-9_-]{20,}")


@dataclass(eq=False, slots=True)
class OpenStep:
    """A step that the turn is in, or was in."""

    name: str
    """Name of the step."""
    accepted: Collection[int] = ()
    """Statuses that the step expects; empty for all below 400."""
    is_open: bool = True
    """Whether the turn is in the step."""
    requests: list[TurnRequest] = field(default_factory=list)
    """Requests of the step."""


_STEP: ContextVar[OpenStep | None] = ContextVar("step", default=None)


class TurnRecorder:
    """Records the requests of one iteration after the other. A sample is made when the next request begins.

    Args:
        path: File of the turn.
        prefix: Text before the names of all requests.
        names: Limits these names, for all users.
    """

    def __init__(self, path: str, prefix: str = "", names: LimitedNames | None = None) -> None:
        self._path = path
        self._prefix = prefix
        self._names = LimitedNames() if names is None else names
        self._outside = OpenStep(TURN)
        self._failed: OpenStep | None = None
        self._waiting: list[tuple[TurnRequest, OpenStep]] = []
        self._sender: TurnSender | None = None
        self._arrival: Arrival | None = None
        self._lag_s = 0.0
        self._phase = -1
        self._sent = 0
        self.requests = 0
        """Number of requests of this iteration."""

    def begin_iteration(self, arrival: Arrival, due_s: float, sender: TurnSender) -> None:
        """Begin an iteration that was due at this time of the pacer's clock."""
        if arrival.phase != self._phase:
            self._phase = arrival.phase
            self._sent = 0
        self._arrival = arrival
        self._sender = sender
        self._lag_s = max(0.0, sender.now_s() - due_s)
        self._outside = OpenStep(TURN)
        self._failed = None
        self._waiting = []
        self.requests = 0

    def enter_step(self, name: str, accepted: Collection[int]) -> OpenStep:
        """Begin a step; requests of this task belong to it until it is left."""
        step = OpenStep(name, accepted)
        _STEP.set(step)
        return step

    def leave_step(self, step: OpenStep, outer: OpenStep | None, error: BaseException | None) -> None:
        """End a step."""
        step.is_open = False
        _STEP.set(outer)
        if error is not None and self._failed is None:
            self._failed = step

    @property
    def step(self) -> OpenStep | None:
        """The step that this task is in."""
        step = _STEP.get()
        return step if step is not None and step.is_open else None

    def begin_request(self, request: httpx.Request) -> TurnRequest:
        """Return a request that is sent now, after the earlier ones have been recorded."""
        step = self.step or self._outside
        self.record(unfinished=step if step.is_open and step is not self._outside else None)
        assert self._sender is not None  # noqa: S101 - an iteration has begun
        label = step.name if step is not self._outside else _name(request)
        measured = TurnRequest(self._number(label), self._sender.now_s() - self._lag_s, step.accepted)
        self._lag_s = 0.0  # the load generator was late for the first request only
        self.requests += 1
        step.requests.append(measured)
        self._waiting.append((measured, step))
        return measured

    @property
    def newest(self) -> TurnRequest | None:
        """The newest request of the step that the task is in, else of the iteration."""
        step = self.step
        if step is not None:
            return step.requests[-1] if step.requests else None
        return self._waiting[-1][0] if self._waiting else None

    def reject(self, words: str) -> None:
        """Note that the newest answer is not the expected one."""
        newest = self.newest
        if newest is None:
            self._add_failure(self.step or self._outside, words)
        else:
            newest.reject(words)

    def fail(self, error: BaseException) -> None:
        """Note an error of the turn: the newest request of the step in which it arose failed."""
        words = f"{describe(error)} ({Path(find_place(error, self._path)).name})"
        step = self._failed
        if step is None or not step.requests:
            waiting = [] if step is not None else self._waiting
            requests: Sequence[TurnRequest] = [request for request, _ in waiting]
        else:
            requests = step.requests
        if requests:
            requests[-1].reject(words)
        else:
            self._add_failure(step or self._outside, words)

    def record(self, unfinished: OpenStep | None = None) -> None:
        """Record the requests that are over.

        Args:
            unfinished: Step whose requests may still be rejected; `None` to record all.
        """
        waiting = self._waiting
        for request, _ in waiting:
            request.settle()
        self._waiting = [pair for pair in waiting if not pair[0].is_over or pair[1] is unfinished]
        for request, step in waiting:
            if request.is_over and step is not unfinished:
                self._send(request)

    async def sleep(self, delay_s: float) -> None:
        """Record all requests that are over, and wait for this number of seconds."""
        self.record()
        assert self._sender is not None  # noqa: S101 - an iteration has begun
        await self._sender.sleep_until(self._sender.now_s() + delay_s)

    def finish(self) -> None:
        """Record all requests; the turn has ended, so answers that it did not read are over."""
        for request, _ in self._waiting:
            request.end()
        self.record()

    def interrupt(self) -> None:
        """Record all requests at the end of the run; those in progress are interrupted."""
        waiting = self._waiting
        self._waiting = []
        for request, _ in waiting:
            self._send(request)

    def _add_failure(self, step: OpenStep, words: str) -> None:
        assert self._sender is not None  # noqa: S101 - an iteration has begun
        request = TurnRequest(self._number(step.name), self._sender.now_s())
        request.reject(words)
        request.end()
        self.requests += 1
        self._waiting.append((request, step))

    def _send(self, request: TurnRequest) -> None:
        sender = self._sender
        assert sender is not None  # noqa: S101 - an iteration has begun
        if not request.is_over:  # the run ended before the answer did
            request.interrupt(sender.interruption(request.arrival, request.planned_s))
        sender.record(request.make_sample)

    def _number(self, label: str) -> Arrival:
        """Return the next request of the user in this phase, with its name."""
        assert self._arrival is not None  # noqa: S101 - an iteration has begun
        number = self._sent
        self._sent += 1
        name = self._names.keep(self._prefix + label)
        return self._arrival._replace(iteration=number, prompt=name, step=0, journey_step=name)


def _name(request: httpx.Request) -> str:
    """Return the method and the path of a request, with `*` in place of ids."""
    segments = request.url.path.split("/")
    return f"{request.method} {'/'.join('*' if _ID.fullmatch(part) else part for part in segments)}"
