from collections import Counter
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.core.config.executors import ClosedLoop, ConstantVus, count_sessions
from bench.core.config.open_loops import ConstantArrivalRate, RampingArrivalRate, RateStage
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.load.arrival import Arrival
from bench.core.load.dealer import ZipfDealer
from bench.core.load.plan import RunPlan, plan
from bench.core.load.spans import Span
from tests.factories import PROMPTS, make_scenario, make_spec
from tests.journeys import ASK, OPEN, make_journey

USERS = st.integers(1, 12)
SEEDS = st.integers(-(2**40), 2**40)
DECKS = st.integers(1, 9)
FIRST_DECK = ("greeting", "file-upload", "contact-form", "long-migration")
SECOND_DECK = ("long-migration", "file-upload", "greeting", "contact-form")


def make_plan(vus: int = 10, prompts: int = 4, seed: int = 1, phases: int = 1) -> RunPlan:
    """Return a plan of equal phases with think times of five to seven seconds."""
    phase = ConstantVus(executor="constant-vus", vus=vus, duration_s=30, think_time_s=(5, 7))
    names = tuple(f"message-{number}" for number in range(prompts))
    return RunPlan(seed=seed, phases=(phase,) * phases, deck=names)


def request(plan_: RunPlan, phase: int, vu: int, iteration: int) -> Arrival:
    """Return the arrival of a VU of a closed loop at an iteration."""
    return next(islice(plan_.requests(phase, vu), iteration, None))


def test_a_plan_has_the_values_of_the_scenario_and_its_messages() -> None:
    """A plan consists of the seed, the phases and the ids of the messages."""
    spec = make_spec(make_scenario(seed=7))
    assert plan(spec) == RunPlan(seed=7, phases=spec.scenario.phases, deck=PROMPTS)


def test_an_arrival_has_its_phase_vu_and_iteration() -> None:
    """An arrival has the requested phase, VU and iteration."""
    arrival = request(make_plan(phases=2), 1, 3, 5)
    assert (arrival.phase, arrival.vu, arrival.iteration) == (1, 3, 5)


@given(USERS, DECKS, SEEDS)
def test_the_same_seed_gives_the_same_load(vus: int, prompts: int, seed: int) -> None:
    """A plan is a pure function: equal plans send the same requests."""
    one, other = make_plan(vus, prompts, seed), make_plan(vus, prompts, seed)
    places = [(0, vu, iteration) for iteration in range(5) for vu in range(vus)]
    assert [request(one, *place) for place in places] == [request(other, *place) for place in places]


@given(USERS, DECKS, SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_calls_changes_nothing(vus: int, prompts: int, seed: int, random: Random) -> None:
    """Arrivals do not depend on the order in which VUs get their answers."""
    plan_ = make_plan(vus, prompts, seed, phases=2)
    places = [(phase, vu, iteration) for phase in range(2) for iteration in range(4) for vu in range(vus)]
    expected = {place: request(plan_, *place) for place in places}
    random.shuffle(places)
    assert {place: request(plan_, *place) for place in places} == expected


@given(USERS, DECKS, SEEDS)
def test_each_deck_holds_every_message_once(vus: int, prompts: int, seed: int) -> None:
    """Over all VUs, each deck contains every message exactly once."""
    plan_ = make_plan(vus, prompts, seed)
    iterations = -(-3 * prompts // vus)
    dealt = [request(plan_, 0, vu, iteration).prompt for iteration in range(iterations) for vu in range(vus)]
    for start in range(0, 3 * prompts, prompts):
        assert sorted(dealt[start : start + prompts]) == sorted(plan_.deck)


@given(USERS, DECKS, SEEDS)
def test_all_messages_are_sent_equally_often_or_once_more(vus: int, prompts: int, seed: int) -> None:
    """After any complete iteration, two messages differ by at most one in how often they were sent."""
    plan_ = make_plan(vus, prompts, seed)
    sent: Counter[str] = Counter(dict.fromkeys(plan_.deck, 0))
    for iteration in range(6):
        sent.update(request(plan_, 0, vu, iteration).prompt for vu in range(vus))
        assert max(sent.values()) - min(sent.values()) <= 1


@given(USERS, SEEDS, st.tuples(st.floats(0, 100), st.floats(0, 100)).map(sorted))
def test_think_times_are_in_their_range(vus: int, seed: int, ends: list[float]) -> None:
    """After the first iteration every think time is in the phase's range."""
    low, high = ends
    phase = ConstantVus(executor="constant-vus", vus=vus, duration_s=30, think_time_s=(low, high))
    plan_ = RunPlan(seed=seed, phases=(phase,), deck=("one",))
    pauses = [request(plan_, 0, vu, iteration).think_time_s for iteration in range(1, 6) for vu in range(vus)]
    assert all(low <= pause <= high for pause in pauses)


@given(USERS, SEEDS)
def test_the_first_iteration_has_no_think_time(vus: int, seed: int) -> None:
    """All VUs of a phase start at once."""
    plan_ = make_plan(vus, seed=seed, phases=2)
    assert all(request(plan_, phase, vu, 0).think_time_s == 0.0 for phase in range(2) for vu in range(vus))


@given(SEEDS)
def test_vus_have_different_think_times(seed: int) -> None:
    """Each VU, iteration and phase has a seed of its own."""
    plan_ = make_plan(vus=10, seed=seed, phases=2)
    pauses = {
        request(plan_, phase, vu, iteration).think_time_s
        for phase in range(2)
        for vu in range(10)
        for iteration in range(1, 6)
    }
    assert len(pauses) == 2 * 10 * 5


def test_another_seed_gives_another_load() -> None:
    """The seed decides the order of messages and the think times."""
    one, other = make_plan(prompts=9, seed=1), make_plan(prompts=9, seed=2)
    places = [(0, vu, iteration) for iteration in range(1, 4) for vu in range(10)]
    assert [request(one, *at).prompt for at in places] != [request(other, *at).prompt for at in places]
    assert all(request(one, *at).think_time_s != request(other, *at).think_time_s for at in places)


def test_decks_are_shuffled_each_in_its_own_order() -> None:
    """The second deck does not repeat the order of the first."""
    plan_ = make_plan(vus=9, prompts=9)
    decks = {tuple(request(plan_, 0, vu, iteration).prompt for vu in range(9)) for iteration in range(8)}
    assert len(decks) == 8


def test_a_seed_has_the_same_load_in_every_version() -> None:
    """Baselines depend on the load, so a new version of this package must not change it."""
    plan_ = plan(make_spec())
    first = [request(plan_, 0, vu, 0).prompt for vu in range(8)]
    assert first == [*FIRST_DECK, *SECOND_DECK]
    assert [round(request(plan_, 0, vu, 1).think_time_s, 3) for vu in range(4)] == [
        5.233,
        5.086,
        5.942,
        6.178,
    ]


def make_open(phase: ConstantArrivalRate | RampingArrivalRate, seed: int = 1) -> RunPlan:
    """Return a plan of one open loop."""
    return RunPlan(seed=seed, phases=(phase,), deck=("a", "b", "c"))


def offsets(phase: ConstantArrivalRate | RampingArrivalRate, seed: int = 1) -> list[float]:
    """Return the times at which the requests of an open loop are due."""
    return [arrival.offset_s or 0.0 for arrival in make_open(phase, seed).arrivals(0)]


RATES = st.floats(0.1, 200.0)
# To the hundredth, as people write them.
RAMP_RATES = st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)


@given(RATES, st.floats(0.5, 20.0))
def test_an_even_rate_is_due_at_equal_distances(rate_rps: float, duration_s: float) -> None:
    """A constant rate has its number of requests, at equal distances, within the duration."""
    due = offsets(ConstantArrivalRate(executor="constant-arrival-rate", rate=rate_rps, duration_s=duration_s))
    assert abs(len(due) - rate_rps * duration_s) <= 1
    assert due == pytest.approx([number / rate_rps for number in range(len(due))])
    assert all(0.0 <= moment < duration_s for moment in due)


@given(SEEDS)
def test_random_arrivals_have_the_rate_and_their_seed(seed: int) -> None:
    """Poisson arrivals are sorted, repeatable, and have the expected number within five sigma."""
    phase = ConstantArrivalRate(executor="constant-arrival-rate", rate=50, duration_s=20, arrivals="poisson")
    due = offsets(phase, seed)
    assert due == sorted(due) == offsets(phase, seed)
    assert abs(len(due) - 1000) < 5 * 1000**0.5


@given(RAMP_RATES, RAMP_RATES)
def test_a_ramp_of_rate_has_the_area_below_it(start_rps: float, target_rps: float) -> None:
    """At any moment the number of due requests is the area below the line, to one request."""
    assume(max(start_rps, target_rps) > 0.1)
    due = offsets(
        RampingArrivalRate(
            executor="ramping-arrival-rate",
            start_rate=start_rps,
            stages=(RateStage(duration_s=10, target=target_rps),),
        )
    )
    assert due == sorted(due)
    for moment in (2.5, 5.0, 10.0):
        area = start_rps * moment + (target_rps - start_rps) / 10 * moment**2 / 2
        assert abs(sum(each < moment for each in due) - area) <= 1.0 + 1e-6


@given(SEEDS, st.sampled_from([(0, 100), (100, 0), (20, 80), (50, 50)]))
def test_random_arrivals_follow_the_ramp(seed: int, ends: tuple[float, float]) -> None:
    """In each half of a ramp the number of random arrivals is the area below it, within six sigma."""
    start_rps, target_rps = ends
    phase = RampingArrivalRate(
        executor="ramping-arrival-rate",
        start_rate=start_rps,
        stages=(RateStage(duration_s=20, target=target_rps),),
        arrivals="poisson",
    )
    due = offsets(phase, seed)
    assert due == sorted(due) == offsets(phase, seed)
    assert all(0.0 <= moment < 20.0 for moment in due)
    middle = (start_rps + target_rps) / 2
    for area, number in (
        (10 * (start_rps + middle) / 2, sum(moment < 10 for moment in due)),
        (10 * (middle + target_rps) / 2, sum(moment >= 10 for moment in due)),
    ):
        assert abs(number - area) < 6 * area**0.5


def test_another_seed_has_other_moments() -> None:
    """Random arrivals of two seeds or phases share no time; even arrivals share all of them."""
    phase = ConstantArrivalRate(executor="constant-arrival-rate", rate=20, duration_s=2, arrivals="poisson")
    two = RunPlan(seed=1, phases=(phase, phase), deck=("a",))
    first, second = ({arrival.offset_s for arrival in two.arrivals(index)} for index in (0, 1))
    assert not first & second
    assert not first & set(offsets(phase, 2))
    even = phase.model_copy(update={"arrivals": "even"})
    assert offsets(even, 1) == offsets(even, 2)


@given(st.integers(1, 100), st.integers(1, 20))
def test_a_whole_number_of_even_arrivals_is_exact(rate_rps: int, duration_s: int) -> None:
    """A rate times a duration is the number of requests."""
    phase = ConstantArrivalRate(executor="constant-arrival-rate", rate=rate_rps, duration_s=duration_s)
    assert len(offsets(phase)) == rate_rps * duration_s


def test_open_loops_use_the_same_decks() -> None:
    """Requests of an open loop are numbered, and each deck contains every message."""
    phase = ConstantArrivalRate(executor="constant-arrival-rate", rate=6, duration_s=1)
    arrivals = list(make_open(phase).arrivals(0))
    assert [arrival.vu for arrival in arrivals] == list(range(6))
    assert sorted(arrival.prompt for arrival in arrivals[:3]) == ["a", "b", "c"]


def test_an_open_loop_sends_each_message_to_both_targets() -> None:
    """The two arrivals of a message follow each other, and the target that comes first alternates."""
    phase = ConstantArrivalRate(executor="constant-arrival-rate", rate=8, duration_s=1)
    plan = RunPlan(seed=1, phases=(phase,), deck=("a", "b", "c"), arms=2)
    arrivals = list(plan.arrivals(0))
    assert [arrival.arm for arrival in arrivals] == [0, 1, 1, 0, 0, 1, 1, 0]
    assert [(arrival.vu, arrival.iteration) for arrival in arrivals[:4]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for first, second in zip(arrivals[::2], arrivals[1::2], strict=True):
        assert first.prompt == second.prompt
        assert first.offset_s < second.offset_s


def spans_of(**phase: object) -> tuple[Span, ...]:
    """Return the spans of the VUs of one closed loop."""
    return plan(make_spec(make_scenario(phases=[phase]))).spans(0)


def count_active(spans: tuple[Span, ...], at_s: float) -> int:
    """Return the number of active VUs at a moment."""
    return sum(span.start_s <= at_s < span.end_s for span in spans)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1))
def test_a_ramp_of_vus_follows_its_line(start_vus: int, target_vus: int, part: float) -> None:
    """At any moment of a ramp the VUs are within one of the straight line; after it they stay active."""
    assume(start_vus + target_vus > 0)
    ramp = {
        "executor": "ramping-vus",
        "start_vus": start_vus,
        "stages": [{"duration": 30, "target": target_vus}, {"duration": 60, "target": target_vus}],
    }
    spans = spans_of(**ramp, think_time_s=(1, 2))
    assert abs(count_active(spans, 30 * part) - (start_vus + (target_vus - start_vus) * part)) <= 1.0 + 1e-9
    assert count_active(spans, 89.9) == target_vus
    assert len(spans) == max(start_vus, target_vus)


def test_constant_vus_are_active_all_the_time() -> None:
    """All VUs are active from the start to the end."""
    spans = spans_of(executor="constant-vus", vus=3, duration_s=30, think_time_s=(5, 7))
    assert [count_active(spans, at) for at in (0, 29.9, 30)] == [3, 3, 0]


@given(st.integers(1, 60), st.sampled_from([0.5, 3.0, 100.0]))
def test_vus_start_one_by_one_at_the_spawn_rate(vus: int, spawn_rate: float) -> None:
    """VU n starts n / spawn_rate seconds after the first, in each group that would else start at once."""
    load = {"vus": vus, "spawn_rate": spawn_rate, "think_time_s": (1, 2)}
    starts_s = [number / spawn_rate for number in range(vus)]
    for phase in (
        {"executor": "constant-vus", "duration_s": 200, **load},
        {"executor": "per-vu-iterations", "iterations": 3, **load},
    ):
        assert [span.start_s for span in spans_of(**phase)] == starts_s
    spike = {"executor": "spike", "before_s": 10, "spike_s": 200, "after_s": 0, "spawn_rate": spawn_rate}
    spans = spans_of(**spike, base_vus=vus, spike_vus=vus)
    assert [span.start_s for span in spans] == [*starts_s, *(10 + start_s for start_s in starts_s)]


def test_a_spike_joins_and_leaves() -> None:
    """The base VUs are active all the time, the others during the spike."""
    spans = spans_of(
        executor="spike", base_vus=10, spike_vus=40, before_s=10, spike_s=60, after_s=10, think_time_s=(5, 7)
    )
    assert [count_active(spans, at) for at in (0, 9.9, 10, 69.9, 70, 79.9)] == [10, 10, 50, 50, 10, 10]


COUNTS = st.integers(1, 40)
PARTS = st.sampled_from([0.5, 1.0, 10.0, 33.3])
CLOSED = st.one_of(
    st.fixed_dictionaries(
        {
            "executor": st.just("constant-vus"),
            "vus": COUNTS,
            "duration_s": PARTS,
            "think_time_s": st.just((1, 2)),
        }
    ),
    st.fixed_dictionaries(
        {
            "executor": st.just("ramping-vus"),
            "start_vus": st.integers(0, 40),
            "stages": st.lists(
                st.fixed_dictionaries({"duration": PARTS, "target": COUNTS}), min_size=1, max_size=4
            ),
            "think_time_s": st.just((1, 2)),
        }
    ),
    st.fixed_dictionaries(
        {
            "executor": st.just("spike"),
            "base_vus": COUNTS,
            "spike_vus": COUNTS,
            "before_s": st.just(0.0) | PARTS,
            "spike_s": PARTS,
            "after_s": st.just(0.0) | PARTS,
            "think_time_s": st.just((1, 2)),
        }
    ),
    st.fixed_dictionaries({"executor": st.just("per-vu-iterations"), "vus": COUNTS, "iterations": COUNTS}),
    st.just({"executor": "cases"}),
)


@given(CLOSED)
def test_no_loop_has_more_vus_than_it_declares(phase: dict[str, Any]) -> None:
    """VUs are numbered, are active within the phase, and their highest number is `vus`."""
    load = make_scenario(phases=[phase]).phases[0]
    assert isinstance(load, ClosedLoop)
    spans = spans_of(**phase)
    assert [span.vu for span in spans] == list(range(count_sessions(load)))
    assert all(0.0 <= span.start_s < span.end_s <= load.duration_s for span in spans)
    assert max(count_active(spans, span.start_s) for span in spans) == load.vus


@given(COUNTS, COUNTS)
def test_the_last_vu_to_join_leaves_first(start_vus: int, target_vus: int) -> None:
    """VUs join one by one in the order of their numbers, and leave in the opposite order."""
    assume(start_vus != target_vus)
    spans = spans_of(
        executor="ramping-vus",
        start_vus=start_vus,
        stages=[{"duration": 30, "target": target_vus}, {"duration": 5, "target": target_vus}],
        think_time_s=(1, 2),
    )
    moving = spans[min(start_vus, target_vus) :]
    up = target_vus > start_vus
    moments = [span.start_s for span in moving] if up else [30 - span.end_s for span in moving]
    assert moments == pytest.approx([30 * each / len(moving) for each in range(len(moving))])
    assert all(span.end_s == 35 for span in moving) is up


def test_iterations_and_cases_end_by_number() -> None:
    """Each VU sends its number of requests; cases are sent once by one VU, in the order of the file."""
    iterations = spans_of(executor="per-vu-iterations", vus=5, iterations=3)
    assert [(span.vu, span.iterations) for span in iterations] == [(vu, 3) for vu in range(5)]
    (cases,) = spans_of(executor="cases")
    assert cases.iterations == len(PROMPTS)
    plan_ = plan(make_spec(make_scenario(phases=[{"executor": "cases"}])))
    assert tuple(request(plan_, 0, 0, iteration).prompt for iteration in range(4)) == PROMPTS


def test_cases_ignore_weights() -> None:
    """Every message is one case, independent of its weight."""
    spec = make_spec(make_scenario(phases=[{"executor": "cases"}]))
    heavy = spec.prompts[0].model_copy(update={"weight": 3})
    plan_ = plan(spec.model_copy(update={"prompts": (heavy, *spec.prompts[1:])}))
    assert plan_.spans(0)[0].iterations == len(PROMPTS)
    assert tuple(request(plan_, 0, 0, iteration).prompt for iteration in range(len(PROMPTS))) == PROMPTS


def test_a_message_is_in_a_deck_as_often_as_its_weight() -> None:
    """A message of weight three is in each deck three times."""
    spec = make_spec()
    heavy = spec.prompts[0].model_copy(update={"weight": 3})
    plan_ = plan(spec.model_copy(update={"prompts": (heavy, *spec.prompts[1:])}))
    dealt = [request(plan_, 0, vu, iteration).prompt for iteration in range(6) for vu in range(10)]
    assert Counter(dealt)[heavy.id] == 30


def test_the_second_target_gets_every_message_too() -> None:
    """Each message goes to both targets one after the other, in the order ABBA, after one think time."""
    spec = make_spec(make_scenario(compare_with="ollama"))
    plan_ = plan(spec.model_copy(update={"compare_with": spec.target}))
    iterations = [request(plan_, 0, 3, iteration) for iteration in range(8)]
    assert [arrival.arm for arrival in iterations] == [0, 1, 1, 0, 0, 1, 1, 0]
    assert [
        one.prompt == other.prompt for one, other in zip(iterations[::2], iterations[1::2], strict=True)
    ] == [True] * 4
    assert [arrival.think_time_s > 0 for arrival in iterations] == [
        False,
        False,
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    alone = plan(spec)
    assert [arrival.prompt for arrival in iterations[::2]] == [
        request(alone, 0, 3, iteration).prompt for iteration in range(4)
    ]


def test_iterations_of_a_comparison_are_counted_in_messages() -> None:
    """A VU of a comparison sends its number of messages, each to both targets."""
    phases = [{"executor": "per-vu-iterations", "vus": 2, "iterations": 3}]
    spec = make_spec(make_scenario(compare_with="ollama", phases=phases))
    assert [
        span.iterations for span in plan(spec.model_copy(update={"compare_with": spec.target})).spans(0)
    ] == [6, 6]
    fixed = make_spec(make_scenario(compare_with="ollama"))
    assert {
        span.iterations for span in plan(fixed.model_copy(update={"compare_with": fixed.target})).spans(0)
    } == {None}


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), USERS, SEEDS)
def test_every_deck_holds_every_message_by_its_weight(weights: list[int], vus: int, seed: int) -> None:
    """Over all VUs, each deck contains every message as often as its weight."""
    prompts = tuple(Prompt(id=f"m{number}", text="?", weight=each) for number, each in enumerate(weights))
    spec = make_spec(
        make_scenario(
            seed=seed,
            phases=[{"executor": "constant-vus", "vus": vus, "duration_s": 30, "think_time_s": (1, 2)}],
        )
    )
    plan_ = plan(spec.model_copy(update={"prompts": prompts}))
    size = sum(weights)
    assert len(plan_.deck) == size
    dealt = [request(plan_, 0, *divmod(number, vus)[::-1]).prompt for number in range(3 * size)]
    for start in range(0, 3 * size, size):
        assert Counter(dealt[start : start + size]) == {each.id: each.weight for each in prompts}


@given(SEEDS)
def test_no_seed_changes_the_order_of_cases(seed: int) -> None:
    """Cases are sent in the order of their file, then again from its start."""
    plan_ = plan(make_spec(make_scenario(seed=seed, phases=[{"executor": "cases"}])))
    assert tuple(request(plan_, 0, 0, iteration).prompt for iteration in range(8)) == PROMPTS * 2


TALK = Prompt(id="talk", text="one", then=("two", "three"))
SINGLE = Prompt(id="single", text="alone")


def make_conversation(**phase: Any) -> RunPlan:
    """Return a plan with a conversation of three messages and a single message."""
    load = {"executor": "per-vu-iterations", "vus": 1, "iterations": 8, "think_time_s": (1, 1), **phase}
    spec = make_spec(make_scenario(phases=[load]))
    return plan(spec.model_copy(update={"prompts": (TALK, SINGLE)}))


def test_a_conversation_is_sent_message_after_message() -> None:
    """A VU finishes a conversation before it sends another message, with a think time before each."""
    sent = list(islice(make_conversation().requests(0, 0), 8))
    steps = [(each.prompt, each.step) for each in sent]
    talk = [("talk", 0), ("talk", 1), ("talk", 2)]
    assert steps in (
        [*talk, ("single", 0), *talk, ("single", 0)],
        [("single", 0), *talk, ("single", 0), *talk],
        [*talk, ("single", 0), ("single", 0), *talk],
        [("single", 0), *talk, *talk, ("single", 0)],
    )
    assert [each.iteration for each in sent] == list(range(8))
    assert [each.think_time_s for each in sent] == [0.0, *[1.0] * 7]


def test_messages_of_a_conversation_have_names_of_their_own() -> None:
    """Messages of a conversation have different names, so that equal positions are compared."""
    labels = {each.label for each in islice(make_conversation().requests(0, 0), 8)}
    assert labels == {"talk", "talk.2", "talk.3", "single"}


def test_cases_include_all_messages_of_conversations() -> None:
    """Cases end after the last conversation; with a second target, after both targets had all messages."""
    spec = make_spec(make_scenario(phases=[{"executor": "cases"}]))
    spec = spec.model_copy(update={"prompts": (TALK, SINGLE)})
    assert plan(spec).spans(0)[0].iterations == 4
    compare_with = plan(spec.model_copy(update={"compare_with": spec.target}))
    assert compare_with.spans(0)[0].iterations == 8
    both = [(each.prompt, each.step, each.arm) for each in islice(compare_with.requests(0, 0), 4)]
    assert both == [("talk", 0, 0), ("talk", 0, 1), ("talk", 1, 1), ("talk", 1, 0)]


def test_a_conversation_needs_a_closed_loop() -> None:
    """An open loop does not wait for answers, so it cannot continue a conversation."""
    spec = make_spec(
        make_scenario(phases=[{"executor": "constant-arrival-rate", "rate": 1, "duration_s": 1}])
    )
    with pytest.raises(ValidationError, match="'talk' is a conversation"):
        RunSpec(scenario=spec.scenario, target=spec.target, prompts=(SINGLE, TALK))


@given(st.floats(0, 1), SEEDS)
def test_the_declared_share_of_requests_is_cancelled(ratio: float, seed: int) -> None:
    """Cancellations are planned: in the declared share, within the declared times, and repeatable."""
    phase = {
        "executor": "constant-vus",
        "vus": 1,
        "duration_s": 1,
        "think_time_s": (0, 0),
        "cancel_ratio": ratio,
    }
    phase["cancel_after_s"] = (0.2, 0.4)
    load = plan(make_spec(make_scenario(phases=[phase], seed=seed)))
    given_up = [each.cancel_after_s for each in islice(load.requests(0, 0), 300)]
    known = [after_s for after_s in given_up if after_s is not None]
    assert all(0.2 <= after_s <= 0.4 for after_s in known)
    assert abs(len(known) / 300 - ratio) < 0.2
    assert given_up == [each.cancel_after_s for each in islice(load.requests(0, 0), 300)]


def test_requests_of_an_open_loop_are_cancelled_too() -> None:
    """Cancellations of an open loop do not change the times of its requests."""
    phase = ConstantArrivalRate(executor="constant-arrival-rate", rate=100, duration_s=3, arrivals="poisson")
    calm, cancelling = make_open(phase), make_open(phase.model_copy(update={"cancel_ratio": 0.5}))
    given_up = [each.cancel_after_s is not None for each in cancelling.arrivals(0)]
    assert 0.3 < sum(given_up) / len(given_up) < 0.7
    moments = [[each.offset_s for each in load.arrivals(0)] for load in (calm, cancelling)]
    assert moments[0] == moments[1]


@given(st.integers(1, 5), SEEDS)
def test_all_shares_together_are_the_load(shares: int, seed: int) -> None:
    """Several load generators send each request of the plan once, as a single one does."""
    phases = [
        {"executor": "constant-vus", "vus": 7, "duration_s": 9, "think_time_s": (1, 2)},
        {
            "executor": "constant-arrival-rate",
            "rate": 20,
            "duration_s": 3,
            "arrivals": "poisson",
            "max_vus": 9,
        },
    ]
    whole = plan(make_spec(make_scenario(phases=phases, seed=seed)))
    parts = whole.split(shares)
    spans = sorted((span for part in parts for span in part.spans(0)), key=lambda span: span.vu)
    assert tuple(spans) == whole.spans(0)
    arrivals = sorted((each for part in parts for each in part.arrivals(1)), key=lambda each: each.vu)
    assert arrivals == list(whole.arrivals(1))
    assert sum(part.max_vus(1) for part in parts) == 9


@given(USERS, SEEDS, st.floats(0, 3))
def test_repeated_messages_depend_on_their_number_only(vus: int, seed: int, zipf: float) -> None:
    """In a closed loop, the number counts over all VUs, so a faster VU changes no message of another one."""
    plan_ = make_plan(vus, 9, seed).model_copy(update={"zipf": zipf})
    dealer = ZipfDealer(plan_.deck, f"{seed}:0", zipf)
    for vu in range(vus):
        for iteration in range(4):
            assert request(plan_, 0, vu, iteration).prompt == dealer.deal(iteration * vus + vu)


def test_a_scenario_with_repeats_plans_them() -> None:
    """The plan of a scenario, and that of a journey, have the exponent of Zipf's law."""
    spec = make_spec(make_scenario(repeat={"zipf": 1.2, "distinct": 4}))
    assert plan(spec).zipf == 1.2
    journey = make_journey(OPEN, ASK, repeat={"zipf": 0.0, "distinct": 2})
    (part,) = plan(journey).parts
    assert part.zipf == 0.0
