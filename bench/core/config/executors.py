"""The executors: how many VUs or requests a phase of a scenario has, and when.

Names and meanings are k6's where k6 has them; `spike` and `cases` are this project's.
Source: https://grafana.com/docs/k6/latest/using-k6/scenarios/executors/
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Protocol, assert_never

from pydantic import Field, model_validator

from bench.core.values import wording
from bench.core.values.duration import Duration, DurationRange, PositiveDuration
from bench.core.values.record import FieldError, Record

_MOST_VUS = 100_000
_MOST_RATE = 1_000_000
Vus = Annotated[int, Field(gt=0, le=_MOST_VUS)]
VusOrNone = Annotated[int, Field(ge=0, le=_MOST_VUS)]
Rate = Annotated[float, Field(gt=0, le=_MOST_RATE)]
RateOrNone = Annotated[float, Field(ge=0, le=_MOST_RATE)]


class _Phase(Record):
    warm_up: bool = False
    """Exclude the requests of this phase from all metrics."""
    cancel_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the requests that the VU cancels before the response is complete, 0 to 1."""
    cancel_after_s: Annotated[DurationRange, Field(alias="cancel_after")] = (0.1, 1.0)
    """Time after which a request is cancelled, drawn uniformly from this range."""


class _ClosedLoop(_Phase):
    think_time_s: Annotated[DurationRange, Field(alias="think_time")] = (0.0, 0.0)
    """Pause between a response and the VU's next message, drawn uniformly from this range."""


class ConstantVus(_ClosedLoop):
    """A closed loop: each VU sends, waits for the response, pauses, and sends again."""

    executor: Literal["constant-vus"]
    """The executor's name."""
    vus: Vus
    """Number of VUs, each with its own connection."""
    duration_s: Annotated[PositiveDuration, Field(alias="duration")]
    """Time in which VUs send requests. Requests in flight at the end may finish within `graceful_stop`."""


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
        _require_time(self.stages)
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


class Spike(_ClosedLoop):
    """A closed loop that additional VUs join, all at the same time, for a limited time."""

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

    @property
    def vus(self) -> int:
        """The most VUs that are active at once."""
        return self.base_vus + self.spike_vus

    @property
    def duration_s(self) -> float:
        """All three parts, in seconds."""
        return self.before_s + self.spike_s + self.after_s


class PerVuIterations(_ClosedLoop):
    """A closed loop in which each VU sends a fixed number of requests."""

    executor: Literal["per-vu-iterations"]
    """The executor's name."""
    vus: Vus
    """Number of VUs, each with its own connection."""
    iterations: Annotated[int, Field(gt=0)]
    """Number of requests of each VU."""
    duration_s: Annotated[PositiveDuration, Field(alias="max_duration")] = 3600.0
    """No request is sent after this time."""


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


class _OpenLoop(_Phase):
    arrivals: Literal["even", "poisson"] = "even"
    """`even`: requests are due at equal intervals. `poisson`: at random times, as from independent users."""
    max_vus: Vus = 1_000
    """Highest number of requests in flight. A request that is due above this number is counted as dropped."""
    time_unit_s: Annotated[PositiveDuration, Field(alias="time_unit")] = 1.0
    """Period that rates refer to: `rate: 30` with `time_unit: 1m` is one request every two seconds."""


class ConstantArrivalRate(_OpenLoop):
    """An open loop: requests are due at a constant rate, even if earlier ones are still in flight."""

    executor: Literal["constant-arrival-rate"]
    """The executor's name."""
    rate: Rate
    """Requests per `time_unit`."""
    duration_s: Annotated[PositiveDuration, Field(alias="duration")]
    """Time in which new requests are due."""

    @property
    def rate_rps(self) -> float:
        """Requests per second."""
        return self.rate / self.time_unit_s

    @property
    def peak_rps(self) -> float:
        """The highest rate, in requests per second."""
        return self.rate_rps


class RateStage(Record):
    """A part of a ramp of the arrival rate."""

    duration_s: Annotated[Duration, Field(alias="duration")]
    """Time in which the rate changes to the target; 0 changes it at once."""
    target: RateOrNone
    """Requests per `time_unit` at the end of the stage."""


class RampingArrivalRate(_OpenLoop):
    """An open loop whose rate changes linearly from stage to stage."""

    executor: Literal["ramping-arrival-rate"]
    """The executor's name."""
    start_rate: RateOrNone = 0.0
    """Requests per `time_unit` at the start."""
    stages: Annotated[tuple[RateStage, ...], Field(min_length=1)]
    """Targets that the rate reaches one after the other."""

    @model_validator(mode="after")
    def _require_load(self) -> "RampingArrivalRate":
        if self.peak_rps == 0:
            raise FieldError(("stages",), "start_rate and every target are 0; set a target above 0")
        _require_time(self.stages)
        return self

    @property
    def peak_rps(self) -> float:
        """The highest rate, in requests per second."""
        return max(self.start_rate, *(stage.target for stage in self.stages)) / self.time_unit_s

    @property
    def duration_s(self) -> float:
        """All stages, in seconds."""
        return total_s(self.stages)


def _require_time(stages: Sequence[VusStage | RateStage]) -> None:
    if total_s(stages) == 0:
        raise FieldError(("stages",), "every stage has the duration 0; set one above 0")


class _Timed(Protocol):
    @property
    def duration_s(self) -> float: ...


def total_s(parts: Iterable[_Timed]) -> float:
    """Return the duration of phases or stages that run one after the other, in seconds."""
    return sum(part.duration_s for part in parts)


ClosedLoop = ConstantVus | RampingVus | Spike | PerVuIterations | Cases
OpenLoop = ConstantArrivalRate | RampingArrivalRate
Phase = Annotated[ClosedLoop | OpenLoop, Field(discriminator="executor")]
EXECUTORS: dict[str, type[ClosedLoop | OpenLoop]] = {
    "constant-vus": ConstantVus,
    "ramping-vus": RampingVus,
    "per-vu-iterations": PerVuIterations,
    "constant-arrival-rate": ConstantArrivalRate,
    "ramping-arrival-rate": RampingArrivalRate,
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


def in_words(phases: Sequence[ClosedLoop | OpenLoop]) -> str:
    """Describe the load: `10 VUs, 30 s` or `20 requests/s, 60 s`. Warm-up phases are left out."""
    return "; then ".join(_phase_in_words(phase) for phase in phases if not phase.warm_up)


def _phase_in_words(phase: ClosedLoop | OpenLoop) -> str:
    match phase:
        case PerVuIterations():
            vus = wording.counted(phase.vus, "VU")
            text = f"{vus} × {wording.counted(phase.iterations, 'request')}"  # noqa: RUF001 - times
        case Cases():
            text = "every message once"
        case RampingVus():
            text = f"{_targets(phase.start_vus, phase.stages)} VUs, {phase.duration_s:g} s"
        case Spike():
            text = f"{phase.base_vus} and {phase.spike_vus} more VUs, {phase.duration_s:g} s"
        case ConstantVus():
            text = f"{wording.counted(phase.vus, 'VU')}, {phase.duration_s:g} s"
        case ConstantArrivalRate():
            text = f"{phase.rate_rps:g} requests/s, {phase.duration_s:g} s"
        case RampingArrivalRate():
            unit = "s" if phase.time_unit_s == 1 else f"{phase.time_unit_s:g} s"
            text = f"{_targets(phase.start_rate, phase.stages)} requests/{unit}, {phase.duration_s:g} s"
        case _:
            assert_never(phase)
    return f"{text}, {100 * phase.cancel_ratio:g} % cancelled" if phase.cancel_ratio else text


def _targets(start: float, stages: Sequence[VusStage | RateStage]) -> str:
    """Describe a ramp by its turning points: `0 to 50`, or `0 to 50 to 0`; a stage that holds adds none."""
    values = [f"{start:g}"]
    for stage in stages:
        if (target := f"{stage.target:g}") != values[-1]:
            values.append(target)
    return " to ".join(values)
