"""Laws of the counts of a trial."""

import pytest

from bench.core.capacity.count_missed import BLOCK_S, TrialRequests, count_missed
from bench.core.capacity.load_objective import LoadObjective, list_objectives
from bench.core.config.scenario import Scenario
from bench.core.samples.coverage import Coverage
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.errors import ConfigError
from tests.factories import make_sample, make_scenario

WITHIN_2S = LoadObjective("p95 response time ≤ 2 s", {"e2e_ms": 2000.0}, 0.05)


def _request(planned_s: float, took_s: float, outcome: Outcome = Outcome.OK) -> RequestSample:
    return make_sample(scheduled_s=planned_s, finished_s=planned_s + took_s, outcome=outcome)


def _count(
    samples: list[RequestSample],
    end_s: float,
    waits_s: tuple[float, ...] = (),
    begin_s: float = 0.0,
    objective: LoadObjective = WITHIN_2S,
) -> list[tuple[int, int]]:
    requests = TrialRequests(Samples.of(samples), begin_s, end_s, waits_s)
    (counts,) = count_missed([objective], requests, Coverage())
    return [(block.requests, block.missed) for block in counts.blocks]


def test_slow_and_failed_requests_miss_and_cancelled_ones_do_not_count() -> None:
    """A block has the requests that were planned in it, after the warm-up."""
    samples = [
        _request(0.5, 9.0),
        _request(1.1, 1.0),
        _request(1.2, 2.5),
        _request(1.3, 0.1, Outcome.HTTP_ERROR),
        _request(1.4, 0.1, Outcome.CANCELLED),
        _request(2.0, 1.9),
    ]
    assert _count(samples, end_s=3.0, begin_s=1.0) == [(3, 2), (1, 0)]


def test_requests_beyond_half_of_the_limit_are_slow() -> None:
    """Slow are also failed requests, and those that wait for longer than the limit."""
    samples = [_request(0.1, 0.9), _request(0.2, 1.1), _request(0.3, 0.1, Outcome.HTTP_ERROR)]
    success = LoadObjective("success ≥ 99 %", {}, 0.01)
    requests = TrialRequests(Samples.of(samples), 0.0, 5.0, (0.4,))
    within_2s, succeeded = count_missed([WITHIN_2S, success], requests, Coverage())
    assert within_2s.slow == 3
    assert succeeded.slow is None


def test_a_request_that_waits_longer_than_the_limit_has_missed_it() -> None:
    """A target that stops to answer breaks the objective before any of its requests ends."""
    assert _count([], end_s=5.0, waits_s=(0.1, 0.2, 2.9)) == [(2, 2), (0, 0), (1, 1), (0, 0), (0, 0)]


def test_blocks_end_before_the_first_request_that_may_still_be_fast() -> None:
    """Of the newest requests, the fast ones end first, so counting them would flatter the target."""
    samples = [_request(planned_s, 0.1) for planned_s in (0.5, 1.5, 2.5, 3.5)]
    assert _count(samples, end_s=4.0, waits_s=(2.2,)) == [(1, 0), (1, 0)]


def test_a_wait_says_nothing_about_the_first_token() -> None:
    """A request that has no complete answer may have got its first token in time."""
    first_token = LoadObjective("p95 time to first token ≤ 2 s", {"ttft_ms": 2000.0}, 0.05)
    assert _count([], end_s=9.0, waits_s=(3.5,), objective=first_token) == [(0, 0)] * 3


def test_a_request_that_was_cut_off_after_the_limit_has_missed_it() -> None:
    """A stream without a first token until its end missed the limit of the first token, too."""
    first_token = LoadObjective("p95 time to first token ≤ 2 s", {"ttft_ms": 2000.0}, 0.05)
    silent = _request(0.1, 5.0, Outcome.CUT_OFF)
    short = _request(1.1, 1.5, Outcome.CUT_OFF)
    late = make_sample(scheduled_s=2.1, finished_s=9.0, first_token_s=6.0, outcome=Outcome.CUT_OFF)
    early = make_sample(scheduled_s=3.1, finished_s=9.0, first_token_s=4.0, outcome=Outcome.CUT_OFF)
    counts = _count([silent, short, late, early], end_s=4.0, objective=first_token)
    assert counts == [(1, 1), (0, 0), (1, 1), (0, 0)]


def test_a_request_that_was_cut_off_within_the_limit_does_not_count() -> None:
    """The end of the trial ended it, so its time is unknown; one that waited longer has missed."""
    samples = [_request(0.5, 1.0, Outcome.CUT_OFF), _request(0.6, 3.0, Outcome.CUT_OFF)]
    assert _count(samples, end_s=BLOCK_S) == [(1, 1)]


def _list(**fields: object) -> list[tuple[str, float]]:
    objectives = list_objectives(make_scenario(**fields))
    return [(objective.words, round(objective.allowed_ratio, 6)) for objective in objectives]


def test_objectives_replace_thresholds_on_times() -> None:
    """The objectives are those of the bands of a report: objectives or percentiles, and success."""
    limits = {"e2e_ms": ["p(90)<5000", "avg<900"], "success_ratio": "rate>0.99"}
    success = ("success ≥ 99 %", 0.01)
    assert _list(thresholds=limits) == [("p90 response time ≤ 5 s", 0.1), success]
    by_objective = _list(thresholds=limits, objectives={"ttft_ms": 800})
    assert by_objective == [("p95 time to first token ≤ 800 ms", 0.05), success]


def test_goodput_joins_all_limits_of_times() -> None:
    """With `goodput`, one request must meet all limits at once."""
    words = "goodput ≥ 90 % (response time ≤ 10 s and time to first token ≤ 2 s)"
    limits = {"e2e_ms": 10_000, "ttft_ms": 2000}
    (joined,) = list_objectives(make_scenario(objectives=limits, thresholds={}, capacity={"goodput": "90%"}))
    assert (joined.words, round(joined.allowed_ratio, 6)) == (words, 0.1)
    slow_token = make_sample(scheduled_s=0.5, finished_s=3.0, first_token_s=2.9)
    assert _count([slow_token], end_s=1.0, objective=joined) == [(1, 1)]


def test_a_scenario_without_objective_has_no_safe_load() -> None:
    """The error names the option that adds one."""
    with pytest.raises(ConfigError, match="no objective") as caught:
        list_objectives(make_scenario(thresholds={"e2e_ms": "avg<900"}))
    assert "--objective" in str(caught.value.hint)


@pytest.mark.parametrize(
    "executor",
    [{"executor": "spike", "base_vus": 1, "spike_vus": 9, "before": 1, "spike_duration": 1, "after": 1}],
)
def test_a_search_needs_one_constant_load(executor: dict[str, object]) -> None:
    """A spike is no constant load, so no trial can hold it."""
    with pytest.raises(ValueError, match="constant-vus or constant-arrival-rate"):
        make_scenario(phases=[executor], capacity={"to": 9})


def test_a_search_fits_the_scenario_of_its_result() -> None:
    """A result has one phase for each trial."""
    phases = [{"executor": "constant-vus", "vus": vus, "duration_s": 9.0} for vus in (4, 8)]
    assert isinstance(make_scenario(phases=phases, capacity={"to": 9}), Scenario)
