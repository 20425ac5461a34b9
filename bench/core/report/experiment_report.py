"""Describe an experiment in sentences: the verdict, and the loads at which a variant helps or hurts."""

from collections.abc import Iterable

from bench.core.experiment.claim_range import ClaimScale, ClaimVerdict
from bench.core.experiment.experiment_result import (
    ClaimResult,
    ClaimTest,
    EffectResult,
    ExperimentResult,
)
from bench.core.report.words import CLAIM_WORDS, Word
from bench.core.values import wording
from bench.core.verdict.verdict import Verdict

_MOST_FACTOR = 3.0
"""An effect from this factor on is written as a factor."""
_SHOWN = (
    "e2e_ms mean",
    "e2e_ms p95",
    "first_output_ms",
    "requests_rps",
    "success_ratio",
    "cpu_ms",
    "memory_bytes",
)
"""Metrics that a sentence about a load names."""


def word_of(result: ExperimentResult) -> Word:
    """Return the verdict of an experiment as people read it."""
    return CLAIM_WORDS[result.verdict or ClaimVerdict.INCONCLUSIVE]


def describe_verdict(result: ExperimentResult) -> str:
    """Return the verdict in one sentence, with the first claim."""
    if not result.claims:
        return "cannot tell: the experiment has no claim; its effects are below"
    parts: list[str] = []
    for claim in result.claims:
        parts.append(f"{claim.text} is {_describe_claim(claim)}")
    return f"{word_of(result).text}: {'; '.join(parts)}"


def _describe_claim(claim: ClaimResult) -> str:
    word = CLAIM_WORDS[claim.verdict].text
    measured = [test for test in claim.tests if test.estimate is not None]
    if len(claim.tests) == 1 and measured:
        return f"{word} ({measured[0].doubt or describe_estimate(claim, measured[0])})"
    deciding = claim.with_verdict(claim.verdict)
    return word if not deciding else f"{word} in {len(deciding)} of {len(claim.tests)} tests"


def describe_estimate(claim: ClaimResult, test: ClaimTest) -> str:
    """Return the claimed quantity with its interval: `+210 % (+180 to +240 %)`."""
    return describe_interval(claim.scale, claim.unit, (test.estimate, test.low, test.high))


def describe_effect(effect: EffectResult) -> str:
    """Return an effect with its interval."""
    return describe_interval(effect.scale, effect.unit, (effect.effect, effect.low, effect.high))


def describe_interval(
    scale: ClaimScale, unit: str, numbers: tuple[float | None, float | None, float | None]
) -> str:
    """Return a number with its interval.

    Args:
        scale: Scale of the numbers.
        unit: Unit of a value.
        numbers: The number and the ends of its interval; None if it is unknown.
    """
    point, low, high = numbers
    if point is None or low is None or high is None:
        return wording.DASH
    if scale is ClaimScale.RATIO and 1.0 + point >= _MOST_FACTOR:
        return f"{_factor(point)} ({_factor(low)} to {_factor(high)})"
    if scale is ClaimScale.VALUE:
        ends = f"{wording.value(low, unit)} to {wording.value(high, unit)}"
        return f"{wording.value(point, unit)} ({ends})"
    text = f"{wording.change(point)} ({wording.change_interval(low, high)})"
    return text.replace("%", "points") if scale is ClaimScale.POINTS else text


def _factor(ratio: float) -> str:
    return f"{1.0 + ratio:.1f}×"  # noqa: RUF001 - times


def list_findings(result: ExperimentResult) -> tuple[str, ...]:
    """Return where each variant helps and hurts, one sentence each."""
    findings: list[str] = []
    for variant in [*result.versions][1:]:
        for verdict, verb in ((Verdict.BETTER, "helps"), (Verdict.WORSE, "hurts")):
            places = _list_places(result, variant, verdict)
            if places:
                findings.append(f"{variant} {verb} at {'; at '.join(places)}")
    return tuple(findings)


def _list_places(result: ExperimentResult, variant: str, verdict: Verdict) -> list[str]:
    """Return the loads at which a variant has effects with a verdict, with the effects."""
    places: list[str] = []
    has_scenarios = len({cell.scenario for cell in result.cells}) > 1
    for cell in result.cells:
        for measured in cell.variants:
            if measured.variant != variant:
                continue
            texts = _name_effects(measured.effects, verdict)
            if texts:
                place = f"{cell.load} ({cell.scenario})" if has_scenarios else cell.load
                places.append(f"{place}: {wording.listing(texts)}")
    return places


def _name_effects(effects: Iterable[EffectResult], verdict: Verdict) -> list[str]:
    texts: list[str] = []
    for effect in effects:
        is_shown = effect.metric in _SHOWN
        if is_shown and effect.verdict is verdict and effect.effect is not None:
            change = describe_effect(effect).partition(" (")[0]
            texts.append(f"{effect.label} {change}")
    return texts
