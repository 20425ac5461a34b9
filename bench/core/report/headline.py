"""The first sentence of a report: which message or metric changed, by how much, and in which tier."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bench.core.config.prompts import REFUSAL_CLASS
from bench.core.report.load_change import describe_load_change, describe_same_load
from bench.core.report.sentences import (
    describe_all_messages,
    describe_drift,
    describe_messages,
    describe_metric,
    describe_tolerated,
    explaining_tiers,
)
from bench.core.report.words import PROVEN, is_duration, verdict_text
from bench.core.run.result import RunResult
from bench.core.samples.cost_metrics import SAFE_LOADS, cost_service
from bench.core.samples.metric import Part
from bench.core.samples.metrics import (
    RESPONSE_TIME,
    is_request_metric,
    metric,
    metric_of_tail,
    sentence_name,
    tier_name,
)
from bench.core.values import wording
from bench.core.verdict.compare import Comparison
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison, Verdict

_ALL_SHARE = 0.5
"""All messages are slower if each class has at least this share of the typical change."""
_MOST_NAMES = 3
_PARTIAL = (Part.TAILS, Part.LOCATES, Part.STEPS, Part.COSTS)
_WAITS = (Part.DECIDES, Part.TAILS)
"""The parts of a comparison that users wait for, the deciding one first."""
_NOT_WORSE = frozenset({Verdict.UNCHANGED, Verdict.WITHIN_TOLERANCE, Verdict.BETTER})


class Clue(StrEnum):
    """The first place to look at after a failed run."""

    TIERS = "the tiers that the claim names"
    SLOWEST = "the slowest requests (bench export RUN)"
    COSTS = "the memory and the processor time of that service"
    FAILED = "the failed requests and the services' logs"
    TRIALS = "the first load that broke an objective"
    COMMITS = "the commits since the pinned baseline"


@dataclass(frozen=True, slots=True)
class Claim:
    """The most important change of a run."""

    sentence: str
    """The change, without a full stop."""
    rows: tuple[MetricComparison | MessageComparison, ...] = ()
    """The compared rows that it describes, the first one first; empty if it describes none."""
    tiers: tuple[MetricComparison, ...] = ()
    """The compared tiers that it names."""
    clue: Clue = Clue.FAILED
    """Where to look for the cause."""
    other_tiers: tuple[str, ...] = ()
    """The tiers that it names without a change: the one at which a safe load ends, or a vanished one."""

    @property
    def confidence(self) -> float | None:
        """Confidence of the interval of the change; None if the change was not tested."""
        return next((row.confidence for row in self.rows if row.confidence is not None), None)

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Names of the tiers that it names."""
        names = [tier_name(row.key) for row in self.tiers]
        return tuple(filter(None, [*names, *self.other_tiers]))

    @property
    def place(self) -> str:
        """Where to look for the cause: `` `decode` `` or `the failed requests and the services' logs`."""
        if self.clue is Clue.TIERS and self.tier_names:
            return wording.listing([f"`{wording.shorten(name)}`" for name in self.tier_names])
        return self.clue.value

    @property
    def is_tolerated(self) -> bool:
        """Whether the change is for the worse, but within the tolerance."""
        return bool(self.rows) and self.rows[0].verdict is Verdict.WITHIN_TOLERANCE


def find_failure(result: RunResult, comparison: Comparison) -> Claim:
    """Return the gravest reason of a failure."""
    deciding = comparison.regressed(Part.DECIDES)
    for row in deciding:
        if row.key == SUCCESS:
            return Claim(describe_metric(row), (row,))
        if row.key in SAFE_LOADS:
            return _load_claim(row, comparison)
    tiers = explaining_tiers(comparison.metrics)
    slower = _slower_messages(comparison, tiers)
    if slower is None and deciding:
        slower = Claim(describe_metric(deciding[0], tiers), deciding[:1])
    if slower is not None:
        return replace(slower, tiers=tiers, clue=Clue.TIERS if tiers else Clue.SLOWEST)
    if comparison.vanished_messages:
        return Claim(_vanished_messages(comparison))
    if comparison.drifted and comparison.pinned_at is not None:
        sentence = describe_drift(comparison.drifted, comparison.pinned_at)
        return Claim(sentence, comparison.drifted, clue=Clue.COMMITS)
    return _partial_failure(comparison) or _crossed(result) or _vanished(comparison)


def find_pass(comparison: Comparison) -> Claim:
    """Return the most important change of a run that passed: one within the tolerance, a gain, or none."""
    tolerated = tolerated_metrics(comparison)
    if tolerated and tolerated[0].key in SAFE_LOADS:
        return _load_claim(tolerated[0], comparison)
    if tolerated:
        tiers = explaining_tiers(comparison.metrics)
        return Claim(describe_metric(tolerated[0], tiers), (tolerated[0],), tiers)
    messages = _messages(comparison, Verdict.WITHIN_TOLERANCE)[:1]
    if messages:
        sentence = describe_messages(messages, count_messages(comparison), ())
        return Claim(sentence, tuple(messages))
    latencies = [row for row in comparison.metrics if row.part is Part.DECIDES and row.key != SUCCESS]
    gains = [row for row in latencies if row.verdict is Verdict.BETTER]
    if gains:
        return Claim(describe_metric(gains[0]), (gains[0],))
    if latencies:
        return Claim(wording.listing([describe_unchanged(row) for row in latencies]), tuple(latencies))
    return Claim("No request succeeded, as before")


def _load_claim(row: MetricComparison, comparison: Comparison) -> Claim:
    """Return the claim about a smaller safe load, with the tier at which it ends."""
    breaks_at = comparison.breaks_at
    sentence = describe_load_change(row, breaks_at)
    tiers = (breaks_at,) if breaks_at else ()
    return Claim(sentence, (row,), other_tiers=tiers, clue=Clue.TIERS if breaks_at else Clue.TRIALS)


def describe_claim(claim: Claim) -> str:
    """Return the sentence of a claim, with the tolerance if the change is within it."""
    if claim.is_tolerated:
        return f"{describe_tolerated(claim.sentence, claim.rows[0].margin_ratio)}."
    return f"{claim.sentence}."


def describe_pass(claim: Claim) -> str:
    """Return the headline of a run that passed."""
    if claim.rows and claim.rows[0].verdict in {Verdict.WITHIN_TOLERANCE, Verdict.BETTER}:
        return describe_claim(claim)
    return f"No change{': ' if claim.rows else '. '}{claim.sentence}."


def tolerated_metrics(comparison: Comparison) -> list[MetricComparison]:
    """Return the metrics of users' waits that are worse within their tolerance, the deciding ones first."""
    rows: list[MetricComparison] = []
    for part in _WAITS:
        for row in comparison.metrics:
            if row.part is part and row.verdict is Verdict.WITHIN_TOLERANCE:
                rows.append(row)
    return rows


def concerns_readers(row: MetricComparison, claim: Claim | None) -> bool:
    """Return whether readers must know a proven change.

    A change within its tolerance concerns them if users wait for it, or if the first sentence names it. If a
    tier takes 3 ms instead of 1 ms, that is no news of a run without a change.

    Args:
        row: The compared metric.
        claim: The change that the first sentence describes; None if it describes none.
    """
    if row.verdict is not Verdict.WITHIN_TOLERANCE or row.part in _WAITS:
        return True
    return claim is not None and row in (*claim.rows, *claim.tiers)


def find_clue(key: str) -> Clue:
    """Return where to look for the cause of a metric's change."""
    if tier_name(key) is not None:
        return Clue.TIERS
    if cost_service(key) is not None:
        return Clue.COSTS
    is_slow = metric_of_tail(key) is not None or (is_request_metric(key) and is_duration(key))
    return Clue.SLOWEST if is_slow else Clue.FAILED


def _slower_messages(comparison: Comparison, tiers: Sequence[MetricComparison]) -> Claim | None:
    """Return the claim about slower responses that names their messages; None if none are slower."""
    typical = [row for row in comparison.regressed(Part.DECIDES) if row.key == RESPONSE_TIME]
    worse = _messages(comparison, Verdict.WORSE)
    classes = [row for row in worse if row.kind is MessageKind.CLASS]
    single = [row for row in worse if row.kind is MessageKind.MESSAGE]
    if typical and all_messages_grew(comparison, typical[0]):
        return Claim(describe_all_messages(typical[0], tiers), tuple(typical))
    if classes:
        return Claim(describe_messages(classes, count_messages(comparison), tiers), tuple(classes))
    if single and not (typical and 2 * len(single) > count_messages(comparison)):
        return Claim(describe_messages(single, count_messages(comparison), tiers), tuple(single))
    return Claim(describe_metric(typical[0], tiers), tuple(typical)) if typical else None


def _messages(comparison: Comparison, verdict: Verdict) -> list[MessageComparison]:
    """Return the messages and classes with a verdict, of the response time if there are any, worst first."""
    rows = [row for row in comparison.messages if row.verdict is verdict]
    keys = {row.key for row in rows}
    key = RESPONSE_TIME if RESPONSE_TIME in keys else min(keys, default=RESPONSE_TIME)
    of_key = [row for row in rows if row.key == key]
    return sorted(of_key, key=lambda row: -(row.change_ratio or 0.0))


def all_messages_grew(comparison: Comparison, typical: MetricComparison) -> bool:
    """Return whether each class of messages has a proven change of at least half of the typical one."""
    ratios: list[float] = []
    for row in comparison.messages:
        if row.kind is MessageKind.CLASS and row.key == RESPONSE_TIME and row.name != REFUSAL_CLASS:
            ratios.append((row.change_ratio or 0.0) if row.verdict in PROVEN else 0.0)
    smallest = _ALL_SHARE * (typical.change_ratio or 0.0)
    return bool(ratios) and min(ratios) >= smallest


def count_messages(comparison: Comparison) -> int:
    """Return the number of messages of the scenario."""
    names = {row.name for row in comparison.messages if row.kind is MessageKind.MESSAGE}
    of_classes = 0
    for row in comparison.messages:
        if row.kind is MessageKind.CLASS and row.key == RESPONSE_TIME:
            of_classes += row.messages
    return max(len(names), of_classes)


def _partial_failure(comparison: Comparison) -> Claim | None:
    """Return the claim about a slower part, whose total did not become worse."""
    if comparison.vanished:
        return None
    for part in _PARTIAL:
        for row in comparison.regressed(part)[:1]:
            tiers = (row,) if tier_name(row.key) is not None else ()
            return Claim(f"{describe_metric(row)}{_total(comparison)}", (row,), tiers, find_clue(row.key))
    return None


def _total(comparison: Comparison) -> str:
    for row in comparison.metrics:
        if row.key == RESPONSE_TIME and row.verdict in _NOT_WORSE:
            return f"; {metric(RESPONSE_TIME).label}: {verdict_text(row.key, row.verdict)}"
    return ""


def _crossed(result: RunResult) -> Claim | None:
    for limit in result.thresholds:
        if limit.crossed:
            crossed = f"{limit.metric} {limit.expression}, measured {limit.measured}"
            tier = tier_name(limit.metric)
            tiers = () if tier is None else (tier,)
            return Claim(f"Threshold crossed: {crossed}", clue=find_clue(limit.metric), other_tiers=tiers)
    return None


def _vanished(comparison: Comparison) -> Claim:
    """Name the metrics that only the base has. Slow requests cannot explain them."""
    other = comparison.base_name or "the baseline"
    clue = Clue.FAILED
    names: list[str] = []
    tiers: list[str] = []
    for key in comparison.vanished:
        names.append(sentence_name(key))
        tier = tier_name(key)
        if tier is not None:
            clue = Clue.TIERS
            tiers.append(tier)
    listed = wording.listing(names)
    subject = listed[:1].upper() + listed[1:]
    return Claim(
        f"{subject} vanished: present in {other}, missing in this run", clue=clue, other_tiers=tuple(tiers)
    )


def _vanished_messages(comparison: Comparison) -> str:
    other = comparison.base_name or "the baseline"
    count = len(comparison.vanished_messages)
    names = [wording.shorten(name) for name in comparison.vanished_messages[:_MOST_NAMES]]
    if count > len(names):
        names.append(f"{count - len(names)} more")
    subject = "One message has" if count == 1 else f"{count} messages have"
    return f"{subject} no answer any more, but {other} has answers: {wording.listing(names)}"


def describe_unchanged(row: MetricComparison, *, certainty: bool = False) -> str:
    """Return a metric with its change, its interval and the smallest detectable change.

    Args:
        row: The compared metric.
        certainty: Write the confidence of the interval, too.
    """
    if row.key in SAFE_LOADS:
        return describe_same_load(row, certainty=certainty)
    details: list[str] = []
    if row.low_ratio is not None and row.high_ratio is not None:
        details.append(wording.change_interval(row.low_ratio, row.high_ratio))
    if certainty and row.confidence is not None:
        details.append(f"{wording.confidence(row.confidence)} certain")
    if row.detectable_ratio is not None:
        details.append(f"detectable: {wording.magnitude(row.detectable_ratio)}")
    more = f" ({'; '.join(details)})" if details else ""
    return f"{metric(row.key).label} {wording.change(row.change_ratio)}{more}"
