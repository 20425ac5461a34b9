"""Plan the requests of a run from a scenario and its seed. The plan is pure, so it can be printed.

In a closed loop the time of a request depends on the previous answer, so an arrival holds the think time
before it. In an open loop an arrival holds the time at which it is due.
"""

import math
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import assert_never

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
from bench.core.load.arrival import Arrival, draw_cancellation_s, draw_prompt, draw_think_time_s
from bench.core.load.journey_plan import (
    JourneyPlan,
    Place,
    PlannedStep,
    count_share,
    part_of,
    plan_journey,
    rank_of,
)
from bench.core.values.record import Record


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
    parts: tuple[JourneyPlan, ...] = ()
    """The journeys of the run: those of a mix, or one; empty if each request is a message of its own."""
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
            if self.parts:
                span = self._journey_span(span, load)  # noqa: PLW2901
            elif span.iterations is not None:
                span = span.model_copy(update={"iterations": self.arms * span.iterations})  # noqa: PLW2901
            spans.append(span)
        return tuple(spans)

    def _journey_span(self, span: Span, load: ClosedLoop) -> Span:
        """Return the active time of a VU: its scenario may start later than the phase."""
        part = self.parts[self.part_of(span.vu)]
        iterations = part.iterations(load) or span.iterations
        start_s = min(max(span.start_s, part.start_s), span.end_s)
        return span.model_copy(update={"iterations": iterations, "start_s": start_s})

    def requests(self, phase: int, vu: int) -> Iterator[Arrival]:
        """Yield the requests of a VU of a closed loop in their order, without end.

        With a second target, a message goes to both targets one after the other. The order is ABBA over the
        messages, so that neither target gains from its position.
        """
        load = self.phases[phase]
        assert not isinstance(load, OpenLoop)  # noqa: S101 - the engine calls this for closed loops only
        if self.parts:
            yield from self._iterations(phase, vu, load)
            return
        messages = enumerate(self._messages(phase, vu, count_sessions(load)))
        for exchange, (prompt, step) in messages:  # pragma: no branch - the messages have no end
            think_time_s = 0.0
            if exchange:
                think_time_s = draw_think_time_s(load.think_time_s, f"{self.seed}:{phase}:{vu}:{exchange}")
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
                    cancel_after_s=draw_cancellation_s(load, cancels),
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
            cancel_after_s = draw_cancellation_s(load, cancels)
            if self._is_own(number):
                if self.parts:
                    yield from self._iteration_at(phase, number, offset_s)
                else:
                    prompt = self._prompt(phase, number)
                    yield Arrival(phase, number, 0, prompt, offset_s=offset_s, cancel_after_s=cancel_after_s)
            position += 1.0 if is_even else gaps.expovariate(1.0)
            number += 1

    def part_of(self, number: int) -> int:
        """Return the journey of a VU of closed loops, or of an arrival of open loops; 0 without a mix."""
        return part_of(self._weights, number) if len(self.parts) > 1 else 0

    def user_number(self, vu: int) -> int:
        """Return the number of a closed loop's VU among those of its journey."""
        return rank_of(self._weights, vu) if len(self.parts) > 1 else vu

    def first_free_user(self, part: int) -> int:
        """Return the number of users that a journey has in closed loops; those of open loops follow them."""
        sessions = max(
            (count_sessions(load) for load in self.phases if isinstance(load, ClosedLoop)), default=0
        )
        return count_share(self._weights, part, sessions) if len(self.parts) > 1 else sessions

    def place(self, iteration: Arrival) -> Place:
        """Return the place of an iteration among those of its journey."""
        load = self.phases[iteration.phase]
        journey = self.parts[iteration.part]
        rank = self.user_number(iteration.vu)
        vus = 1
        if isinstance(load, ClosedLoop):
            vus = count_share(self._weights, iteration.part, count_sessions(load))
        return journey.place(iteration, rank, vus)

    def steps_of(self, iteration: Arrival) -> Iterator[PlannedStep]:
        """Yield the requests and messages of an iteration in their order."""
        load = self.phases[iteration.phase]
        return self.parts[iteration.part].requests(load, iteration, self.place(iteration))

    def max_vus(self, phase: int) -> int:
        """Return the most requests of an open loop that this share may have in flight."""
        load = self.phases[phase]
        number, shares = self.share
        assert isinstance(load, OpenLoop)  # noqa: S101 - the engine calls this for open loops only
        return (load.max_vus + shares - 1 - number) // shares

    @property
    def _weights(self) -> tuple[int, ...]:
        return tuple(part.weight for part in self.parts)

    def _iterations(self, phase: int, vu: int, load: ClosedLoop) -> Iterator[Arrival]:
        """Yield the iterations of a VU of a closed loop, without end."""
        part = self.part_of(vu)
        for number in count():  # pragma: no branch - the numbers have no end
            think_time_s = 0.0
            if number:
                think_time_s = draw_think_time_s(load.think_time_s, f"{self.seed}:{phase}:{vu}:{number}")
            yield self._label(Arrival(phase, vu, number, "", think_time_s=think_time_s, part=part))

    def _iteration_at(self, phase: int, number: int, offset_s: float) -> Iterator[Arrival]:
        """Yield the iteration of an arrival, unless its journey starts later."""
        part = self.part_of(number)
        if offset_s >= self.parts[part].start_s:
            yield self._label(Arrival(phase, number, 0, "", offset_s=offset_s, part=part))

    def _label(self, iteration: Arrival) -> Arrival:
        """Return an iteration with the name of its first request."""
        load = self.phases[iteration.phase]
        label = self.parts[iteration.part].first_label(load, self.place(iteration), iteration.phase)
        return iteration._replace(prompt=label)

    def _is_own(self, number: int) -> bool:
        own, shares = self.share
        return number % shares == own

    def _messages(self, phase: int, vu: int, vus: int) -> Iterator[tuple[str, int]]:
        for number in count():  # pragma: no branch - the numbers have no end
            prompt = self._prompt(phase, number * vus + vu)
            for step in range(self.steps.get(prompt, 1)):
                yield prompt, step

    @property
    def _cases(self) -> tuple[str, ...]:
        """Every message once, in the order of the file."""
        return tuple(dict.fromkeys(self.deck))

    def _prompt(self, phase: int, number: int) -> str:
        """Return the message of a request."""
        if isinstance(self.phases[phase], Cases):
            return self._cases[number % len(self._cases)]
        return draw_prompt(self.deck, f"{self.seed}:{phase}", number)


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
        parts=_plan_parts(spec),
    )


def _plan_parts(spec: RunSpec) -> tuple[JourneyPlan, ...]:
    """Return the plans of the journeys of a run; empty if each request is a message of its own."""
    if spec.mix:
        return tuple(plan_journey(part.spec, part.weight, part.start_s) for part in spec.mix)
    return (plan_journey(spec),) if spec.is_journey else ()
