"""The verdicts on claims and effects, and how often they are wrong in simulated experiments."""

import math
import random

import pytest

from bench.core.experiment.claim_range import ClaimVerdict
from bench.core.experiment.judgement import (
    FEWER_SUCCEED,
    Block,
    CellRuns,
    ExperimentJudge,
    join_verdicts,
)
from bench.core.experiment.sequential import CLAIM_ALPHA
from bench.core.verdict.verdict import Verdict
from tests.core.experiment.simulated import make_experiment, make_run, measure_cell
from tests.factories import make_scenario

EDGE_TRIALS = 60
CLEAR_TRIALS = 30
SUPPORTED = ClaimVerdict.SUPPORTED
REFUTED = ClaimVerdict.REFUTED
INCONCLUSIVE = ClaimVerdict.INCONCLUSIVE


def _verdicts(effect: str, latency_ms: float, trials: int) -> dict[ClaimVerdict, float]:
    """The share of each verdict in simulated experiments with a base of 500 ms."""
    experiment = make_experiment(claims=[{"metric": "e2e_ms", "effect": effect}])
    counts = dict.fromkeys(ClaimVerdict, 0)
    for seed in range(trials):
        cell = measure_cell(experiment, seed, latency_ms=latency_ms)
        counts[ExperimentJudge(experiment, 1).judge_claims([cell])[0].verdict] += 1
    return {verdict: count / trials for verdict, count in counts.items()}


@pytest.mark.parametrize(
    ("effect", "latency_ms", "wrong"),
    [
        ("-40%..-60%", 301.0, SUPPORTED),  # just less than claimed
        ("-40%..-60%", 299.0, REFUTED),  # just what is claimed
        ("-10%..+10%", 551.0, SUPPORTED),
        ("-10%..+10%", 549.0, REFUTED),
    ],
)
def test_a_verdict_is_rarely_wrong_at_the_edge_of_a_claim(
    effect: str, latency_ms: float, wrong: ClaimVerdict
) -> None:
    """Where a wrong verdict is most likely, it is as rare as its error rate promises."""
    most = CLAIM_ALPHA + 3.0 * math.sqrt(CLAIM_ALPHA * (1.0 - CLAIM_ALPHA) / EDGE_TRIALS)
    assert _verdicts(effect, latency_ms, EDGE_TRIALS)[wrong] <= most


@pytest.mark.parametrize(
    ("effect", "latency_ms", "right"),
    [
        ("-40%..-60%", 225.0, SUPPORTED),
        ("-40%..-60%", 100.0, SUPPORTED),  # more than claimed
        ("-40%..-60%", 500.0, REFUTED),
        (">= 2x", 1500.0, SUPPORTED),
        ("-20%..+20%", 500.0, SUPPORTED),
        ("-20%..+20%", 800.0, REFUTED),
    ],
)
def test_a_clear_effect_gets_its_verdict(effect: str, latency_ms: float, right: ClaimVerdict) -> None:
    """Blocks are few, and still enough for effects that are far from the edge of the claim."""
    assert _verdicts(effect, latency_ms, CLEAR_TRIALS)[right] >= 0.9


def test_a_gain_beyond_the_claim_is_marked() -> None:
    """A promise of 40 to 60 % is kept by 80 %, and the reader learns that it is more."""
    experiment = make_experiment()
    cell = measure_cell(experiment, 1, latency_ms=100.0)
    (test,) = ExperimentJudge(experiment, 1).judge_claims([cell])[0].tests
    assert test.exceeds
    assert test.low is not None
    assert test.high is not None
    assert test.low < -0.8 < test.high


def test_several_claims_share_the_error_rate() -> None:
    """An interval is wider if more claims are tested."""
    one = make_experiment()
    several = make_experiment(claims=[{"metric": "e2e_ms", "effect": "-40%..-60%"}] * 8)
    cell = measure_cell(one, 3, latency_ms=300.0)
    widths = []
    for experiment in (one, several):
        test = ExperimentJudge(experiment, 1).judge_claims([cell])[0].tests[0]
        assert test.low is not None
        assert test.high is not None
        widths.append(test.high - test.low)
    assert widths[0] < widths[1]


def test_a_share_is_compared_in_points() -> None:
    """Half of the requests fail, and the effect on success says so."""
    experiment = make_experiment(claims=[{"metric": "success_ratio", "effect": ">= -1pp"}])
    cell = measure_cell(experiment, 1, success=0.5)
    judge = ExperimentJudge(experiment, 1)
    assert judge.judge_claims([cell])[0].verdict is REFUTED
    effect = judge.judge_cell(cell).variants[0].find("success_ratio")
    assert effect is not None
    assert effect.effect == pytest.approx(-0.5, abs=0.15)
    assert effect.verdict is Verdict.WORSE


def test_few_requests_never_support_a_high_availability() -> None:
    """120 requests without a failure are compatible with an availability of 99 %."""
    experiment = make_experiment(claims=[{"metric": "success_ratio", "value": ">= 99.9%"}])
    cell = measure_cell(experiment, 1)
    result = ExperimentJudge(experiment, 1).judge_claims([cell])[0]
    assert result.verdict is INCONCLUSIVE
    assert result.tests[0].estimate == 1.0


def test_an_unchanged_variant_rarely_has_an_effect() -> None:
    """All effects of a variant share one error rate."""
    experiment = make_experiment()
    changed = 0
    for seed in range(EDGE_TRIALS):
        cell = measure_cell(experiment, seed)
        effects = ExperimentJudge(experiment, 1).judge_cell(cell).variants[0].effects
        changed += any(effect.verdict in {Verdict.BETTER, Verdict.WORSE} for effect in effects)
    assert changed / EDGE_TRIALS <= 0.1


def test_an_effect_names_its_direction() -> None:
    """More throughput is better, more time is worse."""
    experiment = make_experiment()
    cell = measure_cell(experiment, 1, latency_ms=900.0, rps=30.0)
    variant = ExperimentJudge(experiment, 1).judge_cell(cell).variants[0]
    verdicts = {effect.metric: effect.verdict for effect in variant.effects}
    assert verdicts["requests_rps"] is Verdict.BETTER
    assert verdicts["e2e_ms"] is Verdict.WORSE
    assert verdicts["e2e_ms p50"] is Verdict.WORSE
    assert verdicts["e2e_ms p99"] is Verdict.INCONCLUSIVE  # too few requests


def test_too_few_blocks_have_no_effect() -> None:
    """After two blocks nothing is known, and the reason is stated."""
    experiment = make_experiment()
    dice = random.Random(1)
    blocks: list[Block] = [{"base": make_run(dice), "variant": make_run(dice)} for _ in range(2)]
    cell = CellRuns(make_scenario(), experiment.load_labels[0], blocks)
    judge = ExperimentJudge(experiment, 1)
    assert judge.judge_cell(cell).variants == ()
    assert judge.judge_claims([cell])[0].tests[0].doubt == "2 blocks have it, 3 are needed"


def test_the_verdicts_of_a_claim_are_joined_as_it_holds() -> None:
    """One refutation is enough against `everywhere`, one support is enough for `somewhere`."""
    assert join_verdicts([SUPPORTED, SUPPORTED]) is SUPPORTED
    assert join_verdicts([SUPPORTED, INCONCLUSIVE]) is INCONCLUSIVE
    assert join_verdicts([SUPPORTED, REFUTED, INCONCLUSIVE]) is REFUTED
    assert join_verdicts([REFUTED, SUPPORTED], "somewhere") is SUPPORTED
    assert join_verdicts([REFUTED, INCONCLUSIVE], "somewhere") is INCONCLUSIVE
    assert join_verdicts([REFUTED, REFUTED], "somewhere") is REFUTED
    assert join_verdicts([]) is INCONCLUSIVE


def test_a_grid_has_a_front() -> None:
    """A version that is slower and gives less throughput is not on the front."""
    experiment = make_experiment(variants={}, grid={"factors": {"N": ["1", "2"]}, "costs": []}, claims=[])
    dice = random.Random(1)
    blocks: list[Block] = []
    for _ in range(3):
        base = make_run(dice, latency_ms=900.0, rps=5.0)
        fast = make_run(dice, latency_ms=100.0, rps=10.0)
        busy = make_run(dice, latency_ms=300.0, rps=50.0)
        blocks.append({"base": base, "N=1": fast, "N=2": busy})
    cell = CellRuns(make_scenario(), experiment.load_labels[0], blocks)
    points = ExperimentJudge(experiment, 1).list_points([cell])
    assert {point.version: point.on_front for point in points} == {
        "base": False,
        "N=1": True,
        "N=2": True,
    }


@pytest.mark.parametrize(
    "claim", [{"metric": "e2e_ms", "effect": "-40%..-60%"}, {"metric": "e2e_ms", "value": "<= 2s"}]
)
def test_a_dying_server_is_never_an_improvement(claim: dict[str, str]) -> None:
    """A variant that fails half of its requests has no gain, however fast the others are."""
    experiment = make_experiment(claims=[claim])
    cell = measure_cell(experiment, 7, latency_ms=200.0, success=0.5)
    judge = ExperimentJudge(experiment, 1)
    (test,) = judge.judge_claims([cell])[0].tests
    assert test.verdict is INCONCLUSIVE
    assert test.doubt == FEWER_SUCCEED
    verdicts = {effect.metric: effect.verdict for effect in judge.judge_cell(cell).variants[0].effects}
    assert verdicts["success_ratio"] is Verdict.WORSE
    assert Verdict.BETTER not in verdicts.values()


def test_a_slower_variant_that_fails_more_is_still_slower() -> None:
    """Failures hide gains, and never losses."""
    experiment = make_experiment(claims=[{"metric": "e2e_ms", "effect": "<= +10%"}])
    cell = measure_cell(experiment, 7, latency_ms=1500.0, success=0.5)
    assert ExperimentJudge(experiment, 1).judge_claims([cell])[0].verdict is REFUTED
