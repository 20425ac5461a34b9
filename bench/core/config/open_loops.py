"""The executors of open loops: when requests are due, even if earlier ones are still in flight."""

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from bench.core.config.phase_fields import (
    MOST_RATE,
    PhaseFields,
    Rate,
    RateOrNone,
    Vus,
    require_time,
    total_s,
)
from bench.core.values.duration import Duration, PositiveDuration
from bench.core.values.record import FieldError, Record

Burstiness = Annotated[float, Field(ge=0.01, le=1_000)]
Seconds = Annotated[float, Field(ge=0, le=1e10)]
RatePoint = tuple[Seconds, RateOrNone]
"""Seconds, and requests per `time_unit` at that time."""


class RatePiece(NamedTuple):
    """A part of an open loop, in which its rate changes linearly."""

    duration_s: float
    start_rps: float
    """Requests per second at the start."""
    end_rps: float
    """Requests per second at the end."""

    @property
    def requests(self) -> float:
        """Planned number of requests."""
        return (self.start_rps + self.end_rps) / 2 * self.duration_s


class _OpenLoop(PhaseFields):
    max_vus: Vus = 1_000
    """Highest number of requests in flight. A request that is due above this number is counted as dropped."""


class _RatedLoop(_OpenLoop):
    arrivals: Literal["even", "poisson", "gamma"] = "even"
    """`even`: requests are due at equal intervals. `poisson`: at random times, as from independent users.
    `gamma`: at random times in bursts, by `burstiness`."""
    burstiness: Burstiness | None = None
    """Shape of the gamma distribution of the intervals, as of vLLM's `--burstiness`: 1 is `poisson`, less is
    more bursty, more is more even."""
    time_unit_s: Annotated[PositiveDuration, Field(alias="time_unit")] = 1.0
    """Period that rates refer to: `rate: 30` with `time_unit: 1m` is one request every two seconds."""

    @model_validator(mode="after")
    def _require_burstiness(self) -> Self:
        if self.arrivals == "gamma" and self.burstiness is None:
            raise FieldError(("burstiness",), "is missing; gamma arrivals need it, for example 0.5")
        if self.arrivals != "gamma" and self.burstiness is not None:
            raise FieldError(("burstiness",), "needs arrivals: gamma")
        return self

    @property
    @abstractmethod
    def pieces(self) -> tuple[RatePiece, ...]:
        """The parts of the phase, one after the other."""

    @property
    def peak_rps(self) -> float:
        """The highest rate, in requests per second."""
        return max(max(piece.start_rps, piece.end_rps) for piece in self.pieces)

    @property
    def requests(self) -> float:
        """Planned number of requests; random arrivals have about this number."""
        return sum(piece.requests for piece in self.pieces)


class ConstantArrivalRate(_RatedLoop):
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
    def pieces(self) -> tuple[RatePiece, ...]:
        """The whole phase, with one rate."""
        return (RatePiece(self.duration_s, self.rate_rps, self.rate_rps),)


class RateStage(Record):
    """A part of a ramp of the arrival rate."""

    duration_s: Annotated[Duration, Field(alias="duration")]
    """Time in which the rate changes to the target; 0 changes it at once."""
    target: RateOrNone
    """Requests per `time_unit` at the end of the stage."""


class RampingArrivalRate(_RatedLoop):
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
        require_time(self.stages)
        return self

    @property
    def pieces(self) -> tuple[RatePiece, ...]:
        """The stages."""
        pieces: list[RatePiece] = []
        rate_rps = self.start_rate / self.time_unit_s
        for stage in self.stages:
            target_rps = stage.target / self.time_unit_s
            pieces.append(RatePiece(stage.duration_s, rate_rps, target_rps))
            rate_rps = target_rps
        return tuple(pieces)

    @property
    def duration_s(self) -> float:
        """All stages, in seconds."""
        return total_s(self.stages)


class ArrivalRateSeries(_RatedLoop):
    """An open loop whose rate follows a file, such as the traffic of a day."""

    executor: Literal["arrival-rate-series"]
    """The executor's name."""
    rates: Annotated[str, Field(min_length=1)] | tuple[RatePoint, ...]
    """File with the columns `time` and `rate`, relative to the scenario's folder: CSV, JSON Lines or Parquet.
    Instead of a file, a list of `[seconds, rate]`. Between two times, the rate changes linearly."""
    limit_s: Annotated[PositiveDuration | None, Field(alias="duration")] = None
    """Time after which no new request is due; default: the last time of the file."""

    @model_validator(mode="after")
    def _check_rates(self) -> "ArrivalRateSeries":
        if isinstance(self.rates, str):
            return self
        times_s = [time_s for time_s, _ in self.rates]
        _require_order("rates", times_s)
        length_s = times_s[-1] - times_s[0]
        if length_s == 0:
            raise FieldError(("rates",), "all times are equal; write at least two different ones")
        if self.limit_s is not None and self.limit_s > length_s:
            raise FieldError(("duration",), f"is longer than the rates, which end after {length_s:g} s")
        if self.peak_rps == 0:
            raise FieldError(("rates",), f"every rate of the {self.duration_s:g} s is 0; write one above 0")
        return self

    @property
    def points(self) -> tuple[RatePoint, ...]:
        """Seconds and rate of each row; empty until the file is read."""
        return () if isinstance(self.rates, str) else self.rates

    @property
    def pieces(self) -> tuple[RatePiece, ...]:
        """The time between each two points."""
        pieces: list[RatePiece] = []
        left_s = self.duration_s
        for (start_s, start), (end_s, end) in pairwise(self.points):
            whole_s = end_s - start_s
            piece_s = min(whole_s, left_s)
            share = piece_s / whole_s if whole_s else 1.0
            last = start + (end - start) * share
            pieces.append(RatePiece(piece_s, start / self.time_unit_s, last / self.time_unit_s))
            left_s -= piece_s
            if left_s <= 0.0:
                break
        return tuple(pieces)

    @property
    def duration_s(self) -> float:
        """Time in which new requests are due, in seconds; 0 until the file is read."""
        return self.limit_s or (self.points[-1][0] - self.points[0][0] if self.points else 0.0)


class ArrivalTimes(_OpenLoop):
    """An open loop whose requests are due at the times of a file, such as those of a production log."""

    executor: Literal["arrival-times"]
    """The executor's name."""
    times: Annotated[str, Field(min_length=1)] | tuple[Seconds, ...]
    """File with one arrival per row, relative to the scenario's folder: CSV, JSON Lines or Parquet with a
    column `timestamp` or `time`, in seconds or as dates. Instead of a file, a list of seconds. The first
    request is due at the start."""
    speed: Annotated[float, Field(gt=0, le=MOST_RATE)] = 1.0
    """The times pass this many times as fast: `speed: 60` sends the requests of an hour in a minute."""
    limit_s: Annotated[PositiveDuration | None, Field(alias="duration")] = None
    """Time after which no new request is due; default: the last time of the file."""

    @model_validator(mode="after")
    def _check_times(self) -> "ArrivalTimes":
        if isinstance(self.times, str):
            return self
        _require_order("times", self.times)
        if self.duration_s == 0:
            raise FieldError(("times",), "all times are equal; write different ones, or a duration")
        return self

    @property
    def offsets_s(self) -> tuple[float, ...]:
        """When each request is due, in seconds from the start of the phase; empty until the file is read."""
        if isinstance(self.times, str) or not self.times:
            return ()
        first = self.times[0]
        offsets_s = [(moment - first) / self.speed for moment in self.times]
        if self.limit_s is not None:
            offsets_s = offsets_s[: bisect_left(offsets_s, self.limit_s)]
        return tuple(offsets_s)

    @property
    def requests(self) -> float:
        """Number of requests."""
        return float(len(self.offsets_s))

    @property
    def peak_rps(self) -> float:
        """The most requests that are due within a second."""
        offsets_s = self.offsets_s
        most = 0
        for number, offset_s in enumerate(offsets_s):
            most = max(most, bisect_left(offsets_s, offset_s + 1.0) - number)
        return float(most)

    @property
    def duration_s(self) -> float:
        """Time until the last request is due, in seconds; 0 until the file is read."""
        if isinstance(self.times, str) or not self.times:
            return 0.0
        return self.limit_s or (self.times[-1] - self.times[0]) / self.speed


def _require_order(field: str, times_s: Sequence[float]) -> None:
    if not times_s:
        raise FieldError((field,), "is empty; write at least two rows")
    for index, (time_s, next_s) in enumerate(pairwise(times_s), 1):
        if next_s < time_s:
            raise FieldError((field, index), f"{next_s:g} s is earlier than {time_s:g} s before it")
