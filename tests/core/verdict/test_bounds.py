from collections.abc import Sequence
from functools import cache

import pytest

from bench.core.report.report import make_report
from bench.core.run.result import RunResult
from bench.core.samples.sample import Outcome
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.baseline import Baseline, baseline_json
from bench.core.verdict.compare import Comparison, Decision, compare, explain_inconclusive
from bench.core.verdict.levels import accept
from bench.core.verdict.stopping import MIN_PAIRS
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.factories import (
    NOON,
    PROMPTS,
    make_baseline,
    make_recording,
    make_run,
    make_sample,
    make_scenario,
    make_spec,
    with_runs,
)

ENDED = (Outcome.CUT_OFF, Outcome.TIMEOUT)
REQUESTS = 100
RUN_S = 31.0


def _run(
    ended: Sequence[int],
    outcome: Outcome = Outcome.CUT_OFF,
    *,
    factor: float = 1.0,
    waited_s: float | None = None,
) -> RunResult:
    """A run without thresholds, in which some requests have no answer.

    Requests that were cut off end together with the run, others after `waited_s`.
    """
    samples = []
    for seq in range(REQUESTS):
        usual_ms = 300.0 + 100.0 * (seq % len(PROMPTS))
        sample = make_sample(seq, latency_ms=usual_ms * factor)
        if seq in ended:
            waits = outcome is Outcome.CUT_OFF and waited_s is None
            end_s = RUN_S if waits else sample.scheduled_s + (waited_s or 20.0)
            sample = sample._replace(outcome=outcome, finished_s=end_s, detail="no answer", tier_times={})
        samples.append(sample)
    return make_run(make_recording(samples), spec=make_spec(make_scenario(thresholds={})))


@cache
def _usual() -> Baseline:
    return make_baseline()


def _rows(comparison: Comparison) -> dict[str, MetricComparison]:
    return {row.key: row for row in comparison.metrics}


# The slow half, every tenth, and the last requests of a run have no answer; the others are twice as fast.
@pytest.mark.parametrize("outcome", ENDED)
@pytest.mark.parametrize("ended", [range(0, 100, 2), range(0, 100, 10), range(60, 100), (99,)])
def test_a_run_that_ended_waiting_requests_never_improved(ended: Sequence[int], outcome: Outcome) -> None:
    """However fast the other answers are, no latency and no tier looks improved."""
    comparison = compare(_run(ended, outcome, factor=0.5), _usual())
    improved = [row.key for row in comparison.metrics if row.verdict is Verdict.BETTER]
    assert improved == []
    report = make_report(_run(ended, outcome, factor=0.5), comparison)
    assert "mproved" not in report.headline


def test_a_slower_run_that_waited_never_gets_a_better_decision() -> None:
    """A gain that a waiting request does not prove hides no regression, so it is not inconclusive."""
    decisions = [compare(_run((99,), factor=factor), _usual()).decision for factor in (0.8, 1.0, 1.5)]
    assert decisions == [Decision.PASS, Decision.PASS, Decision.FAIL]


@pytest.mark.parametrize("outcome", ENDED)
def test_a_run_without_many_answers_fails(outcome: Outcome) -> None:
    """A target that does not answer forty of a hundred requests regressed in success and in its times."""
    comparison = compare(_run(range(0, 100, 5), outcome, factor=0.9), _usual())
    rows = _rows(comparison)
    assert comparison.decision is Decision.FAIL
    assert rows["success_ratio"].verdict is Verdict.WORSE
    assert rows["e2e_ms"].verdict is Verdict.WORSE
    assert rows["e2e_ms"].head_bound
    assert rows["e2e_ms"].head_text.startswith("> ")


def test_requests_that_the_end_cut_off_are_no_short_disturbance() -> None:
    """All of them end in the last moment, but each failed as long as it waited."""
    result = _run(range(60, 90))
    assert result.summary.failed_blocks >= 3
    assert _rows(compare(result, _usual()))["success_ratio"].verdict is Verdict.WORSE


def _baseline_of(run: RunResult) -> Baseline:
    baseline = None
    for number in range(6):
        provenance = run.provenance.model_copy(update={"run_id": f"20260105T12000{number}Z-quick-0000"})
        copy = run.model_copy(update={"provenance": provenance})
        baseline = accept(baseline, copy, reason="usual", by="Tess Ter", at=NOON)
    assert baseline is not None
    return baseline


SLOW = [seq for seq in range(REQUESTS) if seq % len(PROMPTS) == 3]


@cache
def _cut_off_baseline() -> Baseline:
    """A baseline whose runs cut the slow message off after 700 ms."""
    return _baseline_of(_run(SLOW, waited_s=0.7))


def _complete(slow_ms: float, factor: float = 1.0) -> RunResult:
    """A run that answers everything, the slow message after `slow_ms`."""
    samples = []
    for seq in range(REQUESTS):
        usual_ms = 300.0 + 100.0 * (seq % len(PROMPTS))
        samples.append(make_sample(seq, latency_ms=slow_ms if seq in SLOW else factor * usual_ms))
    return make_run(make_recording(samples), spec=make_spec(make_scenario(thresholds={})))


def test_lower_bounds_of_a_baseline_raise_no_alarm() -> None:
    """If a baseline cut a message off after 700 ms, its complete answers of 6 s are no regression."""
    baseline = _cut_off_baseline()
    assert baseline.runs[0].lower_bounds["e2e_ms"] == (PROMPTS[3],)
    row = _rows(compare(_complete(6000.0), baseline))["e2e_ms"]
    assert row.verdict is Verdict.INCONCLUSIVE
    assert row.base_bound
    assert "longer" in explain_inconclusive(row)


def test_other_messages_still_regress_against_lower_bounds() -> None:
    """The messages that the baseline answered completely can show a regression."""
    row = _rows(compare(_complete(6000.0, factor=2.0), _cut_off_baseline()))["e2e_ms"]
    assert row.verdict is Verdict.WORSE


def test_one_cut_off_request_in_a_baseline_switches_no_test_off() -> None:
    """A message is left out only if its value is a lower bound in at least half of the runs."""
    baseline = _usual()
    first = baseline.runs[0].model_copy(update={"lower_bounds": {"e2e_ms": PROMPTS}})
    one_bound = with_runs(baseline, (first, *baseline.runs[1:]))
    row = _rows(compare(_run((), factor=1.5), one_bound))["e2e_ms"]
    assert (row.verdict, row.base_bound) == (Verdict.WORSE, False)


def test_pairs_follow_the_same_rules() -> None:
    """Neither a head nor a base of `bench ab` gains from requests that it did not answer."""
    complete = [_run(())] * MIN_PAIRS
    half = [_run(range(0, 100, 4), factor=0.5)] * MIN_PAIRS
    worse = compare_pairs(complete, half, half[0], "main")
    assert worse.decision is Decision.FAIL
    assert _rows(worse)["success_ratio"].verdict is Verdict.WORSE
    assert Verdict.BETTER not in {row.verdict for row in worse.metrics}
    better = compare_pairs([_run(range(0, 100, 4))] * MIN_PAIRS, complete, complete[0], "main")
    assert _rows(better)["success_ratio"].verdict is Verdict.BETTER
    assert better.decision is not Decision.FAIL


def test_complete_runs_store_no_lower_bounds() -> None:
    """The file of a baseline names lower bounds only if there are some."""
    assert "lower_bounds" not in baseline_json(_usual())
    baseline = _baseline_of(_run(range(0, 100, 4)))
    stored = Baseline.model_validate_json(baseline_json(baseline))
    assert stored == baseline
    assert "lower_bounds" in baseline_json(baseline)
