import math
import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.core.config.scenario import Tolerance
from bench.core.samples.metric import Part
from bench.core.verdict.baseline import MIN_RUNS
from bench.core.verdict.shift import PRIOR_DF, PRIOR_SD
from bench.core.verdict.success import MIN_FAILED_BLOCKS, SUCCESS_ALPHA
from bench.core.verdict.verdict import (
    ALPHA,
    INTERVAL,
    MARGIN_RATIO,
    MDE_BUDGET_RATIO,
    POWER,
    TIER_ALPHA,
    MetricComparison,
    Verdict,
)
from tests.core.figures import Figures, judged

FLAT = [{"e2e_ms": {"a": 990.0}}] * 10
OPPOSITE = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}


def e2e(value_ms: float, base: Sequence[Figures] | None = None) -> MetricComparison:
    """The verdict on a response time beside ten runs of 990 ms."""
    return judged({"e2e_ms": {"a": value_ms}}, base or FLAT)["e2e_ms"]


def spread(values_ms: dict[str, float], errors: Iterable[float]) -> list[Figures]:
    """Runs around these figures, on both sides alike, so that the figures are their middle."""
    return [
        {
            "e2e_ms": {
                prompt: (value + 10.0) * math.exp(side * error) - 10.0 for prompt, value in values_ms.items()
            }
        }
        for error in errors
        for side in (-1.0, 1.0)
    ]


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (0.5, Verdict.IMPROVED),
        (0.77, Verdict.IMPROVED),
        (0.95, Verdict.UNCHANGED),
        (1.0, Verdict.UNCHANGED),
        (1.05, Verdict.UNCHANGED),
        (1.3, Verdict.REGRESSED),
        (2.0, Verdict.REGRESSED),
    ],
)
def test_a_clear_change_is_said_and_a_small_one_is_not(factor: float, verdict: Verdict) -> None:
    """Thirty per cent slower is a regression, as much faster an improvement, five per cent neither."""
    assert e2e(990.0 * factor).verdict is verdict


def test_a_comparison_says_how_much_and_how_sure() -> None:
    """A comparison has both values, their difference, and the margin that was held against it."""
    each = e2e(1287.0)
    assert (each.key, each.part) == ("e2e_ms", Part.DECIDES)
    assert each.base == pytest.approx(990.0)
    assert each.head == pytest.approx(1287.0)
    assert each.change == pytest.approx(297.0)
    assert each.change_ratio == pytest.approx(0.3)
    assert each.margin_ratio == MARGIN_RATIO
    assert each.p_value is not None
    assert each.p_value < ALPHA


def test_the_smallest_detectable_change_by_hand() -> None:
    """Ten equal runs and the prior: 0.038 between runs, times 1.049 and 3.115, is 13 %."""
    sd = math.sqrt(PRIOR_DF * PRIOR_SD**2 / (PRIOR_DF + 9))
    expected = math.expm1(sd * math.sqrt(1.1) * (2.249 + 0.866)) * 1000 / 990
    assert expected == pytest.approx(0.133, abs=0.001)
    assert e2e(990.0).mde_ratio == pytest.approx(expected, abs=0.0002)


def test_the_interval_by_hand() -> None:
    """Nine in ten runs lie within 1.753 standard errors of 0.0398: from 6.8 % below to 7.3 % above."""
    each = e2e(990.0)
    reach = PRIOR_SD * math.sqrt(PRIOR_DF / (PRIOR_DF + 9)) * math.sqrt(1.1) * 1.753
    assert each.low_ratio == pytest.approx(math.expm1(-reach) * 1000 / 990, abs=0.0002)
    assert each.high_ratio == pytest.approx(math.expm1(reach) * 1000 / 990, abs=0.0002)
    assert (each.low_ratio, each.high_ratio) == pytest.approx((-0.068, 0.073), abs=0.001)


def test_the_constants_are_those_of_the_method() -> None:
    """Margin, error rates, power, budget and prior are what docs/methodology.md argues for."""
    assert (MARGIN_RATIO, ALPHA, TIER_ALPHA, POWER, MDE_BUDGET_RATIO) == (0.10, 0.02, 0.01, 0.80, 0.20)
    assert (PRIOR_SD, PRIOR_DF, INTERVAL) == (0.06, 6, 0.90)
    assert (SUCCESS_ALPHA, MIN_FAILED_BLOCKS, MIN_RUNS) == (0.01, 2, 5)


@given(st.floats(100.0, 1e5), st.floats(-0.9, 3.0))
def test_the_interval_holds_the_change(base_ms: float, change_ratio: float) -> None:
    """The change that is shown lies inside the interval that is shown."""
    each = e2e(base_ms * (1 + change_ratio), [{"e2e_ms": {"a": base_ms}}] * 7)
    assert each.change_ratio == pytest.approx(change_ratio, abs=1e-9)
    assert each.low_ratio is not None
    assert each.high_ratio is not None
    assert each.low_ratio < change_ratio < each.high_ratio


@given(st.floats(100.0, 1e5), st.floats(0.5, 3.0), st.floats(1.01, 2.0))
def test_a_larger_slowdown_is_never_less_sure(base_ms: float, factor: float, more: float) -> None:
    """The slower a run, the smaller the probability of that by chance, and a regression stays one."""
    base = [{"e2e_ms": {"a": base_ms}}] * 7
    slower, slowest = e2e(base_ms * factor, base), e2e(base_ms * factor * more, base)
    assert slower.p_value is not None
    assert slowest.p_value is not None
    assert slowest.p_value <= slower.p_value
    if slower.verdict is Verdict.REGRESSED:
        assert slowest.verdict is Verdict.REGRESSED


PROMPT_FIGURES = st.dictionaries(st.sampled_from("abcd"), st.floats(20.0, 1e5), min_size=1)


@given(PROMPT_FIGURES, st.lists(st.floats(0.0, 1.0), min_size=3, max_size=10))
def test_a_run_in_the_middle_of_its_baseline_never_regresses(
    values_ms: dict[str, float], errors: list[float]
) -> None:
    """Beside a baseline around itself a run neither regresses nor improves, whatever the spread."""
    each = judged({"e2e_ms": values_ms}, spread(values_ms, errors))["e2e_ms"]
    assert each.verdict in {Verdict.UNCHANGED, Verdict.INCONCLUSIVE}


@given(PROMPT_FIGURES, st.floats(0.2, 5.0), st.integers(MIN_RUNS, 20))
def test_swapping_sides_swaps_the_verdict(values_ms: dict[str, float], factor: float, count: int) -> None:
    """What is a regression one way is an improvement the other way, and no change stays none."""
    other_ms = {prompt: value * factor for prompt, value in values_ms.items()}
    one = judged({"e2e_ms": other_ms}, [{"e2e_ms": values_ms}] * count)["e2e_ms"]
    other = judged({"e2e_ms": values_ms}, [{"e2e_ms": other_ms}] * count)["e2e_ms"]
    assert one.change is not None
    assert other.change == pytest.approx(-one.change)
    assume(abs(abs(one.change) - 10.0) > 1e-6)
    if one.verdict in OPPOSITE or other.verdict in OPPOSITE:
        assert other.verdict is OPPOSITE[one.verdict]


@given(st.floats(0.0, 500.0), st.floats(0.0, 9.99), st.sampled_from(["e2e_ms", "tier.agent_ms"]))
def test_a_change_that_matters_to_nobody_is_none(base_ms: float, change_ms: float, key: str) -> None:
    """Less than ten milliseconds more or less is no verdict, however large the share."""
    for one_ms, other_ms in ((base_ms, base_ms + change_ms), (base_ms + change_ms, base_ms)):
        each = judged({key: {"a": one_ms}}, [{key: {"a": other_ms}}] * 10)[key]
        assert each.verdict is Verdict.UNCHANGED


def test_a_tier_of_two_milliseconds_may_double() -> None:
    """A tier that goes from 2 ms to 4 ms is left alone, one that goes to 40 ms is not."""
    base = [{"tier.auth_ms": {"a": 2.0}}] * 10
    assert judged({"tier.auth_ms": {"a": 4.0}}, base)["tier.auth_ms"].verdict is Verdict.UNCHANGED
    assert judged({"tier.auth_ms": {"a": 40.0}}, base)["tier.auth_ms"].verdict is Verdict.REGRESSED


def test_messages_are_compared_each_with_itself() -> None:
    """A run that lacks the fast messages is not slower: what is missing on one side is not compared."""
    base = [{"e2e_ms": {"fast": 100.0, "slow": 5000.0}}] * 10
    each = judged({"e2e_ms": {"slow": 5000.0}}, base)["e2e_ms"]
    assert each.verdict is Verdict.UNCHANGED
    assert each.base == pytest.approx(5000.0)
    assert each.change == pytest.approx(0.0)


def test_each_message_counts_alike() -> None:
    """Two messages of four that take twice as long are a regression, though the long ones did not change."""
    usual = {"a": 90.0, "b": 90.0, "c": 9990.0, "d": 9990.0}
    each = judged({"e2e_ms": usual | {"a": 190.0, "b": 190.0}}, [{"e2e_ms": usual}] * 10)["e2e_ms"]
    assert each.verdict is Verdict.REGRESSED
    assert each.p_value == pytest.approx(judged_alone(math.sqrt(2.0)), rel=1e-6)


def judged_alone(factor: float) -> float:
    """The p value of one message whose started value grew by this factor."""
    p_value = e2e(1000.0 * factor - 10.0).p_value
    assert p_value is not None
    return p_value


def test_a_noisy_baseline_cannot_tell() -> None:
    """Where only a change above the budget could have been seen no change is called inconclusive."""
    each = judged({"e2e_ms": {"a": 990.0}}, spread({"a": 990.0}, [0.3] * 5))["e2e_ms"]
    assert each.verdict is Verdict.INCONCLUSIVE
    assert each.mde_ratio is not None
    assert each.mde_ratio > MDE_BUDGET_RATIO


def test_a_noisy_baseline_still_sees_what_is_large() -> None:
    """Noise does not hide a run that takes five times as long."""
    each = judged({"e2e_ms": {"a": 4990.0}}, spread({"a": 990.0}, [0.3] * 5))["e2e_ms"]
    assert each.verdict is Verdict.REGRESSED


def test_noise_of_a_few_milliseconds_is_not_inconclusive() -> None:
    """Where all that could be missed is less than matters nothing is missed."""
    base: list[Figures] = [{"tier.auth_ms": {"a": value}} for value in (2.0, 4.0) * 5]
    each = judged({"tier.auth_ms": {"a": 3.0}}, base)["tier.auth_ms"]
    assert each.mde_ratio is not None
    assert each.mde_ratio > MDE_BUDGET_RATIO
    assert each.verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(("margin_ratio", "verdict"), [(0.25, Verdict.REGRESSED), (0.5, Verdict.UNCHANGED)])
def test_a_tolerance_moves_the_margin(margin_ratio: float, verdict: Verdict) -> None:
    """A change within the tolerance that the scenario declares is no regression."""
    tolerances = {"e2e_ms": Tolerance(margin_ratio=margin_ratio)}
    each = judged({"e2e_ms": {"a": 990.0 * 1.4}}, FLAT, tolerances)["e2e_ms"]
    assert (each.verdict, each.margin_ratio) == (verdict, margin_ratio)


def test_a_tolerance_is_for_its_own_metric() -> None:
    """A wide margin for one metric leaves the others at the usual one."""
    base = [{"e2e_ms": {"a": 990.0}, "tier.agent_ms": {"a": 990.0}}] * 10
    head = {"e2e_ms": {"a": 1500.0}, "tier.agent_ms": {"a": 1500.0}}
    verdicts = judged(head, base, {"tier.agent_ms": Tolerance(margin_ratio=0.9)})
    assert verdicts["e2e_ms"].verdict is Verdict.REGRESSED
    assert verdicts["tier.agent_ms"].verdict is Verdict.UNCHANGED


def test_a_tolerance_holds_for_improvements_too() -> None:
    """A gain that is smaller than the margin is no improvement."""
    tolerances = {"e2e_ms": Tolerance(margin_ratio=0.5)}
    assert judged({"e2e_ms": {"a": 760.0}}, FLAT, tolerances)["e2e_ms"].verdict is Verdict.UNCHANGED
    assert judged({"e2e_ms": {"a": 760.0}}, FLAT)["e2e_ms"].verdict is Verdict.IMPROVED


@pytest.mark.parametrize(
    ("with_tier", "verdict"), [(10, Verdict.MISSING), (5, Verdict.MISSING), (4, Verdict.INCONCLUSIVE)]
)
def test_what_was_usual_and_is_gone_is_missing(with_tier: int, verdict: Verdict) -> None:
    """A tier that at least five runs had is missed; what few runs had was never usual."""
    base: list[Figures] = [
        {"e2e_ms": {"a": 990.0}} | ({"tier.agent_ms": {"a": 50.0}} if number < with_tier else {})
        for number in range(10)
    ]
    each = judged({"e2e_ms": {"a": 990.0}}, base)["tier.agent_ms"]
    assert each.verdict is verdict
    assert each.base == pytest.approx(50.0)
    assert (each.head, each.change, each.change_ratio, each.p_value, each.mde_ratio) == (None,) * 5


def test_a_response_time_that_is_gone_is_missing() -> None:
    """A run that measured no response time at all does not pass for want of numbers."""
    assert judged({}, FLAT)["e2e_ms"].verdict is Verdict.MISSING


def test_what_the_baseline_never_had_is_new() -> None:
    """A tier that no run had is new: it has a value and nothing to compare it with."""
    each = judged({"e2e_ms": {"a": 990.0}, "tier.cache_ms": {"a": 30.0}}, FLAT)["tier.cache_ms"]
    assert each.verdict is Verdict.NEW
    assert each.head == pytest.approx(30.0)
    assert (each.base, each.change, each.change_ratio, each.low_ratio) == (None,) * 4


def test_a_metric_of_few_runs_is_inconclusive() -> None:
    """What only four runs of the baseline have is not judged, and both sides are shown."""
    base: list[Figures] = [
        {"e2e_ms": {"a": 990.0}} | ({"tier.cache_ms": {"a": 30.0}} if number < 4 else {})
        for number in range(10)
    ]
    each = judged({"e2e_ms": {"a": 990.0}, "tier.cache_ms": {"a": 300.0}}, base)["tier.cache_ms"]
    assert each.verdict is Verdict.INCONCLUSIVE
    assert each.base == pytest.approx(30.0)
    assert each.head == pytest.approx(300.0)
    assert each.mde_ratio is None


def test_a_run_of_other_messages_is_inconclusive() -> None:
    """Without a message in common nothing can be paired, so nothing is said."""
    assert judged({"e2e_ms": {"z": 5000.0}}, FLAT)["e2e_ms"].verdict is Verdict.INCONCLUSIVE


def test_runs_without_the_message_do_not_count_as_runs() -> None:
    """Ten runs of which four share a message with this one are four runs."""
    base: list[Figures] = [{"e2e_ms": {"a" if number < 4 else "b": 990.0}} for number in range(10)]
    assert judged({"e2e_ms": {"a": 5000.0}}, base)["e2e_ms"].verdict is Verdict.INCONCLUSIVE


def test_what_decides_stands_before_the_tiers() -> None:
    """The response time stands first, the tiers by name, and what no tier claims."""
    figures = {
        key: {"a": 100.0} for key in ("tier.queue_ms", "tier.unattributed_ms", "e2e_ms", "tier.agent_ms")
    }
    keys = list(judged(figures, [figures] * 10))
    assert keys == ["e2e_ms", "tier.agent_ms", "tier.queue_ms", "tier.unattributed_ms"]


def test_metrics_that_inform_are_not_judged() -> None:
    """Service time follows from the response time, so it is shown and not judged twice."""
    head = {"e2e_ms": {"a": 990.0}, "service_ms": {"a": 9999.0}}
    assert judged(head, FLAT).keys() == {"e2e_ms"}


def test_many_tiers_ask_for_more_of_each_and_nothing_of_the_rest() -> None:
    """Testing many tiers makes each tier's test stricter, and leaves that of the response time as it was."""
    tiers = {f"tier.tier{number}_ms": {"a": 100.0} for number in range(9)}
    slow = tiers | {"tier.tier0_ms": {"a": 120.0}, "e2e_ms": {"a": 1150.0}}
    among = judged(slow, [tiers | {"e2e_ms": {"a": 990.0}}] * 10)
    only = judged({"tier.tier0_ms": {"a": 120.0}}, [{"tier.tier0_ms": {"a": 100.0}}] * 10)["tier.tier0_ms"]
    for stricter, alone in (
        (among["tier.tier0_ms"].p_value, only.p_value),
        (among["tier.tier0_ms"].mde_ratio, only.mde_ratio),
    ):
        assert stricter is not None
        assert alone is not None
        assert stricter > alone
    assert among["e2e_ms"].p_value == e2e(1150.0).p_value
    assert among["e2e_ms"].mde_ratio == e2e(1150.0).mde_ratio


def test_a_tier_that_took_nothing_has_no_share() -> None:
    """Nothing grows by no percentage: the ratios of a baseline of 0 are unknown."""
    each = judged({"tier.a_ms": {"a": 50.0}}, [{"tier.a_ms": {"a": 0.0}}] * 10)["tier.a_ms"]
    assert each.base == 0.0
    assert (each.change_ratio, each.mde_ratio, each.low_ratio, each.high_ratio) == (None,) * 4


def test_what_decides_and_the_tiers_have_error_rates_of_their_own() -> None:
    """With a p value between the two rates a response time regressed, and a tier, asked more of, did not."""
    slow, usual = {"a": 1092.0}, {"a": 990.0}
    both = judged({"e2e_ms": slow, "tier.agent_ms": slow}, [{"e2e_ms": usual, "tier.agent_ms": usual}] * 10)
    whole, tier = both["e2e_ms"], both["tier.agent_ms"]
    assert whole.p_value is not None
    assert TIER_ALPHA < whole.p_value < ALPHA
    assert tier.p_value == whole.p_value
    assert (whole.verdict, tier.verdict) == (Verdict.REGRESSED, Verdict.UNCHANGED)


def test_what_only_explains_makes_no_test_stricter() -> None:
    """What no tier claims fails nothing, so it costs the others nothing: their p values stay."""
    head, base = {"e2e_ms": {"a": 1150.0}}, {"e2e_ms": {"a": 990.0}}
    network = {"tier.unattributed_ms": {"a": 100.0}}
    with_it = judged(head | network, [base | network] * 10)
    assert with_it["e2e_ms"] == judged(head, [base] * 10)["e2e_ms"]
    assert with_it["tier.unattributed_ms"].part is Part.EXPLAINS


def test_what_explains_is_compared_alone() -> None:
    """Where nothing but the network has times it is still compared."""
    network = judged({"tier.unattributed_ms": {"a": 990.0}}, [{"tier.unattributed_ms": {"a": 100.0}}] * 10)
    assert network["tier.unattributed_ms"].verdict is Verdict.REGRESSED


# The rule as a whole, on runs that are drawn by a fixed seed.
TIERS_MS = {"auth": 2.0, "backend": 5.0, "agent": 8.0, "queue": 40.0, "prefill": 60.0, "decode": 400.0}
NOISE = 0.06


def drawn(rng: random.Random, factor: float = 1.0, *, shared: bool) -> Figures:
    """A run of which each metric, or with `shared` the whole machine, is off by 6 %; 1 % by message."""
    machine = rng.gauss(0.0, NOISE)
    metrics = {f"tier.{tier}_ms": usual_ms for tier, usual_ms in TIERS_MS.items()}
    metrics["e2e_ms"] = sum(TIERS_MS.values())
    figures = {}
    for key, usual_ms in metrics.items():
        off = machine if shared else rng.gauss(0.0, NOISE)
        figures[key] = {
            prompt: usual_ms * (1.0 + 0.3 * number) * factor * math.exp(off + rng.gauss(0.0, 0.01))
            for number, prompt in enumerate("abcd")
        }
    return figures


def share(*verdicts: Verdict, factor: float, shared: bool, comparisons: int = 400) -> list[float]:
    """In which share of comparisons with ten runs any metric is said to be each of these."""
    rng = random.Random(20260105)
    said = dict.fromkeys(verdicts, 0)
    for _ in range(comparisons):
        base = [drawn(rng, shared=shared) for _ in range(10)]
        found = {each.verdict for each in judged(drawn(rng, factor, shared=shared), base).values()}
        for verdict in found & said.keys():
            said[verdict] += 1
    return [count / comparisons for count in said.values()]


@pytest.mark.parametrize("shared", [True, False])
def test_unchanged_runs_stay_quiet(shared: bool) -> None:
    """A/A at 6 % noise between runs: at most one comparison in fifty raises an alarm, either way."""
    false_alarms = share(Verdict.REGRESSED, Verdict.IMPROVED, factor=1.0, shared=shared, comparisons=1200)
    assert max(false_alarms) <= 0.02


def test_an_unchanged_response_time_stays_quiet_alone() -> None:
    """A/A of a target without tiers: at most one comparison in fifty is called a regression."""
    rng = random.Random(20260105)
    alarms = 0
    for _ in range(1200):
        head, *base = ({"e2e_ms": drawn(rng, shared=False)["e2e_ms"]} for _ in range(11))
        alarms += judged(head, base)["e2e_ms"].verdict is Verdict.REGRESSED
    assert alarms / 1200 <= 0.02


@pytest.mark.parametrize("shared", [True, False])
def test_a_slowdown_is_found(shared: bool) -> None:
    """A run that is 30 % slower in all its parts is found in at least 19 of 20 comparisons, at 6 % noise."""
    (found,) = share(Verdict.REGRESSED, factor=1.3, shared=shared, comparisons=1200)
    assert found >= 0.95


def test_a_slow_machine_is_not_an_improvement() -> None:
    """A run that is 30 % slower is never said to have improved."""
    assert share(Verdict.IMPROVED, factor=1.3, shared=True) == [0.0]
