"""The kinds of load: how many users or requests there are, and when."""

from collections.abc import Sequence
from typing import Annotated, Literal, assert_never

from pydantic import AfterValidator, Field, model_validator

from bench.core.values.record import Record

Seconds = Annotated[float, Field(gt=0)]
Duration = Annotated[float, Field(ge=0)]
Range = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
Users = Annotated[int, Field(gt=0, le=100_000)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]


def _ordered(value: Range) -> Range:
    low, high = value
    if low > high:
        raise ValueError(f"must be [shortest, longest], but {low:g} is above {high:g}")
    return value


Pause = Annotated[Range, AfterValidator(_ordered)]


class _Stage(Record):
    """What every kind has.

    Attributes:
        warm_up: Leave the stage's requests out of all figures.
        cancel_ratio: Share of the requests that the user gives up before the answer is there.
        cancel_after_s: Shortest and longest time after which they are given up, uniform.
    """

    warm_up: bool = False
    cancel_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    cancel_after_s: Pause = (0.1, 1.0)


class FixedUsers(_Stage):
    """A closed loop: each user sends, waits for the answer, pauses, and sends again.

    Attributes:
        users: Virtual users, each with a connection of its own.
        duration_s: How long they go on; a request that is under way then may finish.
        pause_s: Shortest and longest pause between an answer and the user's next message, uniform.
    """

    kind: Literal["fixed-users"]
    users: Users
    duration_s: Seconds
    pause_s: Pause


class RampUsers(_Stage):
    """A closed loop whose users come, or go, one by one at equal distances, and then stay as they are.

    Attributes:
        from_users: Users at the start.
        to_users: Users at the end of the ramp.
        ramp_s: How long the ramp takes.
        hold_s: How long it goes on after that.
        pause_s: As of fixed users.
    """

    kind: Literal["ramp-users"]
    from_users: Annotated[int, Field(ge=0, le=100_000)]
    to_users: Annotated[int, Field(ge=0, le=100_000)]
    ramp_s: Seconds
    hold_s: Duration = 0.0
    pause_s: Pause

    @model_validator(mode="after")
    def _somebody(self) -> "RampUsers":
        if self.users == 0:
            raise ValueError("from_users and to_users are both 0")
        return self

    @property
    def users(self) -> int:
        """The most users that are there at once."""
        return max(self.from_users, self.to_users)

    @property
    def duration_s(self) -> float:
        """Ramp and hold, in seconds."""
        return self.ramp_s + self.hold_s


class Spike(_Stage):
    """A closed loop that more users join at once for a while.

    Attributes:
        base_users: Users that are there all the time.
        extra_users: Users that join.
        before_s: How long the base is alone at first.
        spike_s: How long the others are there.
        after_s: How long the base is alone again.
        pause_s: As of fixed users.
    """

    kind: Literal["spike"]
    base_users: Users
    extra_users: Users
    before_s: Duration
    spike_s: Seconds
    after_s: Duration
    pause_s: Pause

    @property
    def users(self) -> int:
        """The most users that are there at once."""
        return self.base_users + self.extra_users

    @property
    def duration_s(self) -> float:
        """All three parts, in seconds."""
        return self.before_s + self.spike_s + self.after_s


class UserTurns(_Stage):
    """A closed loop of so many requests per user; it is over when all are answered.

    Attributes:
        users: Virtual users.
        turns: Requests of each.
        pause_s: As of fixed users.
        duration_s: No request is sent after this.
    """

    kind: Literal["user-turns"]
    users: Users
    turns: Annotated[int, Field(gt=0)]
    pause_s: Pause = (0.0, 0.0)
    duration_s: Seconds = 3600.0


class Cases(_Stage):
    """Every message once, in the order of its file, each after the answer to the one before it.

    Attributes:
        pause_s: As of fixed users.
        duration_s: No request is sent after this.
    """

    kind: Literal["cases"]
    pause_s: Pause = (0.0, 0.0)
    duration_s: Seconds = 3600.0

    @property
    def users(self) -> int:
        """One user sends them all."""
        return 1


class _Open(_Stage):
    """An open loop: requests are due at their time, whether the target has answered those before or not.

    Attributes:
        duration_s: How long requests become due.
        arrivals: `even` at equal distances, `poisson` at random as independent users would.
        max_in_flight: A request that is due while so many are under way is counted as dropped.
    """

    duration_s: Seconds
    arrivals: Literal["even", "poisson"] = "even"
    max_in_flight: Users = 1_000


class ConstantRate(_Open):
    """So many requests per second."""

    kind: Literal["constant-rate"]
    rate_rps: Rate


class RampRate(_Open):
    """A rate that changes evenly from the start to the end."""

    kind: Literal["ramp-rate"]
    from_rps: Annotated[float, Field(ge=0, le=1_000_000)]
    to_rps: Annotated[float, Field(ge=0, le=1_000_000)]

    @model_validator(mode="after")
    def _something(self) -> "RampRate":
        if self.from_rps == self.to_rps == 0:
            raise ValueError("from_rps and to_rps are both 0")
        return self


ClosedLoop = FixedUsers | RampUsers | Spike | UserTurns | Cases
OpenLoop = ConstantRate | RampRate
Stage = Annotated[ClosedLoop | OpenLoop, Field(discriminator="kind")]


def planned_s(stages: Sequence[ClosedLoop | OpenLoop]) -> float | None:
    """How long a load takes, in seconds; None when a number of requests ends a part of it."""
    if any(isinstance(stage, UserTurns | Cases) for stage in stages):
        return None
    return sum(stage.duration_s for stage in stages)


def stages_around(stages: Sequence[ClosedLoop | OpenLoop]) -> tuple[int, int, int] | None:
    """The stage before the first with cancellations, that one, and the next without; None if one lacks."""
    cancelling = [index for index, stage in enumerate(stages) if stage.cancel_ratio]
    if not cancelling or cancelling[0] == 0:
        return None
    first = cancelling[0]
    after = [index for index in range(first, len(stages)) if not stages[index].cancel_ratio]
    return (first - 1, first, after[0]) if after else None


def in_words(stages: Sequence[ClosedLoop | OpenLoop]) -> str:
    """The load for people: `10 users, 30 s` or `20 requests/s, 60 s`."""
    return "; then ".join(_stage_in_words(stage) for stage in stages if not stage.warm_up)


def _stage_in_words(stage: ClosedLoop | OpenLoop) -> str:
    match stage:
        case UserTurns():
            text = f"{stage.users} users × {stage.turns} requests"  # noqa: RUF001 - times
        case Cases():
            text = "every message once"
        case RampUsers():
            text = f"{stage.from_users} to {stage.to_users} users, {stage.duration_s:g} s"
        case Spike():
            text = f"{stage.base_users} and {stage.extra_users} more users, {stage.duration_s:g} s"
        case FixedUsers():
            text = f"{stage.users} users, {stage.duration_s:g} s"
        case ConstantRate():
            text = f"{stage.rate_rps:g} requests/s, {stage.duration_s:g} s"
        case RampRate():
            text = f"{stage.from_rps:g} to {stage.to_rps:g} requests/s, {stage.duration_s:g} s"
        case _:
            assert_never(stage)
    return f"{text}, {100 * stage.cancel_ratio:g} % given up" if stage.cancel_ratio else text
