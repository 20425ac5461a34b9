"""The executors: how many VUs or requests a phase of a scenario has, and when.

Names and meanings are k6's where k6 has them; `spike` and `cases` are this project's.
Source: https://grafana.com/docs/k6/latest/using-k6/scenarios/executors/
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bench.core.config.open_loops import (
    ArrivalRateSeries,
    ArrivalTimes,
    ConstantArrivalRate,
    RampingArrivalRate,
)
from bench.core.config.phase_fields import PhaseFields, Rate, Vus, VusOrNone, require_time, total_s
from bench.core.values import wording
from bench.core.values.duration import Duration, DurationRange, PositiveDuration
from bench.core.values.record import FieldError, Record


class _ClosedLoop(PhaseFields):
    think_time_s: Annotated[DurationRange, Field(alias="think_time")] = (0.0, 0.0)
    """Pause between a response and the VU's next message, drawn uniformly from this range."""


class _Spawning(_ClosedLoop):
    spawn_rate: Rate | None = None
    """VUs that start per second, one after the other; default: all start at once."""

    def check_spawning(self, vus: int, time_s: float) -> None:
        """Check that the last VU of a group that starts together starts within its time."""
        last_s = self.start_s(vus - 1)
        if last_s >= time_s:
            raise FieldError(
                ("spawn_rate",),
                f"{wording.counted(vus, 'VU')} at {self.spawn_rate:g} per second start within {last_s:g} s, "
                f"but end after {time_s:g} s; use a higher rate or a longer duration",
            )

    def start_s(self, number: int) -> float:
        """Return when a VU starts, in seconds after the first of its group, whose number is 0."""
        return 0.0 if self.spawn_rate is None else number / self.spawn_rate


class ConstantVus(_Spawning):
    """A closed loop: each VU sends, waits for the response, pauses, and sends again."""

    executor: Literal["constant-vus"]
    """The executor's name."""
    vus: Vus
    """Number of VUs, each with its own connection."""
    duration_s: Annotated[PositiveDuration, Field(alias="duration")]
    """Time in which VUs send requests. Requests in flight at the end may finish within `graceful_stop`."""

    @model_validator(mode="after")
    def _require_time_to_start(self) -> "ConstantVus":
        self.check_spawning(self.vus, self.duration_s)
        return self


class VusStage(Record):
    """A part of a ramp of VUs."""

    duration_s: Annotated[Duration, Field(alias="duration")]
    """Time in which the number of VUs changes to the target; 0 changes it at once."""
    target: VusOrNone
    """Number of VUs at the end of the stage."""


class RampingVus(_ClosedLoop):
    """A closed loop whose number of VUs changes linearly from stage to stage."""

    executor: Literal["ramping-vus"]
    """The executor's name."""
    start_vus: VusOrNone = 0
    """Number of VUs at the start."""
    stages: Annotated[tuple[VusStage, ...], Field(min_length=1)]
    """Targets that the number of VUs reaches one after the other."""

    @model_validator(mode="after")
    def _require_load(self) -> "RampingVus":
        if self.vus == 0:
            raise FieldError(("stages",), "start_vus and every target are 0; set a target above 0")
        require_time(self.stages)
        return self

    @property
    def vus(self) -> int:
        """The most VUs that are active at once."""
        return max(self.start_vus, *(stage.target for stage in self.stages))

    @property
    def sessions(self) -> int:
        """Number of VUs that are active at any time: one that joins after another left is a new one."""
        sessions = current = self.start_vus
        for stage in self.stages:
            sessions += max(0, stage.target - current)
            current = stage.target
        return sessions

    @property
    def duration_s(self) -> float:
        """All stages, in seconds."""
        return total_s(self.stages)


class Spike(_Spawning):
    """A closed loop that additional VUs join for a limited time."""

    executor: Literal["spike"]
    """The executor's name."""
    base_vus: Vus
    """Number of VUs that are active all the time."""
    spike_vus: Vus
    """Number of VUs that join for the spike."""
    before_s: Annotated[Duration, Field(alias="before")]
    """Time in which only `base_vus` run, before the spike."""
    spike_s: Annotated[PositiveDuration, Field(alias="spike_duration")]
    """Duration of the spike."""
    after_s: Annotated[Duration, Field(alias="after")]
    """Time in which only `base_vus` run, after the spike."""

    @model_validator(mode="after")
    def _require_time_to_start(self) -> "Spike":
        self.check_spawning(self.base_vus, self.duration_s)
        self.check_spawning(self.spike_vus, self.spike_s)
        return self

    @property
    def vus(self) -> int:
        """The most VUs that are active at once."""
        return self.base_vus + self.spike_vus

    @property
    def duration_s(self) -> float:
        """All three parts, in seconds."""
        return self.before_s + self.spike_s + self.after_s


class PerVuIterations(_Spawning):
    """A closed loop in which each VU sends a fixed number of requests."""

    executor: Literal["per-vu-iterations"]
    """The executor's name."""
    vus: Vus
    """Number of VUs, each with its own connection."""
    iterations: Annotated[int, Field(gt=0)]
    """Number of requests of each VU."""
    duration_s: Annotated[PositiveDuration, Field(alias="max_duration")] = 3600.0
    """No request is sent after this time."""

    @model_validator(mode="after")
    def _require_time_to_start(self) -> "PerVuIterations":
        self.check_spawning(self.vus, self.duration_s)
        return self


class Cases(_ClosedLoop):
    """Every message once, in the order of its file, each after the response to the previous one."""

    executor: Literal["cases"]
    """The executor's name."""
    duration_s: Annotated[PositiveDuration, Field(alias="max_duration")] = 3600.0
    """No request is sent after this time."""

    @property
    def vus(self) -> int:
        """One VU sends all messages."""
        return 1


ClosedLoop = ConstantVus | RampingVus | Spike | PerVuIterations | Cases
OpenLoop = ConstantArrivalRate | RampingArrivalRate | ArrivalRateSeries | ArrivalTimes
Phase = Annotated[ClosedLoop | OpenLoop, Field(discriminator="executor")]
EXECUTORS: dict[str, type[ClosedLoop | OpenLoop]] = {
    "constant-vus": ConstantVus,
    "ramping-vus": RampingVus,
    "per-vu-iterations": PerVuIterations,
    "constant-arrival-rate": ConstantArrivalRate,
    "ramping-arrival-rate": RampingArrivalRate,
    "arrival-rate-series": ArrivalRateSeries,
    "arrival-times": ArrivalTimes,
    "spike": Spike,
    "cases": Cases,
}
"""Every executor by its name in files."""


def list_fields(model: type[Record]) -> tuple[str, ...]:
    """Return the fields of an executor or scenario as files name them: `duration`, not `duration_s`."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def find_executors(field: str) -> tuple[str, ...]:
    """Return the names of the executors that have a field; the field is named as in scenario files."""
    names = []
    for name, executor in EXECUTORS.items():
        if field in list_fields(executor):
            names.append(name)
    return tuple(names)


def count_sessions(phase: ClosedLoop) -> int:
    """Return the number of VUs that send in a phase, each counted once for every time it joins."""
    return phase.sessions if isinstance(phase, RampingVus) else phase.vus


def list_warm_ups(phases: Sequence[ClosedLoop | OpenLoop]) -> tuple[int, ...]:
    """Return the indexes of the warm-up phases."""
    return tuple(index for index, phase in enumerate(phases) if phase.warm_up)


def first_measured(phases: Sequence[ClosedLoop | OpenLoop]) -> int:
    """Return the index of the first phase that is not a warm-up."""
    return next(index for index, phase in enumerate(phases) if not phase.warm_up)


def planned_s(phases: Sequence[ClosedLoop | OpenLoop]) -> float | None:
    """Return the planned seconds of all phases; None if a number of requests ends one of them."""
    if any(isinstance(phase, PerVuIterations | Cases) for phase in phases):
        return None
    return total_s(phases)


def phases_around(phases: Sequence[ClosedLoop | OpenLoop]) -> tuple[int, int, int] | None:
    """Return the indexes of the phase before the first cancellations, that phase, and the next without any.

    Returns:
        None if one of the three does not exist.
    """
    cancelling = [index for index, phase in enumerate(phases) if phase.cancel_ratio]
    if not cancelling or cancelling[0] == 0:
        return None
    first = cancelling[0]
    for index in range(first, len(phases)):
        if not phases[index].cancel_ratio:
            return first - 1, first, index
    return None
