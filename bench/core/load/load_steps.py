"""The steps of a planned load: its phases and stages, with the time at which each starts."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, assert_never

from bench.core.config.executors import (
    Cases,
    ClosedLoop,
    ConstantVus,
    OpenLoop,
    PerVuIterations,
    RampingVus,
    Spike,
    VusStage,
)
from bench.core.config.open_loops import (
    ArrivalRateSeries,
    ArrivalTimes,
    ConstantArrivalRate,
    RampingArrivalRate,
    RateStage,
)
from bench.core.values import wording

MEASURING = "measuring"
"""The step of a load that has one step only."""
WARM_UP = "warm-up"
LAST_ANSWERS = "last answers"
"""The step after the planned end, until all requests are answered."""
_MOST_STAGES = 3
"""Next stages that a progress has."""


class NextStage(NamedTuple):
    """A step of the load that has not begun."""

    words: str
    """The step, such as `20 VUs`."""
    starts_in_s: float | None
    """Seconds until its planned start; None if requests decide when it starts."""
    is_latest: bool = False
    """It may start earlier."""


class LoadStep(NamedTuple):
    """A step of a phase."""

    start_s: float
    """Seconds since the start of the phase."""
    words: str
    """Its load, such as `ramp to 20 VUs`."""


class PresentStep(NamedTuple):
    """A moment of a load."""

    words: str
    """The present step."""
    stages: tuple[NextStage, ...]
    """The next steps of the load; empty in the last one."""


class LoadSteps:
    """The steps of a load.

    Args:
        phases: The phases of a scenario.
    """

    def __init__(self, phases: Sequence[ClosedLoop | OpenLoop]) -> None:
        self._phases = phases
        self._steps = [tuple(list_steps(phase)) for phase in phases]
        measured = 0
        for phase, steps in zip(phases, self._steps, strict=True):
            measured += 0 if phase.warm_up else len(steps)
        self._is_simple = measured == 1

    def at(self, phase: int, at_s: float) -> PresentStep:
        """Return the present step and the next ones.

        Args:
            phase: Index of the present phase.
            at_s: Seconds since its start.
        """
        stages: list[NextStage] = []
        present = self._words(phase, self._steps[phase][0])
        for step in self._steps[phase]:
            if step.start_s <= at_s:
                present = self._words(phase, step)
            else:
                stages.append(NextStage(self._words(phase, step), step.start_s - at_s))
        end_s = _end_s(self._phases[phase])
        if end_s is not None and at_s >= end_s:
            present = LAST_ANSWERS
        stages += self._later_phases(phase, None if end_s is None else max(0.0, end_s - at_s))
        return PresentStep(present, tuple(stages[:_MOST_STAGES]))

    def _later_phases(self, phase: int, starts_in_s: float | None) -> Iterator[NextStage]:
        """Yield the steps of the phases after one that ends in this time; None if requests end it."""
        for later in range(phase + 1, len(self._phases)):
            for step in self._steps[later]:
                start_s = None if starts_in_s is None else starts_in_s + step.start_s
                yield NextStage(self._words(later, step), start_s)
            end_s = _end_s(self._phases[later])
            starts_in_s = None if starts_in_s is None or end_s is None else starts_in_s + end_s

    def _words(self, phase: int, step: LoadStep) -> str:
        if self._phases[phase].warm_up:
            return WARM_UP
        return MEASURING if self._is_simple else step.words


def _end_s(phase: ClosedLoop | OpenLoop) -> float | None:
    """Return the planned duration of a phase; None if a number of requests ends it."""
    return None if isinstance(phase, PerVuIterations | Cases) else phase.duration_s


def list_steps(phase: ClosedLoop | OpenLoop) -> Iterator[LoadStep]:
    """Yield the steps of a phase, at least one. Stages that take no time are no steps."""
    if isinstance(phase, ClosedLoop):
        yield from _list_closed(phase)
    else:
        yield from _list_open(phase)


def _list_closed(phase: ClosedLoop) -> Iterator[LoadStep]:
    match phase:
        case RampingVus():
            yield from _list_stages(phase.start_vus, phase.stages, "VUs")
        case Spike():
            yield from _list_spike(phase)
        case ConstantVus():
            yield LoadStep(0.0, wording.counted(phase.vus, "VU"))
        case PerVuIterations():
            requests = wording.counted(phase.iterations, "request")
            yield LoadStep(0.0, f"{wording.counted(phase.vus, 'VU')}, {requests} each")
        case Cases():
            yield LoadStep(0.0, "every message once")
        case _:
            assert_never(phase)


def _list_open(phase: OpenLoop) -> Iterator[LoadStep]:
    match phase:
        case RampingArrivalRate():
            unit = "requests/s" if phase.time_unit_s == 1 else f"requests/{phase.time_unit_s:g} s"
            yield from _list_stages(phase.start_rate, phase.stages, unit)
        case ConstantArrivalRate():
            yield LoadStep(0.0, f"{phase.rate_rps:.4g} requests/s")
        case ArrivalRateSeries():
            yield LoadStep(0.0, "a series of rates")
        case ArrivalTimes():
            yield LoadStep(0.0, "requests at given times")
        case _:
            assert_never(phase)


def _list_stages(
    start: float, stages: Sequence[VusStage] | Sequence[RateStage], unit: str
) -> Iterator[LoadStep]:
    """Yield the stages that take time: those that hold a load, and those that change it."""
    at_s = 0.0
    value = start
    for stage in stages:
        if stage.duration_s > 0.0:
            verb = "" if stage.target == value else "ramp to "
            yield LoadStep(at_s, f"{verb}{stage.target:g} {unit}")
        at_s += stage.duration_s
        value = stage.target


def _list_spike(phase: Spike) -> Iterator[LoadStep]:
    base = wording.counted(phase.base_vus, "VU")
    if phase.before_s > 0.0:
        yield LoadStep(0.0, base)
    yield LoadStep(phase.before_s, f"spike to {wording.counted(phase.vus, 'VU')}")
    if phase.after_s > 0.0:
        yield LoadStep(phase.before_s + phase.spike_s, f"{base} again")
