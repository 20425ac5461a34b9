"""Plan the iterations of a journey: its requests and messages, its pauses, and its row of data."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from random import Random
from typing import NamedTuple, assert_never

from bench.core.config.executors import Cases, ClosedLoop, OpenLoop
from bench.core.config.journey import RowOrder, Step, uses_message
from bench.core.config.run_spec import RunSpec
from bench.core.config.turn import TURN
from bench.core.load.arrival import Arrival, draw_cancellation_s, draw_think_time_s
from bench.core.load.dealer import Dealer, ZipfDealer, make_dealer
from bench.core.values.record import Record

_NO_PAUSE = (0.0, 0.0)


class PlannedStep(NamedTuple):
    """One request of an iteration."""

    step: Step
    """The step that it belongs to."""
    arrival: Arrival
    """The request. Its number within the phase is known only when it is sent."""
    message: str | None = None
    """Id of the message whose text a request contains; None for no message."""


class Place(NamedTuple):
    """The place of an iteration among all iterations of its scenario in a phase."""

    number: int
    """Number of the iteration over all VUs, from 0."""
    seed: str
    """Beginning of the seeds of its random choices."""


class JourneyPlan(Record):
    """The iterations of one scenario."""

    seed: int
    """Seed of all random choices."""
    steps: tuple[Step, ...]
    """Steps of one iteration; empty for a turn in Python."""
    picks: tuple[int, ...]
    """Number of messages and conversations that each step takes from the deck."""
    deck: tuple[str, ...] = ()
    """Ids of the messages in the order of the file, each as often as its weight."""
    lengths: dict[str, int] = {}
    """Number of messages of each conversation, by its id."""
    zipf: float | None = None
    """Exponent of the repeats of messages; `None` to send decks of all messages."""
    rows: int = 0
    """Number of rows of data."""
    order: RowOrder = "sequential"
    """Order of the rows."""
    keeps_row: bool = False
    """Whether each VU keeps its row."""
    weight: int = 1
    """Share of the load, compared with the other scenarios of a mix."""
    start_s: float = 0.0
    """Seconds from the start of each phase before which it sends nothing."""

    def iterations(self, load: ClosedLoop) -> int | None:
        """Return the iterations that send every message of `cases`; None for other executors."""
        if not isinstance(load, Cases):
            return None
        return max(1, -(-len(set(self.deck)) // max(1, sum(self.picks))))

    def place(self, arrival: Arrival, rank: int, vus: int) -> Place:
        """Return the place of an iteration.

        Args:
            arrival: The iteration.
            rank: Number of its VU among those of this scenario; in an open loop, of the arrival.
            vus: Number of VUs of this scenario; 1 in an open loop.
        """
        seed = f"{self.seed}:{arrival.phase}:{arrival.vu}:{arrival.iteration}"
        return Place(arrival.iteration * vus + rank, seed)

    def first_label(self, load: ClosedLoop | OpenLoop, place: Place, phase: int) -> str:
        """Return the name of the first request of an iteration."""
        if not self.steps:
            return TURN
        first = self.steps[0]
        if first.messages is None:
            return first.name
        return self._pick(load, phase, place.number * sum(self.picks)) or first.name

    def requests(self, load: ClosedLoop | OpenLoop, arrival: Arrival, place: Place) -> Iterator[PlannedStep]:
        """Yield the requests and messages of an iteration in their order, with those of `always`."""
        think_times_s = load.think_time_s if isinstance(load, ClosedLoop) else _NO_PAUSE
        card = place.number * sum(self.picks)
        index = 0
        for step, picks in zip(self.steps, self.picks, strict=True):
            for prompt, position in self._expand(step, picks, load, arrival.phase, card):
                seed = f"{place.seed}:{index}"
                think_time_s = step.think_time_s or (think_times_s if step.messages and index else _NO_PAUSE)
                yield PlannedStep(
                    step=step,
                    arrival=arrival._replace(
                        prompt=(prompt or step.name) if step.messages else step.name,
                        step=position,
                        think_time_s=draw_think_time_s(think_time_s, place.seed, index),
                        cancel_after_s=self._cancel_after_s(step, load, seed),
                        journey_step=step.name,
                    ),
                    message=prompt,
                )
                index += 1
            card += picks

    def row_number(self, place: Place, user: int) -> int:
        """Return the index of the row of an iteration.

        Args:
            place: Place of the iteration.
            user: Number of its user.
        """
        is_kept = self.keeps_row or self.order == "unique"
        match self.order:
            case "unique" | "sequential":
                return (user if is_kept else place.number) % self.rows
            case "random":
                seed = f"{self.seed}:{user}:row" if is_kept else f"{place.seed}:row"
                return Random(seed).randrange(self.rows)
            case _:
                assert_never(self.order)

    def _expand(
        self, step: Step, picks: int, load: ClosedLoop | OpenLoop, phase: int, card: int
    ) -> Iterator[tuple[str | None, int]]:
        """Yield the id of the message and the position in its conversation for each request of a step."""
        if step.messages is None:
            yield self._pick(load, phase, card) if picks else None, 0
            return
        for number in range(card, card + picks):
            prompt = self._pick(load, phase, number)
            if prompt is not None:
                for position in range(self.lengths.get(prompt, 1)):
                    yield prompt, position

    def _pick(self, load: ClosedLoop | OpenLoop, phase: int, number: int) -> str | None:
        """Return the message of a number; None after the last one of `cases`."""
        if isinstance(load, Cases):
            cases = tuple(dict.fromkeys(self.deck))
            return cases[number] if number < len(cases) else None
        if phase not in self._dealers:
            self._dealers[phase] = make_dealer(self.deck, f"{self.seed}:{phase}", self.zipf)
        return self._dealers[phase].deal(number)

    @cached_property
    def _dealers(self) -> dict[int, Dealer | ZipfDealer]:
        """The dealer of each phase that has sent a message."""
        return {}

    def _cancel_after_s(self, step: Step, load: ClosedLoop | OpenLoop, seed: str) -> float | None:
        """Return when a request is cancelled: only messages are, if the journey has any."""
        if not load.cancel_ratio or step.always:
            return None
        if step.messages is None and any(other.messages for other in self.steps):
            return None
        return draw_cancellation_s(load, Random(f"{seed}:cancel"))


def plan_journey(spec: RunSpec, weight: int = 1, start_s: float = 0.0) -> JourneyPlan:
    """Return the plan of a scenario's iterations, and its part of a mix."""
    scenario = spec.scenario
    deck: list[str] = []
    lengths: dict[str, int] = {}
    for prompt in spec.prompts:
        deck += [prompt.id] * prompt.weight
        if prompt.then:
            lengths[prompt.id] = len(prompt.messages)
    return JourneyPlan(
        seed=scenario.seed,
        steps=scenario.journey_steps,
        picks=tuple(step.messages or int(uses_message(step)) for step in scenario.journey_steps),
        deck=tuple(deck),
        lengths=lengths,
        zipf=scenario.zipf,
        rows=len(spec.rows),
        order="sequential" if scenario.data is None else scenario.data.order,
        keeps_row=scenario.login is not None and scenario.login.uses_row,
        weight=weight,
        start_s=start_s,
    )


def part_of(weights: tuple[int, ...], number: int) -> int:
    """Return the scenario of a mix that gets a VU or an arrival."""
    pattern = _pattern(weights)
    return pattern[number % len(pattern)]


def rank_of(weights: tuple[int, ...], number: int) -> int:
    """Return the number of a VU or arrival among those of its scenario."""
    pattern = _pattern(weights)
    rounds, position = divmod(number, len(pattern))
    part = pattern[position]
    return rounds * pattern.count(part) + pattern[:position].count(part)


def count_share(weights: tuple[int, ...], part: int, total: int) -> int:
    """Return how many of a number of VUs a scenario of a mix gets."""
    pattern = _pattern(weights)
    rounds, rest = divmod(total, len(pattern))
    return rounds * pattern.count(part) + pattern[:rest].count(part)


@lru_cache(maxsize=16)
def _pattern(weights: tuple[int, ...]) -> tuple[int, ...]:
    """Return an order in which each scenario occurs as often as its weight, as evenly as possible."""
    balance = [0] * len(weights)
    pattern: list[int] = []
    for _ in range(sum(weights)):
        for part, weight in enumerate(weights):
            balance[part] += weight
        chosen = balance.index(max(balance))
        balance[chosen] -= sum(weights)
        pattern.append(chosen)
    return tuple(pattern)
