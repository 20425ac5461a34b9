"""Plan the requests of a run from a scenario and its seed. The plan is pure, so it can be printed.

In a closed loop the time of a request depends on the previous answer, so an arrival holds the think time
before it. In an open loop an arrival holds the time at which it is due.
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
from bench.core.config.run_spec import RunSpec
from bench.core.values.record import Record


class Arrival(NamedTuple):
    """One request to send."""

    phase: int
    """Index of the phase."""
    vu: int
    """Number of the VU, from 0; in an open loop the number of the request."""
    iteration: int
    """Number of the VU's request in the phase, from 0."""
    prompt: str
    """Id of the message."""
    step: int = 0
    """Position in a conversation, from 0."""
    arm: int = 0
    """0 for the scenario's target, 1 for the target that it is compared with."""
    think_time_s: float = 0.0
    """Closed loop: pause after the VU's previous answer, in seconds; 0 for the first request."""
    offset_s: float = 0.0
    """Open loop: time at which the request is due, in seconds from the start of the phase."""
    cancel_after_s: float | None = None
    """Time after which the VU cancels the request, in seconds; None for never."""

    @property
    def label(self) -> str:
        """Name of the message in results: its id, and in a conversation its position after the first."""
        return f"{self.prompt}.{self.step + 1}" if self.step else self.prompt


class Span(Record):
    """The time in which a VU is active, in seconds from the start of the phase."""

    vu: int
    """Number of the VU, from 0."""
    start_s: float
    """Time at which the VU sends its first message."""
    end_s: float
    """Time from which the VU sends no message."""
    iterations: int | None = None
    """Number of requests after which the VU stops; None for no limit."""


class RunPlan(Record):
    """All requests of a run, by phase, VU and iteration."""

    seed: int
    """Seed of the order of messages, of think times, and of random arrivals."""
    phases: tuple[ClosedLoop | OpenLoop, ...]
    """Phases of the scenario."""
    deck: tuple[str, ...]
    """Ids of the messages in the order of the file, each as often as its weight."""
    steps: dict[str, int] = {}
    """Number of messages of each conversation, by its id. Other messages are not in it."""
    arms: int = 1
    """Number of targets that get each message: 1 or 2."""
    share: tuple[int, int] = (0, 1)
    """Number of this share of the load, and number of shares."""

    def split(self, shares: int) -> tuple["RunPlan", ...]:
        """Return the same load in equal shares, one per load generator. Each request is in one share."""
        return tuple(self.model_copy(update={"share": (number, shares)}) for number in range(shares))

    def spans(self, phase: int) -> tuple[Span, ...]:
        """Return the active time of each VU of a closed loop."""
        load = self.phases[phase]
        assert not isinstance(load, OpenLoop)  # noqa: S101 - the engine calls this for closed loops only
        exchanges = sum(self.steps.get(prompt, 1) for prompt in self._cases)
        spans = []
        for span in _spans(load, exchanges):
            if not self._is_own(span.vu):
                continue
            if span.iterations is not None:
                span = span.model_copy(update={"iterations": self.arms * span.iterations})  # noqa: PLW2901
            spans.append(span)
        return tuple(spans)

    def requests(self, phase: int, vu: int) -> Iterator[Arrival]:
        """Yield the requests of a VU of a closed loop in their order, without end.

        With a second target, a message goes to both targets one after the other. The order is ABBA over the
        messages, so that neither target gains from its position.
        """
        load = self.phases[phase]
        assert not isinstance(load, OpenLoop)  # noqa: S101 - the engine calls this for closed loops only
        messages = enumerate(self._messages(phase, vu, count_sessions(load)))
        for exchange, (prompt, step) in messages:  # pragma: no branch - the messages have no end
            think_time_s = 0.0
            if exchange:
                think_time_s = self._think_time_s(load.think_time_s, f"{phase}:{vu}:{exchange}")
            for position in range(self.arms):
                iteration = exchange * self.arms + position
                cancels = None
                if load.cancel_ratio:
                    cancels = Random(f"{self.seed}:{phase}:{vu}:{iteration}:cancel")
                yield Arrival(
                    phase=phase,
                    vu=vu,
                    iteration=iteration,
                    prompt=prompt,
                    step=step,
                    arm=position if exchange % 2 == 0 else self.arms - 1 - position,
                    think_time_s=0.0 if position else think_time_s,
                    cancel_after_s=_cancel_after_s(load, cancels),
                )

    def arrivals(self, phase: int) -> Iterator[Arrival]:
        """Yield the requests of an open loop in the order in which they are due."""
        load = self.phases[phase]
        assert isinstance(load, OpenLoop)  # noqa: S101 - the engine calls this for open loops only
        gaps = Random(f"{self.seed}:{phase}:arrivals")
        cancels = Random(f"{self.seed}:{phase}:cancels") if load.cancel_ratio else None
        is_even = load.arrivals == "even"
        # The nth request is due when the planned number of requests reaches `position`.
        position = 0.0 if is_even else gaps.expovariate(1.0)
        number = 0
        while (offset_s := _moment(load, position)) is not None and offset_s < load.duration_s:
            cancel_after_s = _cancel_after_s(load, cancels)
            if self._is_own(number):
                prompt = self._prompt(phase, number)
                yield Arrival(phase, number, 0, prompt, offset_s=offset_s, cancel_after_s=cancel_after_s)
            position += 1.0 if is_even else gaps.expovariate(1.0)
            number += 1

    def max_vus(self, phase: int) -> int:
        """Return the most requests of an open loop that this share may have in flight."""
        load = self.phases[phase]
        number, shares = self.share
        assert isinstance(load, OpenLoop)  # noqa: S101 - the engine calls this for open loops only
        return (load.max_vus + shares - 1 - number) // shares

    def _is_own(self, number: int) -> bool:
        own, shares = self.share
        return number % shares == own

    def _messages(self, phase: int, vu: int, vus: int) -> Iterator[tuple[str, int]]:
        for number in count():  # pragma: no branch - the numbers have no end
            prompt = self._prompt(phase, number * vus + vu)
            for step in range(self.steps.get(prompt, 1)):
                yield prompt, step

    def _think_time_s(self, range_s: tuple[float, float], place: str) -> float:
        shortest_s, longest_s = range_s
        # Seeding takes ten microseconds, which a load without think times saves.
        if shortest_s == longest_s:
            return shortest_s
        return Random(f"{self.seed}:{place}").uniform(shortest_s, longest_s)

    @property
    def _cases(self) -> tuple[str, ...]:
        """Every message once, in the order of the file."""
        return tuple(dict.fromkeys(self.deck))

    def _prompt(self, phase: int, number: int) -> str:
        """Return the message of a request. Each deck holds every message as often as its weight."""
        if isinstance(self.phases[phase], Cases):
            return self._cases[number % len(self._cases)]
        deck, card = divmod(number, len(self.deck))
        return _shuffle(self.deck, f"{self.seed}:{phase}:{deck}")[card]


@lru_cache(maxsize=64)
def _shuffle(deck: tuple[str, ...], seed: str) -> tuple[str, ...]:
    return deck if len(deck) == 1 else tuple(Random(seed).sample(deck, len(deck)))


def _spans(load: ClosedLoop, exchanges: int) -> tuple[Span, ...]:
    match load:
        case ConstantVus():
            return _equal_spans(load.vus, load.duration_s)
        case PerVuIterations():
            return _equal_spans(load.vus, load.duration_s, load.iterations)
        case Cases():
            return _equal_spans(load.vus, load.duration_s, exchanges)
        case Spike():
            return _spike_spans(load)
        case RampingVus():
            return _ramp_spans(load)
        case _:
            assert_never(load)


def _equal_spans(vus: int, duration_s: float, iterations: int | None = None) -> tuple[Span, ...]:
    return tuple(Span(vu=vu, start_s=0.0, end_s=duration_s, iterations=iterations) for vu in range(vus))


def _spike_spans(load: Spike) -> tuple[Span, ...]:
    spans = list(_equal_spans(load.base_vus, load.duration_s))
    spike_end_s = load.before_s + load.spike_s
    for vu in range(load.base_vus, load.vus):
        spans.append(Span(vu=vu, start_s=load.before_s, end_s=spike_end_s))
    return tuple(spans)


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


def _moment(load: OpenLoop, position: float) -> float | None:
    """Return the time at which the planned number of requests reaches a position, in seconds.

    Returns:
        None if the phase never plans that many requests.
    """
    match load:
        case ConstantArrivalRate():
            return position / load.rate_rps
        case RampingArrivalRate():
            return _ramp_moment(load, position)
        case _:
            assert_never(load)


def _ramp_moment(load: RampingArrivalRate, position: float) -> float | None:
    """Return the time at which the area under a piecewise linear rate reaches a position.

    Within a stage of length d from rate a to b: n(t) = a·t + (b - a)/d·t²/2, solved for t.
    """
    begin_s = 0.0
    remaining = position
    rate_rps = load.start_rate / load.time_unit_s
    for stage in load.stages:
        target_rps = stage.target / load.time_unit_s
        area = (rate_rps + target_rps) / 2 * stage.duration_s
        if remaining < area:
            if remaining == 0.0:
                return begin_s
            slope = (target_rps - rate_rps) / stage.duration_s
            discriminant = max(0.0, rate_rps**2 + 2.0 * slope * remaining)
            # This form of the root does not subtract nearly equal numbers if the ramp is nearly flat.
            return begin_s + 2.0 * remaining / (rate_rps + math.sqrt(discriminant))
        begin_s += stage.duration_s
        remaining -= area
        rate_rps = target_rps
    return None


def plan(spec: RunSpec) -> RunPlan:
    """Return the plan of a scenario with its messages."""
    steps: dict[str, int] = {}
    deck: list[str] = []
    for prompt in spec.prompts:
        deck += [prompt.id] * prompt.weight
        if prompt.then:
            steps[prompt.id] = len(prompt.messages)
    return RunPlan(
        seed=spec.scenario.seed,
        phases=spec.scenario.phases,
        deck=tuple(deck),
        steps=steps,
        arms=len(spec.targets),
    )


def _cancel_after_s(load: ClosedLoop | OpenLoop, cancels: Random | None) -> float | None:
    if cancels is None or cancels.random() >= load.cancel_ratio:
        return None
    return cancels.uniform(*load.cancel_after_s)
