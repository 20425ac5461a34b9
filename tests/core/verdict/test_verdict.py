import math
import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.limits.tolerance import Tolerance
from bench.core.samples.metric import Part
from bench.core.verdict.accepted_runs import ALPHAS, MARGIN_RATIO
from bench.core.verdict.baseline import MIN_RUNS
from bench.core.verdict.change import EXCLUDED_RATIO
from bench.core.verdict.level_shift import PRIOR_DF, PRIOR_SD
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.figures import Figures, judged
from tests.laws import VERDICT_LAW

FLAT = [{"e2e_ms": {"a": 990.0}}] * 10
FLAT_ERROR = PRIOR_SD * math.sqrt(PRIOR_DF / (PRIOR_DF + 9)) * math.sqrt(1.0 + math.pi / 20.0)
"""Standard error of a comparison with ten equal runs: that of the prior, and of a median of ten runs."""


def e2e(value_ms: float, base: Sequence[Figures] | None = None) -> MetricComparison:
    """The verdict on a response time against ten runs of 990 ms."""
    return judged({"e2e_ms": {"a": value_ms}}, base or FLAT)["e2e_ms"]


def spread(values_ms: dict[str, float], errors: Iterable[float]) -> list[Figures]:
    """Runs around these figures, symmetric, so that the figures are their centre."""
    return [
        {"e2e_ms": {prompt: value * math.exp(side * error) for prompt, value in values_ms.items()}}
        for error in errors
        for side in (-1.0, 1.0)
    ]


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (0.5, Verdict.BETTER),
        (0.77, Verdict.BETTER),
        (0.95, Verdict.UNCHANGED),
        (1.0, Verdict.UNCHANGED),
        (1.05, Verdict.UNCHANGED),
        (1.3, Verdict.WORSE),
        (2.0, Verdict.WORSE),
    ],
)
def test_a_large_change_is_reported_and_a_small_one_is_not(factor: float, verdict: Verdict) -> None:
    """A change of 30 % is a regression or an improvement, 5 % is not."""
    assert e2e(990.0 * factor).verdict is verdict


def test_a_comparison_has_its_values() -> None:
    """A comparison has both values, their difference, and the margin."""
    row = e2e(1287.0)
    assert (row.key, row.part) == ("e2e_ms", Part.DECIDES)
    assert row.base == pytest.approx(990.0)
    assert row.head == pytest.approx(1287.0)
    assert row.change == pytest.approx(297.0)
    assert row.change_ratio == pytest.approx(0.3)
    assert row.margin_ratio == pytest.approx(MARGIN_RATIO)
    assert row.p_value is not None
    assert row.p_value < ALPHAS[Part.DECIDES]


def test_the_smallest_detectable_change_by_hand() -> None:
    """The margin of 10 %, and 0.866 standard errors of 0.041 for a power of 80 %, are 14 %."""
    expected = math.expm1(math.log1p(MARGIN_RATIO) + 0.866 * FLAT_ERROR)
    assert expected == pytest.approx(0.140, abs=0.001)
    assert e2e(990.0).detectable_ratio == pytest.approx(expected, abs=0.0002)


def test_the_interval_by_hand() -> None:
    """96 % of runs lie within 2.249 standard errors of 0.041: from 8.8 % below to 9.6 % above."""
    row = e2e(990.0)
    reach = 2.249 * FLAT_ERROR
    assert row.confidence == pytest.approx(0.96)
    assert row.low_ratio == pytest.approx(math.expm1(-reach), abs=0.0002)
    assert row.high_ratio == pytest.approx(math.expm1(reach), abs=0.0002)
    assert (row.low_ratio, row.high_ratio) == pytest.approx((-0.088, 0.096), abs=0.001)


@VERDICT_LAW
@given(st.floats(100.0, 1e5), st.floats(-0.9, 3.0))
def test_the_interval_contains_the_change(base_ms: float, change_ratio: float) -> None:
    """The reported change lies inside the reported interval."""
    row = e2e(base_ms * (1 + change_ratio), [{"e2e_ms": {"a": base_ms}}] * 7)
    assert row.change_ratio == pytest.approx(change_ratio, abs=1e-9)
    assert row.low_ratio is not None
    assert row.high_ratio is not None
    assert row.low_ratio < change_ratio < row.high_ratio


@VERDICT_LAW
@given(st.floats(100.0, 1e5), st.floats(0.5, 3.0), st.floats(1.01, 2.0))
def test_a_larger_slowdown_has_a_smaller_p_value(base_ms: float, factor: float, more: float) -> None:
    """A regression stays one if the run is even slower."""
    base = [{"e2e_ms": {"a": base_ms}}] * 7
    slower, slowest = e2e(base_ms * factor, base), e2e(base_ms * factor * more, base)
    assert slower.p_value is not None
    assert slowest.p_value is not None
    assert slowest.p_value <= slower.p_value
    if slower.verdict is Verdict.WORSE:
        assert slowest.verdict is Verdict.WORSE


PROMPT_FIGURES = st.dictionaries(st.sampled_from("abcd"), st.floats(20.0, 1e5), min_size=1)


@VERDICT_LAW
@given(PROMPT_FIGURES, st.lists(st.floats(0.0, 1.0), min_size=3, max_size=10))
def test_a_run_in_the_middle_of_its_baseline_never_regresses(
    values_ms: dict[str, float], errors: list[float]
) -> None:
    """It neither regresses nor improves, for every spread of the baseline."""
    row = judged({"e2e_ms": values_ms}, spread(values_ms, errors))["e2e_ms"]
    assert row.verdict in {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}


@VERDICT_LAW
@given(PROMPT_FIGURES, st.floats(0.2, 5.0), st.integers(MIN_RUNS, 20))
def test_swapping_sides_swaps_the_change(values_ms: dict[str, float], factor: float, count: int) -> None:
    """The change has the same size in the other direction, and a regression becomes an improvement."""
    other_ms = {prompt: value * factor for prompt, value in values_ms.items()}
    one = judged({"e2e_ms": other_ms}, [{"e2e_ms": values_ms}] * count)["e2e_ms"]
    other = judged({"e2e_ms": values_ms}, [{"e2e_ms": other_ms}] * count)["e2e_ms"]
    assert one.change is not None
    assert other.change == pytest.approx(-one.change, rel=1e-6, abs=1e-9)
    if one.verdict is Verdict.WORSE:
        assert other.verdict is Verdict.BETTER


def test_each_prompt_is_compared_with_itself() -> None:
    """A run without the fast prompts is not slower: prompts that one side lacks are not compared."""
    base = [{"e2e_ms": {"fast": 100.0, "slow": 5000.0}}] * 10
    row = judged({"e2e_ms": {"slow": 5000.0}}, base)["e2e_ms"]
    assert row.verdict is Verdict.UNCHANGED
    assert row.base == pytest.approx(5000.0)
    assert row.change == pytest.approx(0.0)


def test_each_prompt_has_the_same_weight() -> None:
    """Two of four prompts that take twice as long are a regression, although the long ones are unchanged."""
    usual = {"a": 100.0, "b": 100.0, "c": 10_000.0, "d": 10_000.0}
    row = judged({"e2e_ms": usual | {"a": 200.0, "b": 200.0}}, [{"e2e_ms": usual}] * 10)["e2e_ms"]
    assert row.verdict is Verdict.WORSE
    assert row.p_value == pytest.approx(p_value_alone(math.sqrt(2.0)), rel=1e-2)


def p_value_alone(factor: float) -> float:
    """The p value of one prompt whose value grew by this factor."""
    p_value = e2e(990.0 * factor).p_value
    assert p_value is not None
    return p_value


def test_a_noisy_baseline_is_inconclusive() -> None:
    """If the interval does not exclude a large change, no change is inconclusive."""
    row = judged({"e2e_ms": {"a": 990.0}}, spread({"a": 990.0}, [0.3] * 5))["e2e_ms"]
    assert row.verdict is Verdict.INCONCLUSIVE
    assert row.high_ratio is not None
    assert row.high_ratio > EXCLUDED_RATIO


def test_a_noisy_baseline_detects_a_large_change() -> None:
    """A run that takes five times as long regresses in spite of the noise."""
    row = judged({"e2e_ms": {"a": 4990.0}}, spread({"a": 990.0}, [0.3] * 5))["e2e_ms"]
    assert row.verdict is Verdict.WORSE


@pytest.mark.parametrize(
    ("margin_ratio", "verdict"), [(0.25, Verdict.WORSE), (0.5, Verdict.WITHIN_TOLERANCE)]
)
def test_a_tolerance_moves_the_margin(margin_ratio: float, verdict: Verdict) -> None:
    """A change within the tolerance of the scenario is not a regression."""
    tolerances = {"e2e_ms": Tolerance(ratio=margin_ratio)}
    row = judged({"e2e_ms": {"a": 990.0 * 1.4}}, FLAT, tolerances)["e2e_ms"]
    assert row.verdict is verdict
    assert row.margin_ratio == pytest.approx(margin_ratio)


@pytest.mark.parametrize(("smallest", "verdict"), [(9.0, Verdict.WITHIN_TOLERANCE), (2.0, Verdict.WORSE)])
def test_a_tolerance_may_be_absolute(smallest: float, verdict: Verdict) -> None:
    """A change of 8 ms does not matter if 9 ms are tolerated."""
    tolerances = {"e2e_ms": Tolerance(ratio=0.05, absolute=smallest)}
    base: list[Figures] = [{"e2e_ms": {"a": 20.0}}] * 10
    assert judged({"e2e_ms": {"a": 28.0}}, base, tolerances)["e2e_ms"].verdict is verdict


def test_a_tolerance_is_for_its_own_metric() -> None:
    """Other metrics keep the default margin."""
    base = [{"e2e_ms": {"a": 990.0}, "tier.agent_ms": {"a": 990.0}}] * 10
    head = {"e2e_ms": {"a": 1500.0}, "tier.agent_ms": {"a": 1500.0}}
    verdicts = judged(head, base, {"tier.agent_ms": Tolerance(ratio=0.9)})
    assert verdicts["e2e_ms"].verdict is Verdict.WORSE
    assert verdicts["tier.agent_ms"].verdict is Verdict.WITHIN_TOLERANCE


@pytest.mark.parametrize("margin_ratio", [0.05, 0.5])
def test_a_tolerance_hides_no_gain(margin_ratio: float) -> None:
    """A tolerance is for changes for the worse: a proven gain is an improvement, also below the margin."""
    tolerances = {"e2e_ms": Tolerance(ratio=margin_ratio)}
    assert judged({"e2e_ms": {"a": 760.0}}, FLAT, tolerances)["e2e_ms"].verdict is Verdict.BETTER


def test_a_tier_may_grow_by_a_share_of_the_response_time() -> None:
    """A tier of 10 ms in a response of 990 ms may take 20 ms more: users do not notice it."""
    base: list[Figures] = [{"e2e_ms": {"a": 990.0}, "tier.agent_ms": {"a": 10.0}}] * 10
    verdicts = []
    for tier_ms in (28.0, 32.0):
        row = judged({"e2e_ms": {"a": 990.0}, "tier.agent_ms": {"a": tier_ms}}, base)["tier.agent_ms"]
        assert row.margin_ratio == pytest.approx(1.98, rel=1e-2)
        verdicts.append(row.verdict)
    assert verdicts == [Verdict.WITHIN_TOLERANCE, Verdict.WORSE]


@pytest.mark.parametrize(
    ("with_tier", "verdict"), [(10, Verdict.MISSING), (5, Verdict.MISSING), (4, Verdict.INCONCLUSIVE)]
)
def test_a_usual_tier_that_vanished_is_missing(with_tier: int, verdict: Verdict) -> None:
    """A tier of at least five runs is missing; a tier of fewer runs is not."""
    base: list[Figures] = [
        {"e2e_ms": {"a": 990.0}} | ({"tier.agent_ms": {"a": 50.0}} if number < with_tier else {})
        for number in range(10)
    ]
    row = judged({"e2e_ms": {"a": 990.0}}, base)["tier.agent_ms"]
    assert row.verdict is verdict
    assert row.base == pytest.approx(50.0)
    assert (row.head, row.change, row.change_ratio, row.p_value, row.detectable_ratio) == (None,) * 5


def test_a_vanished_response_time_is_missing() -> None:
    """A run without any response time does not pass."""
    assert judged({}, FLAT)["e2e_ms"].verdict is Verdict.MISSING


def test_a_tier_without_baseline_is_new() -> None:
    """A new tier has a value and no comparison."""
    row = judged({"e2e_ms": {"a": 990.0}, "tier.cache_ms": {"a": 30.0}}, FLAT)["tier.cache_ms"]
    assert row.verdict is Verdict.NEW
    assert row.head == pytest.approx(30.0)
    assert (row.base, row.change, row.change_ratio, row.low_ratio) == (None,) * 4


def test_a_metric_of_few_runs_is_inconclusive() -> None:
    """A metric that only four baseline runs have is not judged, and both values are shown."""
    base: list[Figures] = [
        {"e2e_ms": {"a": 990.0}} | ({"tier.cache_ms": {"a": 30.0}} if number < 4 else {})
        for number in range(10)
    ]
    row = judged({"e2e_ms": {"a": 990.0}, "tier.cache_ms": {"a": 300.0}}, base)["tier.cache_ms"]
    assert row.verdict is Verdict.INCONCLUSIVE
    assert row.base == pytest.approx(30.0)
    assert row.head == pytest.approx(300.0)
    assert row.detectable_ratio is None


def test_a_run_of_other_prompts_is_inconclusive() -> None:
    """Without a common prompt, no pair exists."""
    assert judged({"e2e_ms": {"z": 5000.0}}, FLAT)["e2e_ms"].verdict is Verdict.INCONCLUSIVE


def test_runs_without_the_prompt_do_not_count() -> None:
    """Ten runs of which four share a prompt with this run are four runs."""
    base: list[Figures] = [{"e2e_ms": {"a" if number < 4 else "b": 990.0}} for number in range(10)]
    assert judged({"e2e_ms": {"a": 5000.0}}, base)["e2e_ms"].verdict is Verdict.INCONCLUSIVE


def test_deciding_metrics_come_before_tiers() -> None:
    """The response time is first, then the tiers by name, then unattributed time."""
    figures = {
        key: {"a": 100.0} for key in ("tier.queue_ms", "tier.unattributed_ms", "e2e_ms", "tier.agent_ms")
    }
    keys = [key for key in judged(figures, [figures] * 10) if key in figures]
    assert keys == ["e2e_ms", "tier.agent_ms", "tier.queue_ms", "tier.unattributed_ms"]


def test_informing_metrics_are_not_judged() -> None:
    """Service time follows from the response time, so it is shown and not judged."""
    head = {"e2e_ms": {"a": 990.0}, "service_ms": {"a": 9999.0}}
    assert "service_ms" not in judged(head, FLAT)


def test_more_tiers_make_no_test_stricter() -> None:
    """Neither the test of the response time nor that of a tier depends on the number of tiers."""
    tiers = {f"tier.tier{number}_ms": {"a": 100.0} for number in range(9)}
    usual = {"tier.tier0_ms": {"a": 100.0}, "e2e_ms": {"a": 990.0}}
    slow = {"tier.tier0_ms": {"a": 120.0}, "e2e_ms": {"a": 1150.0}}
    among = judged(tiers | slow, [tiers | usual] * 10)
    alone = judged(slow, [usual] * 10)
    assert among["tier.tier0_ms"] == alone["tier.tier0_ms"]
    assert among["e2e_ms"] == alone["e2e_ms"]


@pytest.mark.parametrize("base_ms", [0.0, 2.2e-313])
def test_a_tier_without_time_has_no_ratio(base_ms: float) -> None:
    """The ratios of a baseline of 0 are unknown."""
    row = judged({"tier.a_ms": {"a": 50.0}}, [{"tier.a_ms": {"a": base_ms}}] * 10)["tier.a_ms"]
    assert row.base == pytest.approx(0.0)
    assert (row.change_ratio, row.detectable_ratio, row.low_ratio, row.high_ratio) == (None,) * 4


def test_each_kind_of_metric_has_its_own_rate() -> None:
    """At a p value between the two rates, a response time is worse, and of a tier it is not known."""
    slow, usual = {"a": 1105.0}, {"a": 990.0}
    both = judged({"e2e_ms": slow, "tier.agent_ms": slow}, [{"e2e_ms": usual, "tier.agent_ms": usual}] * 10)
    whole, tier = both["e2e_ms"], both["tier.agent_ms"]
    assert whole.p_value is not None
    assert ALPHAS[Part.LOCATES] < whole.p_value < ALPHAS[Part.DECIDES]
    assert tier.p_value == pytest.approx(whole.p_value, rel=1e-2)
    assert (whole.verdict, tier.verdict) == (Verdict.WORSE, Verdict.INCONCLUSIVE)


def test_unattributed_time_is_compared_alone() -> None:
    """If no other metric has values, it is still compared."""
    network = judged({"tier.unattributed_ms": {"a": 990.0}}, [{"tier.unattributed_ms": {"a": 100.0}}] * 10)
    assert network["tier.unattributed_ms"].verdict is Verdict.WORSE


# The rule as a whole, on runs that are drawn by a fixed seed; benchmarks/verdicts measures its error rates.
TIERS_MS = {"queue": 40.0, "decode": 400.0}
NOISE = 0.06


def draw_run(rng: random.Random, factor: float = 1.0, *, shared: bool) -> Figures:
    """A run of which each metric, or with `shared` the whole machine, is off by 6 %; 1 % by prompt."""
    machine = rng.gauss(0.0, NOISE)
    metrics = {f"tier.{tier}_ms": usual_ms for tier, usual_ms in TIERS_MS.items()}
    metrics["e2e_ms"] = sum(TIERS_MS.values())
    figures = {}
    for key, usual_ms in metrics.items():
        off = machine if shared else rng.gauss(0.0, NOISE)
        figures[key] = {
            prompt: usual_ms * (1.0 + 0.3 * number) * factor * math.exp(off + rng.gauss(0.0, 0.01))
            for number, prompt in enumerate("ab")
        }
    return figures


def count_share(verdict: Verdict, factor: float, *, shared: bool, comparisons: int = 200) -> float:
    """The share of comparisons with ten runs in which any metric has this verdict."""
    rng = random.Random(20260105)
    count = 0
    for _ in range(comparisons):
        base = [draw_run(rng, shared=shared) for _ in range(10)]
        rows = judged(draw_run(rng, factor, shared=shared), base).values()
        count += any(row.verdict is verdict for row in rows)
    return count / comparisons


@pytest.mark.parametrize("shared", [True, False])
def test_unchanged_runs_raise_few_alarms(shared: bool) -> None:
    """A/A at 6 % noise between runs: few comparisons raise an alarm, before a second run confirms it."""
    assert count_share(Verdict.WORSE, 1.0, shared=shared) <= 0.04


@pytest.mark.parametrize("shared", [True, False])
def test_a_slowdown_is_detected(shared: bool) -> None:
    """A run that is 35 % slower in all parts is detected in at least 19 of 20 comparisons, at 6 % noise."""
    assert count_share(Verdict.WORSE, 1.35, shared=shared) >= 0.95


def test_a_slow_run_is_never_an_improvement() -> None:
    """A run that is 35 % slower never improves."""
    assert count_share(Verdict.BETTER, 1.35, shared=True, comparisons=50) == 0.0
