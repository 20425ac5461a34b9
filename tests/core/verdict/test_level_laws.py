"""Laws of an accepted change: it becomes the usual state at once, and its loss is a regression."""

import random
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

import pytest

from bench.core.run.result import RunResult
from bench.core.verdict.acceptance import AcceptRequest, accept_all
from bench.core.verdict.baseline import Baseline, baseline_path
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.effect import describe_effect
from bench.core.verdict.levels import pin
from bench.errors import ConfigError
from tests.factories import NOON, PROMPTS, make_provenance, make_recording, make_run, make_sample, run_at

NOISE = 0.03
WORLDS = range(8)
"""Seeds of the noise: in each world, all runs differ."""


class World:
    """A stack whose runs differ by chance, and its baseline."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0
        first = self.accept(None, *(self.measure(1.0) for _ in range(6)), reason="first runs")
        self.baseline = first

    def measure(self, factor: float) -> RunResult:
        """Return the next run of a version that takes `factor` times the usual time."""
        self._number += 1
        return _run(factor * self._random.lognormvariate(0.0, NOISE), self._number)

    def accept(self, baseline: Baseline | None, *runs: RunResult, reason: str) -> Baseline:
        """Return the baseline after a person accepts runs."""
        request = AcceptRequest(reason=reason, by="Ada", at=NOON)
        path = baseline_path(runs[0])
        after = accept_all({path: baseline} if baseline else {}, runs, request)[path].after
        assert after is not None
        return after

    def decide(self, factor: float) -> Decision:
        """Return the decision on a run of a version, with a second run if the first one looks worse."""
        first = self.measure(factor)
        comparison = compare(first, self.baseline)
        if comparison.suspect:
            return compare(first, self.baseline, self.measure(factor)).decision
        return comparison.decision


@lru_cache(maxsize=200)
def _run(factor: float, number: int) -> RunResult:
    return run_at(factor, number)


def accept_once(world: World, factor: float) -> RunResult:
    """Measure a version once, and accept the run."""
    run = world.measure(factor)
    world.baseline = world.accept(world.baseline, run, reason=f"factor {factor}")
    return run


@pytest.mark.parametrize("factor", [1.2, 0.8])
def test_an_accepted_change_is_the_usual_state_at_once(factor: float) -> None:
    """After one accepted run, that run and two unchanged ones pass, whatever the noise."""
    for seed in WORLDS:
        world = World(seed)
        run = accept_once(world, factor)
        assert [level.reason for level in world.baseline.levels] == ["first runs", f"factor {factor}"]
        assert compare(run, world.baseline).decision is Decision.PASS
        assert [world.decide(factor) for _ in range(2)] == [Decision.PASS, Decision.PASS]


def test_an_accepted_gain_that_is_undone_fails() -> None:
    """A gain of 20 % is accepted once; the old state then is 25 % slower than the newest level."""
    decisions = []
    for seed in WORLDS:
        world = World(seed)
        accept_once(world, 0.8)
        decisions.append(world.decide(1.0))
    assert decisions.count(Decision.FAIL) >= len(WORLDS) - 1
    assert Decision.PASS not in decisions


def test_levels_that_each_pass_add_up_against_the_pinned_baseline() -> None:
    """Two accepted slowdowns are each the usual state, and the sum is drift."""
    world = World(1)
    world.baseline = pin(world.baseline, reason="release", by="Ada", at=NOON)
    for factor in (1.2, 1.44):
        accept_once(world, factor)
    assert len(world.baseline.levels) == 3
    comparison = compare(world.measure(1.44), world.baseline)
    assert [row.key for row in comparison.drifted] == ["e2e_ms"]


def test_the_order_of_accepted_runs_does_not_matter() -> None:
    """Runs of one request form one level, in the order of their start."""
    world = World(2)
    runs = [world.measure(1.2) for _ in range(4)]
    forward = world.accept(world.baseline, *runs, reason="longer answers")
    backward = world.accept(world.baseline, *reversed(runs), reason="longer answers")
    assert forward == backward


def slow_message(factor: float, number: int) -> RunResult:
    """A run in which one of the messages takes `factor` times its usual time."""
    samples = []
    for seq in range(100):
        slowness = factor if seq % len(PROMPTS) == 0 else 1.0
        samples.append(make_sample(seq, latency_ms=400.0 * slowness * (1 + number % 3 / 100)))
    provenance = make_provenance(f"run-{number}", started_at=NOON + timedelta(hours=number))
    return make_run(make_recording(samples), provenance=provenance)


def test_a_change_of_one_message_is_accepted_like_any_other() -> None:
    """The refusal and the effect name the message; afterwards its new time is the usual one."""
    request = AcceptRequest(reason="first runs", by="Ada", at=NOON)
    path = baseline_path(slow_message(1.0, 0))
    before = accept_all({}, [slow_message(1.0, number) for number in range(8)], request)[path].after
    assert before is not None
    slow = slow_message(3.0, 10)
    with pytest.raises(ConfigError, match=f"of message '{PROMPTS[0]}' \\+200 %"):
        accept_all({path: before}, [slow], replace(request, allow_regression=False))
    accepted = accept_all({path: before}, [slow], replace(request, reason="longer answers"))[path]
    assert accepted.replaced is not None
    assert f"  response time of message '{PROMPTS[0]}': new level 404 → 1,212 ms" in describe_effect(accepted)
    assert accepted.after is not None
    assert compare(slow_message(3.0, 11), accepted.after).decision is not Decision.FAIL
