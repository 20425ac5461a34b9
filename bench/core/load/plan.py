"""Turns a scenario and its seed into arrivals: pure, so that a load can be printed before it is sent.

In a closed loop the moment of a request depends on the answer before it, so its arrivals say how long the
user pauses first. In an open loop they say when they are due.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from random import Random
from typing import NamedTuple, assert_never

from bench.core.declared.scenario import Brief, Prompt
from bench.core.declared.stages import (
    Cases,
    ClosedLoop,
    ConstantRate,
    FixedUsers,
    OpenLoop,
    RampRate,
    RampUsers,
    Spike,
    UserTurns,
)
from bench.core.values.record import Record


class Arrival(NamedTuple):
    """One request to be sent.

    Attributes:
        stage: Index of its stage.
        user: Virtual user, from 0; in an open loop the number of the request.
        turn: Request of that user in that stage, from 0.
        prompt: Id of the message.
        step: Which of a conversation's messages it is, from 0.
        arm: 0 for the scenario's target, 1 for the one beside it.
        pause_s: Closed loop: wait after the user's previous answer; 0 for turn 0.
        offset_s: Open loop: when it is due, from the start of the stage.
        cancel_after_s: When the user gives it up, after it is sent; None for never.
    """

    stage: int
    user: int
    turn: int
    prompt: str
    step: int = 0
    arm: int = 0
    pause_s: float = 0.0
    offset_s: float = 0.0
    cancel_after_s: float | None = None

    @property
    def label(self) -> str:
        """The message's name in results: its id, and which of a conversation's it is after the first."""
        return f"{self.prompt}.{self.step + 1}" if self.step else self.prompt


class Span(Record):
    """When a virtual user is there, in seconds from the start of the stage.

    Attributes:
        user: Virtual user, from 0.
        start_s: When the user sends the first message.
        end_s: No message is sent from here on.
        turns: Nor after so many; None for no limit.
    """

    user: int
    start_s: float
    end_s: float
    turns: int | None = None


class RunPlan(Record):
    """Every request of a run, by stage, user and turn.

    Attributes:
        seed: Of the order of messages, the length of pauses, and the moments of random arrivals.
        stages: The scenario's stages.
        deck: Ids of the messages in the file's order, each as often as its weight.
        steps: How many messages a conversation has, by its id; one that is not there has one.
        arms: 2 when each message also goes to the target beside, else 1.
        share: Which of how many equal shares of the load this is.
    """

    seed: int
    stages: tuple[ClosedLoop | OpenLoop, ...]
    deck: tuple[str, ...]
    steps: dict[str, int] = {}
    arms: int = 1
    share: tuple[int, int] = (0, 1)

    def dealt(self, shares: int) -> tuple["RunPlan", ...]:
        """The same load in shares, for load generators that run side by side: each request is in one."""
        return tuple(self.model_copy(update={"share": (number, shares)}) for number in range(shares))

    def spans(self, stage: int) -> tuple[Span, ...]:
        """When each user of a closed loop is there."""
        load = self.stages[stage]
        assert not isinstance(load, OpenLoop)  # noqa: S101 - the engine asks closed loops only
        exchanges = sum(self.steps.get(prompt, 1) for prompt in self._cases)
        spans = (span for span in _spans(load, exchanges) if self._is_mine(span.user))
        return tuple(
            span if span.turns is None else span.model_copy(update={"turns": self.arms * span.turns})
            for span in spans
        )

    def requests(self, stage: int, user: int) -> Iterator[Arrival]:
        """The requests of a user of a closed loop in their order, without end.

        With a target beside, a message goes to both one after the other, in the order ABBA over the messages,
        so that neither gains from being asked first.
        """
        load = self.stages[stage]
        assert not isinstance(load, OpenLoop)  # noqa: S101 - the engine asks closed loops only
        messages = enumerate(self._messages(stage, user, load.users))
        for exchange, (prompt, step) in messages:  # pragma: no branch - it has no end
            pause_s = self._pause_s(load.pause_s, f"{stage}:{user}:{exchange}") if exchange else 0.0
            for place in range(self.arms):
                turn = exchange * self.arms + place
                cancels = Random(f"{self.seed}:{stage}:{user}:{turn}:cancel") if load.cancel_ratio else None
                yield Arrival(
                    stage=stage,
                    user=user,
                    turn=turn,
                    prompt=prompt,
                    step=step,
                    arm=place if exchange % 2 == 0 else self.arms - 1 - place,
                    pause_s=0.0 if place else pause_s,
                    cancel_after_s=_cancel_after_s(load, cancels),
                )

    def arrivals(self, stage: int) -> Iterator[Arrival]:
        """The requests of an open loop in the order in which they are due."""
        load = self.stages[stage]
        assert isinstance(load, OpenLoop)  # noqa: S101 - the engine asks open loops only
        gaps = Random(f"{self.seed}:{stage}:arrivals")
        cancels = Random(f"{self.seed}:{stage}:cancels") if load.cancel_ratio else None
        nth = 0.0 if load.arrivals == "even" else gaps.expovariate(1.0)
        number = 0
        while (offset_s := _moment(load, nth)) is not None and offset_s < load.duration_s:
            cancel_after_s = _cancel_after_s(load, cancels)
            if self._is_mine(number):
                prompt = self._prompt(stage, number)
                yield Arrival(stage, number, 0, prompt, offset_s=offset_s, cancel_after_s=cancel_after_s)
            nth += 1.0 if load.arrivals == "even" else gaps.expovariate(1.0)
            number += 1

    def max_in_flight(self, stage: int) -> int:
        """How many requests of an open loop this share may have under way."""
        load, (number, shares) = self.stages[stage], self.share
        assert isinstance(load, OpenLoop)  # noqa: S101 - the engine asks open loops only
        return (load.max_in_flight + shares - 1 - number) // shares

    def _is_mine(self, number: int) -> bool:
        mine, shares = self.share
        return number % shares == mine

    def _messages(self, stage: int, user: int, users: int) -> Iterator[tuple[str, int]]:
        for number in count():  # pragma: no branch - it has no end
            prompt = self._prompt(stage, number * users + user)
            for step in range(self.steps.get(prompt, 1)):
                yield prompt, step

    def _pause_s(self, pause_s: tuple[float, float], place: str) -> float:
        shortest_s, longest_s = pause_s
        # Seeding costs ten microseconds, which a load without pauses has not.
        return shortest_s if shortest_s == longest_s else Random(f"{self.seed}:{place}").uniform(*pause_s)

    @property
    def _cases(self) -> tuple[str, ...]:
        """Every message once, in the order of the file."""
        return tuple(dict.fromkeys(self.deck))

    def _prompt(self, stage: int, dealt: int) -> str:
        """Messages are dealt like cards: each deck holds every message as often as its weight."""
        if isinstance(self.stages[stage], Cases):
            return self._cases[dealt % len(self._cases)]
        deck, card = divmod(dealt, len(self.deck))
        return _shuffled(self.deck, f"{self.seed}:{stage}:{deck}")[card]


@lru_cache(maxsize=64)
def _shuffled(deck: tuple[str, ...], seed: str) -> tuple[str, ...]:
    return deck if len(deck) == 1 else tuple(Random(seed).sample(deck, len(deck)))


def _spans(load: ClosedLoop, exchanges: int) -> tuple[Span, ...]:
    match load:
        case FixedUsers():
            return tuple(Span(user=user, start_s=0.0, end_s=load.duration_s) for user in range(load.users))
        case UserTurns(turns=turns):
            return tuple(
                Span(user=user, start_s=0.0, end_s=load.duration_s, turns=turns) for user in range(load.users)
            )
        case Cases():
            return (Span(user=0, start_s=0.0, end_s=load.duration_s, turns=exchanges),)
        case Spike():
            extra = (load.before_s, load.before_s + load.spike_s)
            times = [(0.0, load.duration_s)] * load.base_users + [extra] * load.extra_users
            return tuple(Span(user=user, start_s=start, end_s=end) for user, (start, end) in enumerate(times))
        case RampUsers():
            return tuple(_ramp_span(load, user) for user in range(load.users))
        case _:
            assert_never(load)


def _ramp_span(load: RampUsers, user: int) -> Span:
    fewest, change = min(load.from_users, load.to_users), abs(load.to_users - load.from_users)
    if user < fewest:
        return Span(user=user, start_s=0.0, end_s=load.duration_s)
    moment_s = load.ramp_s * (user - fewest) / change
    if load.to_users > load.from_users:
        return Span(user=user, start_s=moment_s, end_s=load.duration_s)
    # Who came last goes first.
    return Span(user=user, start_s=0.0, end_s=load.ramp_s - moment_s)


def _moment(load: OpenLoop, nth: float) -> float | None:
    """When the nth request is due: the inverse of how many have been due by then. None when never."""
    match load:
        case ConstantRate():
            return nth / load.rate_rps
        case RampRate():
            # nth = from·t + slope·t²/2
            slope = (load.to_rps - load.from_rps) / load.duration_s
            inside = load.from_rps**2 + 2.0 * slope * nth
            if nth == 0.0 or inside < 0.0:
                return 0.0 if nth == 0.0 else None
            # The root without a difference of numbers that are nearly equal when the ramp is nearly flat.
            return 2.0 * nth / (load.from_rps + math.sqrt(inside))
        case _:
            assert_never(load)


def plan(brief: Brief) -> RunPlan:
    """The plan of a scenario with its messages."""
    scenario, arms = brief.scenario, 1 if brief.beside is None else 2
    steps = {prompt.id: len(prompt.messages) for prompt in brief.prompts if prompt.then}
    deck = _deck(brief.prompts)
    return RunPlan(seed=scenario.seed, stages=scenario.stages, deck=deck, steps=steps, arms=arms)


def _cancel_after_s(load: ClosedLoop | OpenLoop, cancels: Random | None) -> float | None:
    if cancels is None or cancels.random() >= load.cancel_ratio:
        return None
    return cancels.uniform(*load.cancel_after_s)


def _deck(prompts: tuple[Prompt, ...]) -> tuple[str, ...]:
    return tuple(prompt.id for prompt in prompts for _ in range(prompt.weight))
