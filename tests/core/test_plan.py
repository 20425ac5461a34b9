from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bench.core.plan import RunPlan, plan
from bench.core.scenario import FixedUsers
from tests.factories import PROMPTS, make_brief, make_scenario

USERS = st.integers(1, 12)
SEEDS = st.integers(-(2**40), 2**40)
DECKS = st.integers(1, 9)
FIRST_DECK = ("greeting", "file-upload", "contact-form", "long-migration")
SECOND_DECK = ("long-migration", "file-upload", "greeting", "contact-form")


def make_plan(users: int = 10, prompts: int = 4, seed: int = 1, stages: int = 1) -> RunPlan:
    """A plan of equal stages with pauses of five to seven seconds."""
    stage = FixedUsers(kind="fixed-users", users=users, duration_s=30, pause_s=(5, 7))
    names = tuple(f"message-{number}" for number in range(prompts))
    return RunPlan(seed=seed, stages=(stage,) * stages, prompts=names)


def test_a_plan_is_made_of_the_scenario_and_its_messages() -> None:
    """Seed, stages and the names of the messages are all that a plan needs."""
    brief = make_brief(make_scenario(seed=7))
    assert plan(brief) == RunPlan(seed=7, stages=brief.scenario.stages, prompts=PROMPTS)


def test_an_arrival_says_who_sends_what() -> None:
    """An arrival carries the stage, user and turn that it was asked for."""
    arrival = make_plan(stages=2).arrival(1, 3, 5)
    assert (arrival.stage, arrival.user, arrival.turn) == (1, 3, 5)


@given(USERS, DECKS, SEEDS)
def test_the_same_seed_gives_the_same_load(users: int, prompts: int, seed: int) -> None:
    """A plan is a pure function: two plans that are equal send the same."""
    one, other = make_plan(users, prompts, seed), make_plan(users, prompts, seed)
    places = [(0, user, turn) for turn in range(5) for user in range(users)]
    assert [one.arrival(*place) for place in places] == [other.arrival(*place) for place in places]


@given(USERS, DECKS, SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_asking_changes_nothing(users: int, prompts: int, seed: int, random: Random) -> None:
    """Arrivals are random access: users who answer in another order are sent the same."""
    plan_ = make_plan(users, prompts, seed, stages=2)
    places = [(stage, user, turn) for stage in range(2) for turn in range(4) for user in range(users)]
    expected = {place: plan_.arrival(*place) for place in places}
    random.shuffle(places)
    assert {place: plan_.arrival(*place) for place in places} == expected


@given(USERS, DECKS, SEEDS)
def test_each_deck_holds_every_message_once(users: int, prompts: int, seed: int) -> None:
    """Dealt in turns over all users, each deck of messages holds every one of them exactly once."""
    plan_ = make_plan(users, prompts, seed)
    turns = -(-3 * prompts // users)
    dealt = [plan_.arrival(0, user, turn).prompt for turn in range(turns) for user in range(users)]
    for start in range(0, 3 * prompts, prompts):
        assert sorted(dealt[start : start + prompts]) == sorted(plan_.prompts)


@given(USERS, DECKS, SEEDS)
def test_all_messages_are_sent_equally_often_or_once_more(users: int, prompts: int, seed: int) -> None:
    """Wherever a run ends after a whole turn, no message was sent twice more often than another."""
    plan_ = make_plan(users, prompts, seed)
    sent: Counter[str] = Counter(dict.fromkeys(plan_.prompts, 0))
    for turn in range(6):
        sent.update(plan_.arrival(0, user, turn).prompt for user in range(users))
        assert max(sent.values()) - min(sent.values()) <= 1


@given(USERS, SEEDS, st.tuples(st.floats(0, 100), st.floats(0, 100)).map(sorted))
def test_pauses_lie_between_the_shortest_and_the_longest(users: int, seed: int, ends: list[float]) -> None:
    """After the first turn each pause is in the stage's range."""
    low, high = ends
    stage = FixedUsers(kind="fixed-users", users=users, duration_s=30, pause_s=(low, high))
    plan_ = RunPlan(seed=seed, stages=(stage,), prompts=("one",))
    pauses = [plan_.arrival(0, user, turn).pause_s for turn in range(1, 6) for user in range(users)]
    assert all(low <= pause <= high for pause in pauses)


@given(USERS, SEEDS)
def test_the_first_turn_has_no_pause(users: int, seed: int) -> None:
    """All users of a stage start at once."""
    plan_ = make_plan(users, seed=seed, stages=2)
    assert all(plan_.arrival(stage, user, 0).pause_s == 0.0 for stage in range(2) for user in range(users))


@given(SEEDS)
def test_users_do_not_march_in_step(seed: int) -> None:
    """Each user, turn and stage has a pause of its own: nobody is seeded alike."""
    plan_ = make_plan(users=10, seed=seed, stages=2)
    pauses = {
        plan_.arrival(stage, user, turn).pause_s
        for stage in range(2)
        for user in range(10)
        for turn in range(1, 6)
    }
    assert len(pauses) == 2 * 10 * 5


def test_another_seed_gives_another_load() -> None:
    """The seed decides on the order of messages and on the pauses."""
    one, other = make_plan(prompts=9, seed=1), make_plan(prompts=9, seed=2)
    places = [(0, user, turn) for turn in range(1, 4) for user in range(10)]
    assert [one.arrival(*at).prompt for at in places] != [other.arrival(*at).prompt for at in places]
    assert all(one.arrival(*at).pause_s != other.arrival(*at).pause_s for at in places)


def test_decks_are_shuffled_each_in_its_own_order() -> None:
    """The second deck does not repeat the order of the first."""
    plan_ = make_plan(users=9, prompts=9)
    decks = {tuple(plan_.arrival(0, user, turn).prompt for user in range(9)) for turn in range(8)}
    assert len(decks) == 8


def test_a_seed_means_the_same_load_for_ever() -> None:
    """Baselines are of a load: what seed 1 sends must not change with a version of this package."""
    plan_ = plan(make_brief())
    first = [plan_.arrival(0, user, 0).prompt for user in range(8)]
    assert first == [*FIRST_DECK, *SECOND_DECK]
    assert [round(plan_.arrival(0, user, 1).pause_s, 3) for user in range(4)] == [5.233, 5.086, 5.942, 6.178]
