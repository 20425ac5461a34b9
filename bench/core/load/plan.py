"""Plan the requests of a run from a scenario and its seed. The plan is pure, so it can be printed.

In a closed loop the time of a request depends on the previous answer, so an arrival holds the think time
before it. In an open loop an arrival holds the time at which it is due.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import count
from random import Random

from bench.core.config.executors import Cases, ClosedLoop, OpenLoop, count_sessions
from bench.core.config.run_spec import RunSpec
from bench.core.load.arrival import Arrival, draw_cancellation_s, draw_think_time_s
from bench.core.load.dealer import Dealer, ZipfDealer, make_dealer
from bench.core.load.due_times import plan_due_times
from bench.core.load.journey_plan import (
    JourneyPlan,
    Place,
    PlannedStep,
    count_share,
    part_of,
    plan_journey,
    rank_of,
)
from bench.core.load.spans import Span, plan_spans
from bench.core.values.record import Record

_new = tuple.__new__
"""Makes an `Arrival` of a tuple of all its fields, in a tenth of the time that its keywords take."""


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
    zipf: float | None = None
    """Exponent of the repeats of messages; `None` to send decks of all messages."""
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
        for span in plan_spans(load, exchanges):
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
        if self.steps or self.arms > 1 or load.cancel_ratio:
            yield from self._exchanges(phase, vu, load)
        else:
            yield from self._single_requests(phase, vu, load)

    def _single_requests(self, phase: int, vu: int, load: ClosedLoop) -> Iterator[Arrival]:
        """Yield the requests of a VU if each is a message to one target that is not cancelled."""
        deal = self._dealers[phase].deal
        vus = count_sessions(load)
        range_s = load.think_time_s
        seed = f"{self.seed}:{phase}:{vu}"
        think_time_s = 0.0
        for iteration in count():  # pragma: no branch - the numbers have no end
            if iteration:
                think_time_s = draw_think_time_s(range_s, seed, iteration)
            prompt = deal(iteration * vus + vu)
            yield _new(Arrival, (phase, vu, iteration, prompt, 0, 0, think_time_s, 0.0, None, None, 0))

    def _exchanges(self, phase: int, vu: int, load: ClosedLoop) -> Iterator[Arrival]:
        """Yield the requests of a VU with conversations, a second target, or cancelled requests."""
        seed = f"{self.seed}:{phase}:{vu}"
        messages = enumerate(self._messages(phase, vu, count_sessions(load)))
        for exchange, (prompt, step) in messages:  # pragma: no branch - the messages have no end
            think_time_s = draw_think_time_s(load.think_time_s, seed, exchange) if exchange else 0.0
            for position in range(self.arms):
                iteration = exchange * self.arms + position
                cancels = Random(f"{seed}:{iteration}:cancel") if load.cancel_ratio else None
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
        cancels = Random(f"{self.seed}:{phase}:cancels") if load.cancel_ratio else None
        own, shares = self.share
        deal = None if self.parts else self._dealers[phase].deal
        cancel_after_s = None
        for number, offset_s in enumerate(plan_due_times(load, f"{self.seed}:{phase}:arrivals")):
            if cancels is not None:
                cancel_after_s = draw_cancellation_s(load, cancels)
            if number % shares != own:
                continue
            if deal is None:
                yield from self._iteration_at(phase, number, offset_s)
            elif self.arms > 1:
                exchange, position = divmod(number, self.arms)
                arrival = self._compared(phase, exchange, position, deal(exchange))
                yield arrival._replace(offset_s=offset_s, cancel_after_s=cancel_after_s)
            else:
                prompt = deal(number)
                yield _new(Arrival, (phase, number, 0, prompt, 0, 0, 0.0, offset_s, cancel_after_s, None, 0))

    def _compared(self, phase: int, exchange: int, position: int, prompt: str) -> Arrival:
        """Return one of the arrivals of a message: they follow each other, and each goes to another target.

        Args:
            phase: Index of the phase.
            exchange: Number of the message, which the arrivals have in common.
            position: 0 for the first arrival; its target alternates.
            prompt: Id of the message.
        """
        arm = position if exchange % 2 == 0 else self.arms - 1 - position
        return Arrival(phase=phase, vu=exchange, iteration=position, prompt=prompt, arm=arm)

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
        seed = f"{self.seed}:{phase}:{vu}"
        for number in count():  # pragma: no branch - the numbers have no end
            think_time_s = 0.0
            if number:
                think_time_s = draw_think_time_s(load.think_time_s, seed, number)
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
        deal = self._dealers[phase].deal
        for number in count():  # pragma: no branch - the numbers have no end
            prompt = deal(number * vus + vu)
            for step in range(self.steps.get(prompt, 1)):
                yield prompt, step

    @property
    def _cases(self) -> tuple[str, ...]:
        """Every message once, in the order of the file."""
        return tuple(dict.fromkeys(self.deck))

    @cached_property
    def _dealers(self) -> tuple[Dealer | ZipfDealer, ...]:
        """The dealer of each phase."""
        dealers: list[Dealer | ZipfDealer] = []
        for phase, load in enumerate(self.phases):
            if isinstance(load, Cases):
                dealers.append(Dealer(self._cases, None))
            else:
                dealers.append(make_dealer(self.deck, f"{self.seed}:{phase}", self.zipf))
        return tuple(dealers)


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
        zipf=spec.scenario.zipf,
        arms=len(spec.targets),
        parts=_plan_parts(spec),
    )


def _plan_parts(spec: RunSpec) -> tuple[JourneyPlan, ...]:
    """Return the plans of the journeys of a run; empty if each request is a message of its own."""
    if spec.mix:
        return tuple(plan_journey(part.spec, part.weight, part.start_s) for part in spec.mix)
    return (plan_journey(spec),) if spec.is_journey else ()
