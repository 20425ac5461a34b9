"""Baselines of capacity searches: how runs join them, and what the file has."""

import json

import pytest

from bench.core.capacity.load_trial import SearchEnd
from bench.core.samples.cost_metrics import SAFE_LOAD
from bench.core.verdict.acceptance import AcceptRequest, accept_all
from bench.core.verdict.assess import assess
from bench.core.verdict.baseline import Baseline, baseline_json, baseline_path, find_faults
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.effect import describe_effect
from bench.core.verdict.levels import accept, pin
from bench.errors import MeasurementError
from tests.factories import NOON
from tests.searches import accept_searches, head_at, make_search

REQUEST = AcceptRequest(reason="usual", by="Tess Ter", at=NOON)


def test_the_file_has_the_safe_load_with_its_interval_only() -> None:
    """A reviewer reads the accepted load in the diff, without messages and percentiles of other loads."""
    baseline = accept_searches(((17, 15, 19),))
    (run,) = json.loads(baseline_json(baseline))["levels"][0]["runs"]
    assert run["figures"] == {SAFE_LOAD: {"all": 17.0}}
    assert run["interval"] == {"low": 15.0, "high": 19.0, "confidence": 0.9}
    assert {"messages", "tails", "costs", "work"}.isdisjoint(run)
    assert Baseline.model_validate_json(baseline_json(baseline)) == baseline


def test_one_search_is_a_complete_baseline() -> None:
    """`bench baseline check` reports no fault, and `pin` works from the first search on."""
    baseline = accept_searches(((17, 15, 19),))
    assert find_faults(baseline, baseline.runs[0].fingerprint) == ()
    pinned = pin(baseline, reason="release", by="Tess Ter", at=NOON)
    loss = compare(head_at((9, 8, 10)), pinned)
    assert [row.key for row in loss.drifted] == [SAFE_LOAD]


def test_an_accepted_loss_starts_a_level() -> None:
    """The effect on the next runs is printed in users, and the next run of the new state passes."""
    before = accept_searches(((17, 16, 18),) * 3)
    run = head_at((12, 11, 13))
    accepted = accept_all({baseline_path(run): before}, [run], REQUEST)[baseline_path(run)]
    assert accepted.replaced is not None
    assert any("safe load: new level 17 → 12 users" in line for line in describe_effect(accepted))
    assert compare(make_search((12, 11, 13), 72), accepted.after).decision is Decision.PASS


def test_a_usual_search_extends_its_level() -> None:
    """One user less is within the tolerance, so the level keeps its reason."""
    before = accept_searches(((17, 16, 18),) * 3)
    run = head_at((16, 15, 17))
    accepted = accept_all({baseline_path(run): before}, [run], REQUEST)[baseline_path(run)]
    assert accepted.replaced is None
    assert accepted.after is not None
    assert len(accepted.after.newest.runs) == 4


def test_a_search_without_an_answer_joins_no_baseline() -> None:
    """An interrupted search has no safe load."""
    run = head_at((17, 15, 19), changes={"ended": SearchEnd.INTERRUPTED})
    with pytest.raises(MeasurementError, match="ended before its search had an answer"):
        accept(None, run, reason="usual", by="Tess Ter", at=NOON)


def test_the_noise_of_searches_is_measured() -> None:
    """`bench baseline noise` measures the spread of the safe load between runs of one version."""
    loads = (17, 18, 17, 16, 17, 18, 17)
    noise = assess([make_search((load, load - 1, load + 1), number) for number, load in enumerate(loads)])
    assert noise.metrics.keys() == {SAFE_LOAD}
    assert noise.alarms == 0
    assert compare(head_at((17, 16, 18)), accept_searches(), noise=noise).decision is Decision.PASS
