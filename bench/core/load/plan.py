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

from bench.core.config.executors import (
    Cases,
    ClosedLoop,
    ConstantArrivalRate,
    ConstantVus,
    OpenLoop,
    PerVuIterations,
    RampingArrivalRate,
    RampingVus,
    Spike,
    count_sessions,
)
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.values.record import Record


class Arrival(NamedTuple):
    """One request to be sent.

    Attributes:
        phase: Index of its stage.
        vu: Virtual user, from 0; in an open loop the number of the request.
        iteration: Request of that user in that stage, from 0.
        prompt: Id of the message.
        step: Which of a conversation's messages it is, from 0.
        arm: 0 for the scenario's target, 1 for the one beside it.
        think_time_s: Closed loop: wait after the user's previous answer; 0 for turn 0.
        offset_s: Open loop: when it is due, from the start of the stage.
        cancel_after_s: When the user gives it up, after it is sent; None for never.
    """

    phase: int
    vu: int
    iteration: int
    prompt: str
    step: int = 0
    arm: int = 0
    think_time_s: float = 0.0
    offset_s: float = 0.0
    cancel_after_s: float | None = None

    @property
    def label(self) -> str:
        """The message's name in results: its id, and which of a conversation's it is after the first."""
        return f"{self.prompt}.{self.step + 1}" if self.step else self.prompt


class Span(Record):
    """When a virtual user is there, in seconds from the start of the stage.

    Attributes:
        vu: Virtual user, from 0.
        start_s: When the user sends the first message.
        end_s: No message is sent from here on.
        iterations: Nor after so many; None for no limit.
    """

    vu: int
    start_s: float
    end_s: float
    iterations: int | None = None


class RunPlan(Record):
    """Every request of a run, by stage, user and turn.

    Attributes:
        seed: Of the order of messages, the length of pauses, and the moments of random arrivals.
        phases: The scenario's stages.
        deck: Ids of the messages in the file's order, each as often as its weight.
        steps: How many messages a conversation has, by its id; one that is not there has one.
        arms: 2 when each message also goes to the target beside, else 1.
        share: Which of how many equal shares of the load this is.
    """

    seed: int
    phases: tuple[ClosedLoop | OpenLoop, ...]
    deck: tuple[str, ...]
    steps: dict[str, int] = {}
    arms: int = 1
    share: tuple[int, int] = (0, 1)

    def dealt(self, shares: int) -> tuple["RunPlan", ...]:
        """The same load in shares, for load generators that run side by side: each request is in one."""
        return tuple(self.model_copy(update={"share": (number, shares)}) for number in range(shares))

    def spans(self, phase: int) -> tuple[Span, ...]:
        """When each user of a closed loop is there."""
        load = self.phases[phase]
        assert not isinstance(load, OpenLoop)  # noqa: S101 - the engine asks closed loops only
        exchanges = sum(self.steps.get(prompt, 1) for prompt in self._cases)
        spans = (span for span in _spans(load, exchanges) if self._is_mine(span.vu))
        return tuple(
            span
            if span.iterations is None
            else span.model_copy(update={"iterations": self.arms * span.iterations})
            for span in spans
        )

    def requests(self, phase: int, vu: int) -> Iterator[Arrival]:
        """The requests of a user of a closed loop in their order, without end.

        With a target beside, a message goes to both one after the other, in the order ABBA over the messages,
        so that neither gains from being asked first.
        """
        load = self.phases[phase]
        assert not isinstance(load, OpenLoop)  # noqa: S101 - the engine asks closed loops only
        messages = enumerate(self._messages(phase, vu, count_sessions(load)))
        for exchange, (prompt, step) in messages:  # pragma: no branch - it has no end
            think_time_s = (
                self._think_time_s(load.think_time_s, f"{phase}:{vu}:{exchange}") if exchange else 0.0
            )
            for place in range(self.arms):
                iteration = exchange * self.arms + place
                cancels = (
                    Random(f"{self.seed}:{phase}:{vu}:{iteration}:cancel") if load.cancel_ratio else None
                )
                yield Arrival(
                    phase=phase,
                    vu=vu,
                    iteration=iteration,
                    prompt=prompt,
                    step=step,
                    arm=place if exchange % 2 == 0 else self.arms - 1 - place,
                    think_time_s=0.0 if place else think_time_s,
                    cancel_after_s=_cancel_after_s(load, cancels),
                )

    def arrivals(self, phase: int) -> Iterator[Arrival]:
        """The requests of an open loop in the order in which they are due."""
        load = self.phases[phase]
        assert isinstance(load, OpenLoop)  # noqa: S101 - the engine asks open loops only
        gaps = Random(f"{self.seed}:{phase}:arrivals")
        cancels = Random(f"{self.seed}:{phase}:cancels") if load.cancel_ratio else None
        nth = 0.0 if load.arrivals == "even" else gaps.expovariate(1.0)
        number = 0
        while (offset_s := _moment(load, nth)) is not None and offset_s < load.duration_s:
            cancel_after_s = _cancel_after_s(load, cancels)
            if self._is_mine(number):
                prompt = self._prompt(phase, number)
                yield Arrival(phase, number, 0, prompt, offset_s=offset_s, cancel_after_s=cancel_after_s)
            nth += 1.0 if load.arrivals == "even" else gaps.expovariate(1.0)
            number += 1

    def max_vus(self, phase: int) -> int:
        """How many requests of an open loop this share may have under way."""
        load, (number, shares) = self.phases[phase], self.share
        assert isinstance(load, OpenLoop)  # noqa: S101 - the engine asks open loops only
        return (load.max_vus + shares - 1 - number) // shares

    def _is_mine(self, number: int) -> bool:
        mine, shares = self.share
        return number % shares == mine

    def _messages(self, phase: int, vu: int, vus: int) -> Iterator[tuple[str, int]]:
        for number in count():  # pragma: no branch - it has no end
            prompt = self._prompt(phase, number * vus + vu)
            for step in range(self.steps.get(prompt, 1)):
                yield prompt, step

    def _think_time_s(self, think_time_s: tuple[float, float], place: str) -> float:
        shortest_s, longest_s = think_time_s
        # Seeding costs ten microseconds, which a load without pauses has not.
        return (
            shortest_s if shortest_s == longest_s else Random(f"{self.seed}:{place}").uniform(*think_time_s)
        )

    @property
    def _cases(self) -> tuple[str, ...]:
        """Every message once, in the order of the file."""
        return tuple(dict.fromkeys(self.deck))

    def _prompt(self, phase: int, dealt: int) -> str:
        """Messages are dealt like cards: each deck holds every message as often as its weight."""
        if isinstance(self.phases[phase], Cases):
            return self._cases[dealt % len(self._cases)]
        deck, card = divmod(dealt, len(self.deck))
        return _shuffled(self.deck, f"{self.seed}:{phase}:{deck}")[card]


@lru_cache(maxsize=64)
def _shuffled(deck: tuple[str, ...], seed: str) -> tuple[str, ...]:
    return deck if len(deck) == 1 else tuple(Random(seed).sample(deck, len(deck)))


def _spans(load: ClosedLoop, exchanges: int) -> tuple[Span, ...]:
    match load:
        case ConstantVus():
            return tuple(Span(vu=vu, start_s=0.0, end_s=load.duration_s) for vu in range(load.vus))
        case PerVuIterations(iterations=iterations):
            return tuple(
                Span(vu=vu, start_s=0.0, end_s=load.duration_s, iterations=iterations)
                for vu in range(load.vus)
            )
        case Cases():
            return (Span(vu=0, start_s=0.0, end_s=load.duration_s, iterations=exchanges),)
        case Spike():
            end_s = load.duration_s
            spans = [Span(vu=vu, start_s=0.0, end_s=end_s) for vu in range(load.base_vus)]
            spike_end_s = load.before_s + load.spike_s
            for vu in range(load.base_vus, load.vus):
                spans.append(Span(vu=vu, start_s=load.before_s, end_s=spike_end_s))
            return tuple(spans)
        case RampingVus():
            return _ramp_spans(load)
        case _:
            assert_never(load)


def _ramp_spans(load: RampingVus) -> tuple[Span, ...]:
    """Let VUs join and leave one by one, at equal distances in each stage. The last to join leaves first."""
    starts_s = [0.0] * load.start_vus
    ends_s = [load.duration_s] * load.sessions
    active = list(range(load.start_vus))
    clock_s = 0.0
    for stage in load.stages:
        change = stage.target - len(active)
        step_s = stage.duration_s / abs(change) if change else 0.0
        for number in range(change):
            active.append(len(starts_s))
            starts_s.append(clock_s + number * step_s)
        for number in range(-change):
            ends_s[active.pop()] = clock_s + (number + 1) * step_s
        clock_s += stage.duration_s
    return tuple(Span(vu=vu, start_s=starts_s[vu], end_s=ends_s[vu]) for vu in range(load.sessions))


def _moment(load: OpenLoop, nth: float) -> float | None:
    """Return when the nth request is due, in seconds: the inverse of the number that is due by a moment.

    Returns:
        None if the rate never gets that far.
    """
    match load:
        case ConstantArrivalRate():
            return nth / load.rate_rps
        case RampingArrivalRate():
            return _ramp_moment(load, nth)
        case _:
            assert_never(load)


def _ramp_moment(load: RampingArrivalRate, nth: float) -> float | None:
    """Return the moment at which the area under a piecewise linear rate reaches n.

    Within a stage of length d from rate a to b: n(t) = a·t + (b - a)/d·t²/2, solved for t.
    """
    begin_s, rest = 0.0, nth
    rate_rps = load.start_rate / load.time_unit_s
    for stage in load.stages:
        target_rps = stage.target / load.time_unit_s
        area = (rate_rps + target_rps) / 2 * stage.duration_s
        if rest < area:
            if rest == 0.0:
                return begin_s
            slope = (target_rps - rate_rps) / stage.duration_s
            discriminant = max(0.0, rate_rps**2 + 2.0 * slope * rest)
            # This form of the root has no difference of nearly equal numbers if the ramp is nearly flat.
            return begin_s + 2.0 * rest / (rate_rps + math.sqrt(discriminant))
        begin_s += stage.duration_s
        rest -= area
        rate_rps = target_rps
    return None


def plan(spec: RunSpec) -> RunPlan:
    """The plan of a scenario with its messages."""
    scenario, arms = spec.scenario, 1 if spec.compare_with is None else 2
    steps = {prompt.id: len(prompt.messages) for prompt in spec.prompts if prompt.then}
    deck = _deck(spec.prompts)
    return RunPlan(seed=scenario.seed, phases=scenario.phases, deck=deck, steps=steps, arms=arms)


def _cancel_after_s(load: ClosedLoop | OpenLoop, cancels: Random | None) -> float | None:
    if cancels is None or cancels.random() >= load.cancel_ratio:
        return None
    return cancels.uniform(*load.cancel_after_s)


def _deck(prompts: tuple[Prompt, ...]) -> tuple[str, ...]:
    return tuple(prompt.id for prompt in prompts for _ in range(prompt.weight))
