"""The first line of every report: the verdict, the scenario, the size of the change, and the certainty."""

import math
from collections.abc import Sequence

from bench.core.report.headline import Claim, describe_unchanged
from bench.core.report.not_measured import NO_RESULT, NotMeasured
from bench.core.report.report import LONGEST_REASON, Report, find_claim
from bench.core.report.words import PROVEN, verdict_text
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import MetricKind
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import MetricComparison, Verdict

_SMALLEST_RATIO = 1e-9
"""Smaller values are treated as this one, whose logarithm is finite."""
_LOUD = {Verdict.WITHIN_TOLERANCE: 2, Verdict.BETTER: 1}
"""Changes of a run that passed, which readers see before runs without a change."""


def describe_run(report: Report, excuse: str | None = None) -> str:
    """Return the first line about one run: `Worse in quick: responses are 27 % slower (…); 96 % certain.`.

    Args:
        report: The run.
        excuse: Why its suite does not blame the version for the regressions of the run.
    """
    return describe_suite([report], 1, report.decision, excuse)


def describe_suite(leads: Sequence[Report], total: int, decision: Decision, excuse: str | None) -> str:
    """Return the first line about several runs, in the words of the most important one.

    Args:
        leads: The runs with the suite's decision.
        total: The number of scenarios of the suite.
        decision: The suite's decision.
        excuse: Why the suite does not blame the version for the regressions of the most important run.
    """
    lead = find_lead(leads)
    word = _word(lead) if excuse is None else "Cannot tell"
    if decision is Decision.PASS:
        leads = [report for report in leads if _word(report) == word]
    detail = _detail(lead) if excuse is None else excuse.removeprefix(f"{lead.result.scenario.name}: ")
    superlative = "least certain" if word == "No change" else "most"
    comma = "," if "," in word else ""
    return f"{word}{comma} in {_place(_name(lead), len(leads), total, superlative)}: {detail}."


def describe_not_measured(failures: Sequence[NotMeasured], total: int) -> str:
    """Return the first line about scenarios without a result, with the first reason that is known.

    Args:
        failures: The scenarios.
        total: The number of scenarios of the suite.
    """
    first = next((failure for failure in failures if failure.reason != NO_RESULT), failures[0])
    name = wording.shorten(first.scenario)
    if total > 1:
        name += f" ({len(failures)} of {total} scenarios)" if len(failures) == 1 else ""
    place = name if len(failures) == 1 else f"{len(failures)} of {total} scenarios, first {name}"
    return f"Not measured: {place}: {wording.shorten(first.explanation, LONGEST_REASON)}."


def find_lead(reports: Sequence[Report]) -> Report:
    """Return the most important of several runs with the same decision: the one with the largest change.

    Without a change it is the run whose interval leaves the largest change for the worse possible.
    """
    return max(reports, key=_importance)


def _importance(report: Report) -> tuple[int, float]:
    claim = find_claim(report)
    if claim is None or not claim.rows:
        return 0, 0.0
    row = claim.rows[0]
    if report.decision is Decision.FAIL:
        is_rate = metric(row.key).kind is MetricKind.RATE
        return int(is_rate), _size(row.change_ratio)
    if row.verdict in _LOUD:
        return _LOUD[row.verdict], _size(row.change_ratio)
    ends = [ratio for ratio in (row.low_ratio, row.high_ratio) if ratio is not None]
    return 0, max((metric(row.key).worse_sign * _log(ratio) for ratio in ends), default=0.0)


def _size(ratio: float | None) -> float:
    """Return the size of a change, the same for twice as much and half as much."""
    return 0.0 if ratio is None else abs(_log(ratio))


def _log(ratio: float) -> float:
    return math.log(max(1.0 + ratio, _SMALLEST_RATIO))


def _name(report: Report) -> str:
    return wording.shorten(report.result.scenario.name)


def _word(report: Report) -> str:
    """Return the verdict on a run as the first word of the line."""
    match report.decision:
        case Decision.FAIL:
            return "Worse"
        case Decision.INCONCLUSIVE:
            return "Cannot tell"
        case Decision.INVALID:
            return "Invalid"
        case Decision.PASS:
            claim = find_claim(report)
            if claim is None or not claim.rows or claim.rows[0].verdict not in _LOUD:
                return "No change"
            return verdict_text(claim.rows[0].key, claim.rows[0].verdict).capitalize()


def _place(name: str, count: int, total: int, superlative: str) -> str:
    """Return the scenario, and the number of scenarios with the same verdict."""
    if total == 1:
        return name
    if count == 1:
        return f"{name} (1 of {total} scenarios)"
    of_total = f"{count} scenarios" if count == total else f"{count} of {total} scenarios"
    return f"{of_total}, {superlative} in {name}"


def _detail(report: Report) -> str:
    """Return size, messages, tier and certainty of a change; if none is judged, the reason."""
    claim = find_claim(report)
    if claim is None:
        text = wording.shorten(report.comparison.reasons[0], LONGEST_REASON)
    else:
        text = "; ".join(filter(None, [_sentence(claim), ", ".join(_limits(claim))]))
    saturation = report.comparison.saturation
    if saturation is not None and saturation not in text:
        text += f"; {saturation}"
    is_excused = report.comparison.accepted is not None and report.decision is not Decision.INVALID
    return f"{text}; compared with the accepted level" if is_excused else text


def _sentence(claim: Claim) -> str:
    """Return the sentence of a claim for the middle of a line; of unchanged metrics only the first."""
    text = claim.sentence
    first = next(iter(claim.rows), None)
    if isinstance(first, MetricComparison) and first.verdict not in PROVEN:
        text = describe_unchanged(first, certainty=True)
    is_name = text[:2].isupper() or not text[:1].isalpha()
    return text if is_name else text[:1].lower() + text[1:]


def _limits(claim: Claim) -> list[str]:
    """Return the tolerance, if the change is within it, and the certainty of the change."""
    if not claim.rows or claim.rows[0].verdict not in PROVEN:
        return []
    limits = []
    margin_ratio = claim.rows[0].margin_ratio if claim.is_tolerated else None
    if margin_ratio is not None:
        limits.append(f"tolerance {wording.magnitude(margin_ratio)}")
    # The sentence about a safe load has its interval and the confidence of it.
    if claim.confidence is not None and claim.rows[0].key not in SAFE_LOADS:
        limits.append(f"{wording.confidence(claim.confidence)} certain")
    return limits
