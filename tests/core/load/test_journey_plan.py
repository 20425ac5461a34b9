"""The plan of journeys: which messages, rows and users an iteration has, for every seed, share and mix."""

from collections import Counter
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.run_spec import MixedSpec, RunSpec
from bench.core.load.journey_plan import count_share, part_of, rank_of
from bench.core.load.plan import RunPlan, plan
from bench.core.load.rows import check_rows
from bench.errors import ConfigError
from tests.journeys import ASK, CLOSE, LOGIN, OPEN, make_journey


def iterations(load: RunPlan, vu: int, count: int) -> list[list[str]]:
    """Return the names of the requests of the first iterations of a VU."""
    names = []
    for arrival in islice(load.requests(0, vu), count):
        names.append([planned.arrival.label for planned in load.steps_of(arrival)])
    return names


def row_numbers(load: RunPlan, vu: int, count: int) -> list[int]:
    """Return the rows of the first iterations of a VU."""
    journey = load.parts[0]
    arrivals = islice(load.requests(0, vu), count)
    return [journey.row_number(load.place(arrival), load.user_number(vu)) for arrival in arrivals]


def test_an_iteration_takes_the_next_messages() -> None:
    """The messages of all VUs together are those of whole decks."""
    load = plan(make_journey(OPEN, ASK, CLOSE, vus=4, iterations=3))
    taken: Counter[str] = Counter()
    for vu in range(4):
        for names in iterations(load, vu, 3):
            assert (names[0], names[-1]) == ("open-session", "close")
            taken.update(names[1:-1])
    assert taken == {"short": 12, "long": 12}


def test_cases_send_every_message_once() -> None:
    """The last iteration has the rest."""
    load = plan(make_journey(OPEN, {"name": "ask", "messages": 3}, executor="cases"))
    (span,) = load.spans(0)
    assert span.iterations == 1
    assert iterations(load, 0, 1) == [["open-session", "short", "long"]]


def test_a_scenario_without_steps_sends_one_message_per_iteration() -> None:
    """A login alone changes nothing else."""
    load = plan(
        make_journey(
            target="session-chat", prompts="words.yaml", login={**LOGIN, "save": {"token": "t", "id": "i"}}
        )
    )
    assert all(len(names) == 1 for names in iterations(load, 0, 5))


@pytest.mark.parametrize(
    ("order", "login", "expected"),
    [
        ("sequential", None, [[0, 3, 6], [1, 4, 7], [2, 5, 8]]),
        ("sequential", LOGIN, [[0, 0, 0], [1, 1, 1], [2, 2, 2]]),
        ("unique", None, [[0, 0, 0], [1, 1, 1], [2, 2, 2]]),
    ],
)
def test_rows_have_an_order(order: str, login: Any, expected: list[list[int]]) -> None:
    """A VU keeps its row if the login uses it, or if rows are unique."""
    load = plan(make_journey(OPEN, vus=3, login=login, data={"rows": "users.csv", "order": order}))
    assert [row_numbers(load, vu, 3) for vu in range(3)] == expected


def test_random_rows_depend_on_the_seed() -> None:
    """The same seed takes the same rows, another seed others."""
    data = {"rows": "users.csv", "order": "random"}
    plans = [plan(make_journey(OPEN, login=None, data=data, seed=seed)) for seed in (1, 1, 2)]
    first, same, other = [row_numbers(load, 0, 20) for load in plans]
    assert first == same != other


@given(st.lists(st.integers(1, 20), min_size=1, max_size=4), st.integers(1, 200))
def test_a_mix_divides_the_load_by_weight(weights: list[int], vus: int) -> None:
    """Each scenario has the VUs of its weight, and numbers them from 0 without a gap."""
    given_weights = tuple(weights)
    ranks: dict[int, list[int]] = {part: [] for part in range(len(weights))}
    for vu in range(vus):
        ranks[part_of(given_weights, vu)].append(rank_of(given_weights, vu))
    for part, numbers in ranks.items():
        assert numbers == list(range(len(numbers)))
        assert len(numbers) == count_share(given_weights, part, vus)
        assert abs(len(numbers) - vus * weights[part] / sum(weights)) < len(weights)


def make_mix(**fields: Any) -> RunSpec:
    """Return two scenarios with weights 3 and 1, of which the second starts later."""
    mix = [{"scenario": "visit", "weight": 3}, {"scenario": "visit", "start": "2s"}]
    whole = make_journey(login=None, data=None, service=None, mix=mix, **fields)
    part = make_journey(OPEN, ASK).for_mix()
    parts = (MixedSpec(spec=part, weight=3, start_s=0), MixedSpec(spec=part, weight=1, start_s=2))
    return whole.model_copy(update={"mix": parts, "target": part.target})


def test_a_scenario_of_a_mix_starts_at_its_time() -> None:
    """Its VUs begin later, and its arrivals before that time are left out."""
    closed = plan(make_mix(executor="constant-vus", vus=8, duration="10s"))
    assert Counter(span.start_s for span in closed.spans(0)) == {0.0: 6, 2.0: 2}
    opened = plan(make_mix(executor="constant-arrival-rate", rate=40, duration="4s"))
    arrivals = [*opened.arrivals(0)]
    assert Counter(arrival.part for arrival in arrivals) == {0: 120, 1: 20}
    assert min(arrival.offset_s for arrival in arrivals if arrival.part) == pytest.approx(2, abs=0.1)


def test_the_steps_of_a_mix_have_the_name_of_their_scenario() -> None:
    """Messages of two scenarios are never one label."""
    load = plan(make_mix(executor="constant-vus", vus=8, duration="10s"))
    assert iterations(load, 0, 1)[0][0] == "visit/open-session"
    assert iterations(load, 0, 1)[0][1] in {"visit/short", "visit/long"}
    assert set(make_mix(executor="constant-vus", vus=8, duration="10s").coverage.tags) == {
        "visit/login",
        "visit/open-session",
        "visit/ask",
    }


def test_think_times_stand_before_messages_and_iterations() -> None:
    """A request follows at once, unless its step has a pause of its own."""
    upload = {"name": "upload", "request": {"path": "/files"}, "think_time": "7s"}
    load = plan(make_journey(OPEN, ASK, upload, CLOSE, think_time="2s"))
    first, second = islice(load.requests(0, 0), 2)
    assert (first.think_time_s, second.think_time_s) == (0.0, 2.0)
    assert [planned.arrival.think_time_s for planned in load.steps_of(second)] == [0, 2, 2, 7, 0]


def test_only_messages_are_cancelled() -> None:
    """A journey without messages cancels its requests, but never the clean-up."""
    fields: dict[str, Any] = {"executor": "constant-vus", "vus": 1, "duration": "9s", "cancel_ratio": 1.0}
    load = plan(make_journey(OPEN, ASK, CLOSE, **fields))
    (first,) = islice(load.requests(0, 0), 1)
    cancelled = [planned.arrival.cancel_after_s is not None for planned in load.steps_of(first)]
    assert cancelled == [False, True, True, False]
    load = plan(make_journey(OPEN, CLOSE, **fields))
    (first,) = islice(load.requests(0, 0), 1)
    assert [planned.arrival.cancel_after_s is not None for planned in load.steps_of(first)] == [True, False]


def test_unique_rows_must_be_enough() -> None:
    """The error names both numbers and the cure, before the run."""
    check_rows(make_journey(OPEN, vus=20))
    with pytest.raises(ConfigError) as raised:
        check_rows(make_journey(OPEN, vus=21))
    assert raised.value.message == (
        "users.csv has 20 rows, and scenario 'visit' has up to 21 VUs, each of which needs a row of its own"
    )
    with pytest.raises(ConfigError, match="up to 1000 VUs"):
        check_rows(make_journey(OPEN, executor="constant-arrival-rate", rate=1, duration="1s"))


def test_the_messages_of_an_iteration_may_repeat() -> None:
    """By a steep Zipf's law, nearly every message is the first one of the file."""
    journey = make_journey(OPEN, ASK, repeat={"zipf": 10.0, "distinct": 2})
    labels = [label for visit in iterations(plan(journey), 0, 20) for label in visit]
    assert labels.count("short") > 30
