import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.capacity.load_trial import (
    LoadTrial,
    LoadUnit,
    ObjectiveCounts,
    SafeLoad,
    SearchEnd,
    TrialBlock,
    TrialVerdict,
)
from bench.core.capacity.search import CapacitySearcher
from bench.core.capacity.trial_length import PlannedTrial
from bench.core.config.capacity_search import CapacitySearch
from benchmarks.capacity.loop import search
from benchmarks.capacity.stand import Service, Stand, Think
from benchmarks.capacity.truth import true_safe_load

CLOSED = Stand(Service.EXPONENTIAL, servers=4, service_s=2.0, limit_s=10.0, think=Think.UNIFORM)
OPEN = Stand(Service.EXPONENTIAL, servers=4, service_s=0.5, limit_s=2.0)
UNITS: tuple[LoadUnit, ...] = ("users", "requests/s")


def _trial(load: float, missed: Sequence[int], requests: int = 10, objectives: int = 1) -> LoadTrial:
    """Return a trial with one block for each number of missed requests."""
    blocks = tuple(TrialBlock(requests, min(requests, number)) for number in missed)
    counts = ObjectiveCounts(objective="p95 response time ≤ 1 s", allowed_ratio=0.05, blocks=blocks)
    return LoadTrial(
        load=load,
        start_s=0.0,
        warm_up_s=10.0,
        duration_s=float(len(blocks)),
        counts=(counts,) * objectives,
        verdict=TrialVerdict.OPEN,
        throughput_rps=float(requests),
        goodput_rps=float(requests),
        success_ratio=1.0,
        p95_ms=500.0,
    )


def _searcher(
    unit: LoadUnit = "users", highest: float | None = None, previous: SafeLoad | None = None
) -> CapacitySearcher:
    return CapacitySearcher(CapacitySearch(lowest=2.0, highest=highest), unit, previous)


@pytest.mark.parametrize(
    ("stand", "lowest"),
    [(CLOSED, 5.0), (replace(CLOSED, servers=16), 5.0), (OPEN, 1.0), (replace(OPEN, limit_s=5.0), 1.0)],
)
def test_nine_of_ten_intervals_contain_the_true_safe_load(stand: Stand, lowest: float) -> None:
    """At least 22 of 25 intervals with a confidence of 90 % contain the safe load of a queue.

    They are not right because they are wide: the estimates are right within 6 % on average, and half of the
    intervals are narrower than half of the safe load.
    """
    truth = true_safe_load(stand)
    declared = CapacitySearch(lowest=lowest)
    outcomes = [search(stand, declared, np.random.default_rng([seed, 1])) for seed in range(25)]
    answers = [outcome.safe_load for outcome in outcomes if outcome.safe_load is not None]
    covered = [answer.low <= truth <= (answer.high or math.inf) for answer in answers]
    widths = [(answer.high or math.inf) - answer.low for answer in answers]
    assert sum(covered) >= 22
    assert abs(np.mean([answer.load for answer in answers]) / truth - 1.0) <= 0.06
    assert np.median(widths) <= 0.6 * truth


def test_a_search_keeps_its_budget_and_limits_its_load() -> None:
    """A search ends within its budget and one drain, and no trial exceeds twice the largest before it."""
    declared = CapacitySearch(lowest=5.0, budget_s=400.0)
    outcome = search(CLOSED, declared, np.random.default_rng(3))
    loads = [trial.load for trial in outcome.trials]
    steps = [load / max(loads[:number]) for number, load in enumerate(loads) if number]
    assert max(steps) <= 2.0
    assert outcome.took_s <= 400.0 + max(trial.drain_s for trial in outcome.trials)


def test_more_trials_make_the_interval_narrower_on_average() -> None:
    """A search with three times the budget has no wider interval on average."""
    widths = []
    for budget_s in (300.0, 900.0):
        declared = CapacitySearch(lowest=5.0, highest=40.0, budget_s=budget_s)
        outcomes = [search(CLOSED, declared, np.random.default_rng(seed)) for seed in range(3)]
        answers = [outcome.safe_load for outcome in outcomes if outcome.safe_load is not None]
        widths.append(np.mean([(answer.high or 80.0) - answer.low for answer in answers]))
    assert widths[1] <= widths[0]


@pytest.mark.parametrize(
    ("lowest", "highest", "end"), [(40.0, 100.0, SearchEnd.NONE_MET), (5.0, 12.0, SearchEnd.ALL_MET)]
)
def test_a_safe_load_outside_of_the_range_ends_the_search(
    lowest: float, highest: float, end: SearchEnd
) -> None:
    """The search reports that no load meets the objectives, or that all do."""
    declared = CapacitySearch(lowest=lowest, highest=highest)
    outcome = search(CLOSED, declared, np.random.default_rng(5))
    assert outcome.ended is end
    if end is SearchEnd.NONE_MET:
        assert outcome.safe_load is None
    else:
        assert outcome.safe_load is not None
        assert outcome.safe_load.high is None
        assert outcome.safe_load.load == highest


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
def test_a_wrong_previous_result_does_not_decide(factor: float) -> None:
    """A search that starts at three times or a third of the safe load still finds it."""
    truth = true_safe_load(CLOSED)
    previous = SafeLoad(load=round(truth * factor), low=1.0, high=None, confidence=0.9)
    outcome = search(CLOSED, CapacitySearch(), np.random.default_rng(7), previous)
    assert outcome.trials[0].load == previous.load
    assert outcome.safe_load is not None
    assert outcome.safe_load.low <= truth <= (outcome.safe_load.high or math.inf)


def test_the_first_trial_has_the_smallest_load_or_the_previous_one() -> None:
    """A search without trials starts at `from`; a previous result replaces it within the range."""
    previous = SafeLoad(load=50.0, low=40.0, high=60.0, confidence=0.9)
    cold = _searcher().next_trial([], 600.0)
    warm = _searcher(highest=30.0, previous=previous).next_trial([], 600.0)
    assert isinstance(cold, PlannedTrial)
    assert cold.load == 2.0
    assert isinstance(warm, PlannedTrial)
    assert warm.load == 30.0


def test_a_broken_trial_bounds_the_safe_load() -> None:
    """The open upper end of a short search must not hide that a larger load surely broke the objective."""
    short = _trial(10.0, [5], requests=5).model_copy(update={"verdict": TrialVerdict.BROKEN})
    met = [_trial(load, [0] * 10) for load in (4.0, 6.0, 8.0)]
    answer = _searcher().estimate([*met, short])
    open_answer = _searcher().estimate([*met, short.model_copy(update={"verdict": TrialVerdict.OPEN})])
    assert answer is not None
    assert answer.high == short.load
    assert answer.low <= answer.load <= short.load
    assert open_answer is not None
    assert open_answer.high is None


def test_the_smallest_load_is_tried_before_no_load_is_safe() -> None:
    """A target that misses its objective at each load ends the search after the smallest load broke it."""
    searcher = CapacitySearcher(CapacitySearch(lowest=1.0), "users", None)
    trials = [_trial(8.0, [10] * 12)]
    planned = searcher.next_trial(trials, 600.0)
    while isinstance(planned, PlannedTrial) and len(trials) < 8:
        trials.append(_trial(planned.load, [10] * 12))
        planned = searcher.next_trial(trials, 600.0)
    assert planned is SearchEnd.NONE_MET
    assert min(trial.load for trial in trials) == 1.0
    assert searcher.estimate(trials) is None


def test_the_search_ends_when_its_time_is_up() -> None:
    """A rest that is too short for a trial ends the search."""
    assert _searcher().next_trial([], 12.0) is SearchEnd.BUDGET
    assert _searcher().estimate([]) is None


def test_clear_trials_are_decided_and_unclear_ones_are_not() -> None:
    """Many missed requests break an objective, none in a long time meets it, and few requests are open."""
    searcher = _searcher()
    assert searcher.judge(_trial(5, [10] * 20).counts) is TrialVerdict.BROKEN
    assert searcher.judge(_trial(5, [0] * 900, 1).counts) is TrialVerdict.MET
    assert searcher.judge(_trial(5, [0, 1]).counts) is TrialVerdict.OPEN
    assert searcher.judge(()) is TrialVerdict.OPEN


def test_a_trial_far_below_the_safe_load_ends_without_a_verdict() -> None:
    """Sixty fast requests end a trial; slow ones, failed ones or none do not."""
    searcher = _searcher()
    (counts,) = _trial(5, [0] * 6).counts
    fast = counts.model_copy(update={"slow": 0})
    slow = counts.model_copy(update={"slow": 12})
    of_success = _trial(5, [1] * 6).counts
    assert searcher.judge((fast,)) is TrialVerdict.OPEN
    assert searcher.is_enough((fast,))
    assert searcher.is_enough((fast, counts))
    assert not searcher.is_enough((fast, slow))
    assert not searcher.is_enough((fast, *of_success))
    assert not searcher.is_enough((counts,))
    assert not searcher.is_enough(())


def test_one_broken_objective_breaks_the_load() -> None:
    """The safe load is that of the objective which breaks first."""
    met = _trial(5, [0] * 900, 1).counts
    broken = _trial(5, [10] * 120).counts
    assert _searcher().judge((*met, *broken)) is TrialVerdict.BROKEN


def test_a_second_equal_objective_never_moves_the_upper_end() -> None:
    """Two objectives that judge requests alike have the upper end of one, and no higher lower end."""
    loads_and_misses = [(5, [0] * 60), (20, [6] * 30), (10, [0, 0, 1] * 20)]
    once = _searcher().estimate([_trial(load, missed) for load, missed in loads_and_misses])
    twice = _searcher().estimate([_trial(load, missed, objectives=2) for load, missed in loads_and_misses])
    assert once is not None
    assert twice is not None
    assert twice.high == once.high
    assert twice.low <= once.low


@settings(max_examples=30, deadline=None)
@given(missed=st.lists(st.integers(0, 10), min_size=20, max_size=60), load=st.integers(3, 200))
def test_more_missed_requests_never_raise_the_upper_end(missed: list[int], load: int) -> None:
    """If all requests of a further trial miss the objective, the safe load is not judged larger."""
    before = [_trial(load, missed), _trial(2 * load, [10] * 30)]
    after = [*before, _trial(load, [10] * 60)]
    first = _searcher().estimate(before)
    second = _searcher().estimate(after)
    if first is not None and second is not None and first.high is not None and second.high is not None:
        assert second.high <= 1.05 * first.high + 1.0


@settings(max_examples=60, deadline=None)
@given(
    trials=st.lists(
        st.tuples(st.integers(1, 10_000), st.lists(st.integers(0, 50), max_size=30), st.integers(0, 50)),
        min_size=1,
        max_size=5,
    ),
    unit=st.sampled_from(UNITS),
    highest=st.none() | st.floats(2.1, 1e5),
)
def test_every_count_has_an_ordered_answer(
    trials: list[tuple[int, list[int], int]], unit: LoadUnit, highest: float | None
) -> None:
    """Whatever a stack did, low ≤ load ≤ high, users are whole numbers, and the next load is in the range."""
    searcher = _searcher(unit, highest)
    tried = [_trial(load, missed, requests) for load, missed, requests in trials]
    answer = searcher.estimate(tried)
    planned = searcher.next_trial(tried, 600.0)
    if answer is not None:
        assert answer.low <= answer.load <= (answer.high or math.inf)
        if unit == "users":
            assert answer.load == int(answer.load)
            assert answer.low == int(answer.low)
    if isinstance(planned, PlannedTrial):
        assert 2.0 <= planned.load <= (highest or math.inf)
        assert planned.shortest_s <= planned.longest_s <= 600.0
