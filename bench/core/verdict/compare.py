"""Decide on a run: its thresholds, the verdicts on its metrics, and whether it is comparable at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import AwareDatetime

from bench.core.calibration.machine_speed import MachineSpeed, compare_speed
from bench.core.limits.judge import describe_crossed
from bench.core.run.counters import CounterChange, changed_counters
from bench.core.run.messages import vanished_messages
from bench.core.run.result import RunResult
from bench.core.run.safe_load import compared_load
from bench.core.run.saturation import find_saturation
from bench.core.run.summary import RunSummary
from bench.core.samples.metric import Part
from bench.core.samples.metrics import sentence_name
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.verdict.accepted_runs import AcceptedRuns
from bench.core.verdict.accepted_searches import AcceptedSearches
from bench.core.verdict.baseline import Baseline, BaselineRun, fewest_runs
from bench.core.verdict.comparable import comparable_levels, explain_not_comparable, same_conditions
from bench.core.verdict.message_comparison import JudgedRows, MessageComparison
from bench.core.verdict.noise import Noise
from bench.core.verdict.verdict import MetricComparison, Verdict, regressions
from bench.core.watch.work import WorkChange, changed_work


class Decision(StrEnum):
    """The decision on a run."""

    PASS = "pass"  # noqa: S105 - a decision, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class MachineComparison(Record):
    """The machine of a run, compared with the machines of the baseline by the reference workload."""

    slower_ratio: float
    """How much slower the machine was; below 0 it was faster."""
    environment_shift: bool
    """The difference is larger than chance and large enough to matter."""
    sd_ratio: float | None = None
    """Standard deviation of the reference workload between runs on one machine, as a share."""


class Comparison(Record):
    """The decision on a run, with its reasons and all compared metrics."""

    decision: Decision
    """The decision on the run."""
    reasons: tuple[str, ...]
    """The reasons of the decision, one sentence each."""
    metrics: tuple[MetricComparison, ...] = ()
    """Every metric that can decide, then the tiers."""
    baseline_runs: int = 0
    """Number of runs that the run was compared with."""
    newest_baseline_commit: str | None = None
    """Commit of the newest of them."""
    newest_baseline_at: AwareDatetime | None = None
    """Start of the newest of them."""
    level_at: AwareDatetime | None = None
    """When the level of the baseline was accepted; null without a baseline."""
    level_reason: str | None = None
    """Why the level was accepted."""
    messages: tuple[MessageComparison, ...] = ()
    """Each class of messages and each message, the largest change for the worse first."""
    breaks_at: str | None = None
    """Tier at which the safe load of a capacity search ends; null if it is unknown, or without a search."""
    vanished_messages: tuple[str, ...] = ()
    """Messages that the base has answers to and the head has none; they fail the run."""
    pairs: int | None = None
    """Number of pairs of runs; null for a comparison with a baseline."""
    stopped: str | None = None
    """Why no more pairs were measured, in one sentence; null for a comparison with a baseline."""
    level: str | None = None
    """The head's first runs compared with the newest level of the committed baseline, and with the pinned one
    if there is one, in one sentence; null without pairs or without comparable runs. It does not influence the
    decision."""
    accepted: str | None = None
    """The change that was accepted with the head's new level and is tolerated here, in one sentence."""
    against_pinned: tuple[MetricComparison, ...] = ()
    """The deciding metrics, compared with the pinned baseline; empty without one."""
    pinned_at: AwareDatetime | None = None
    """When the baseline was pinned."""
    confirmed_by: str | None = None
    """Id of the confirmation run; null if the first run was enough."""
    base_name: str | None = None
    """Name of the base of `bench ab`; null for a comparison with a baseline."""
    machine: MachineComparison | None = None
    """Machine speed compared with the baseline; null without a reference workload."""
    saturation: str | None = None
    """Why the machine was saturated, so that the decision is inconclusive; null if it was not."""
    counters: tuple[CounterChange, ...] = ()
    """Exact counters that changed; they do not influence the decision."""
    work: tuple[WorkChange, ...] = ()
    """Work per message that changed; it does not influence the decision."""

    @property
    def suspect(self) -> bool:
        """Whether a second run can change the decision."""
        if self.confirmed_by is not None:
            return False
        looks_worse = any(comparison.suspect and comparison.gates for comparison in self.metrics)
        messages_worse = any(row.verdict is Verdict.WORSE for row in self.messages)
        return looks_worse or messages_worse or bool(self.drifted)

    def regressed(self, part: Part) -> tuple[MetricComparison, ...]:
        """Return the regressions among the metrics of one part, the largest first."""
        of_part = [row for row in regressions(self.metrics) if row.part is part]
        return tuple(sorted(of_part, key=lambda row: -abs(row.change or 0.0)))

    @property
    def vanished(self) -> tuple[str, ...]:
        """Keys of the metrics that the baseline has and the run does not have."""
        return vanished_keys(self.metrics)

    @property
    def drifted(self) -> tuple[MetricComparison, ...]:
        """The deciding metrics that regressed against the pinned baseline."""
        return regressions(self.against_pinned)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Everything that influences the decision on a valid run."""

    crossed: Sequence[str]
    """Crossed thresholds, a sentence each."""
    judged: JudgedRows
    vanished_messages: Sequence[str]
    against_pinned: Sequence[MetricComparison]
    speed: MachineSpeed | None
    doubts: Sequence[str]
    """Why a regression must not fail the run, a sentence each."""
    saturation: str | None
    """Why the machine was saturated, so that no test is certain."""

    @property
    def is_certain(self) -> bool:
        """Whether the run fails without a test, so that no second run is needed."""
        return bool(self.crossed or self.vanished_messages or vanished_keys(self.judged.metrics))


def compare(
    result: RunResult,
    baseline: Baseline | None,
    confirmation: RunResult | None = None,
    noise: Noise | None = None,
) -> Comparison:
    """Judge a run.

    Args:
        result: The run, valid or not.
        baseline: The baseline, if there is one.
        confirmation: A second run of the same version after a suspect first run. An unusable one makes the
            decision invalid, unless the first run fails without a test.
        noise: Measured noise of the scenario, instead of the default priors.
    """
    if not result.validity.valid:
        return Comparison(decision=Decision.INVALID, reasons=result.validity.reasons)
    crossed = crossed_thresholds(result)
    obstacle = explain_not_comparable(result, baseline)
    if baseline is None or obstacle is not None:
        decision = Decision.FAIL if crossed else Decision.INCONCLUSIVE
        return Comparison(decision=decision, reasons=(*crossed, *filter(None, [obstacle])))

    return _compare_with_baseline(result, baseline, confirmation, noise)


def _compare_with_baseline(
    result: RunResult, baseline: Baseline, confirmation: RunResult | None, noise: Noise | None
) -> Comparison:
    """Judge a valid run against its comparable baseline runs."""
    heads = [result]
    unusable = None if confirmation is None else explain_unusable(confirmation)
    if confirmation is not None and unusable is None:
        heads.append(confirmation)
    levels = comparable_levels(result, baseline)
    runs = levels[-1]
    is_search = result.capacity is not None
    accepted = _gather_runs(heads, levels, noise)
    speed = accepted.speed
    judged = accepted.judge()
    against_pinned = _compare_with_pinned(heads, baseline, noise)
    vanished: tuple[str, ...] = ()
    if not is_search:
        vanished = vanished_messages(
            [run.messages for run in runs], [head.summary.messages for head in heads]
        )
    saturation = find_saturation(heads, speed)
    evidence = _Evidence(
        crossed_thresholds(result), judged, vanished, against_pinned, speed, _doubts(noise), saturation
    )
    decision, reasons = _decide_with_context(evidence)
    if unusable is not None and not evidence.is_certain:
        return Comparison(decision=Decision.INVALID, reasons=(unusable, *reasons))
    if len(heads) > 1:
        reasons += _explain_unconfirmed(_gather_runs([result], levels, noise).judge().metrics, judged.metrics)
    counters, work = ((), ()) if is_search else exact_changes(result.summary, [result.summary], runs)
    return Comparison(
        decision=decision,
        reasons=(*reasons, *map(str, counters), *map(str, work)),
        metrics=judged.metrics,
        messages=judged.messages,
        vanished_messages=vanished,
        baseline_runs=sum(map(len, levels)),
        newest_baseline_commit=runs[-1].commit,
        newest_baseline_at=runs[-1].started_at,
        level_at=baseline.newest.accepted_at,
        level_reason=baseline.newest.reason,
        against_pinned=against_pinned,
        pinned_at=baseline.pinned.pinned_at if baseline.pinned and against_pinned else None,
        breaks_at=None if result.capacity is None else result.capacity.breaks_at,
        confirmed_by=heads[1].provenance.run_id if len(heads) > 1 else None,
        machine=_machine_comparison(speed),
        saturation=saturation,
        counters=counters,
        work=work,
    )


def crossed_thresholds(result: RunResult) -> list[str]:
    """Return a sentence for each crossed threshold of a run."""
    return [describe_crossed(limit) for limit in result.thresholds if limit.crossed]


def exact_changes(
    head: RunSummary, heads: Sequence[RunSummary], base: Sequence[RunSummary | BaselineRun]
) -> tuple[tuple[CounterChange, ...], tuple[WorkChange, ...]]:
    """Return the changes of the exact counters and of the work per message.

    Args:
        head: All head runs as one.
        heads: Each head run.
        base: The runs of the base.
    """
    counters = changed_counters(head.counters, [run.counters for run in base])
    work = changed_work([run.done for run in heads], [run.done for run in base])
    return counters, work


def decide(
    crossed: Sequence[str],
    metrics: Sequence[MetricComparison],
    messages: Sequence[MessageComparison] = (),
) -> tuple[Decision, tuple[str, ...]]:
    """Return the decision from crossed thresholds and verdicts, and its reasons."""
    regressed: list[str] = []
    improved: list[str] = []
    inconclusive: list[str] = []
    for row in metrics:
        if not row.gates:
            continue
        if row.verdict is Verdict.WORSE:
            regressed.append(f"{sentence_name(row.key)} is {row.verdict}")
        elif row.verdict is Verdict.BETTER:
            improved.append(f"{sentence_name(row.key)} is {row.verdict}")
        elif row.verdict is Verdict.INCONCLUSIVE and row.part is Part.DECIDES and not row.looks_better:
            inconclusive.append(f"{sentence_name(row.key)}: {explain_inconclusive(row)}")
    missing = ", ".join(map(sentence_name, vanished_keys(metrics)))
    missing_reasons = [f"missing, but the baseline has it: {missing}"] if missing else []
    failures = (*crossed, *regressed, *_regressed_messages(messages), *missing_reasons)
    if failures:
        return Decision.FAIL, failures
    if inconclusive:
        return Decision.INCONCLUSIVE, tuple(inconclusive)
    return Decision.PASS, tuple(improved)


def _regressed_messages(messages: Sequence[MessageComparison]) -> list[str]:
    """Return a sentence for each message, and each class, that regressed."""
    reasons: list[str] = []
    for row in messages:
        if row.verdict is Verdict.WORSE:
            reasons.append(f"{sentence_name(row.key)} of {row.kind} '{row.name}' is {row.verdict}")
    return reasons


def explain_vanished(messages: Sequence[str]) -> list[str]:
    """Return a sentence about the messages that no longer get an answer; empty without one."""
    if not messages:
        return []
    quoted = [f"'{name}'" for name in messages]
    return [f"no answer any more, but the baseline has answers to: {wording.listing(quoted)}"]


def vanished_keys(metrics: Sequence[MetricComparison]) -> tuple[str, ...]:
    """Return the keys of missing metrics, which fail a run without a test."""
    return tuple(row.key for row in metrics if row.verdict is Verdict.MISSING and row.gates)


def explain_inconclusive(comparison: MetricComparison) -> str:
    """Return why a metric is inconclusive."""
    return comparison.doubt or "too little data to compare"


def _decide_with_context(evidence: _Evidence) -> tuple[Decision, tuple[str, ...]]:
    """Decide, and consider the machine, the pinned baseline and the doubts too."""
    certain = [*evidence.crossed, *explain_vanished(evidence.vanished_messages)]
    decision, reasons = decide(certain, evidence.judged.metrics, evidence.judged.messages)
    if evidence.speed is not None and evidence.speed.environment_shift:
        shift = evidence.speed.explain_shift()
        reasons = (shift, *reasons) if decision is Decision.INCONCLUSIVE else (*reasons, shift)
    drifted = regressions(evidence.against_pinned)
    for row in drifted:
        reasons += (f"{sentence_name(row.key)} drifted: it is worse than in the pinned baseline",)
    if drifted:
        decision = Decision.FAIL
    if decision is Decision.FAIL and evidence.doubts and not evidence.is_certain:
        decision = Decision.INCONCLUSIVE
        reasons = (*evidence.doubts, *reasons)
    if evidence.saturation is not None:
        reasons = (evidence.saturation, *reasons)
        decision = decision if evidence.is_certain else Decision.INCONCLUSIVE
    return decision, reasons


def explain_unusable(confirmation: RunResult) -> str | None:
    """Return why a second run cannot confirm a regression; `None` if it can."""
    if confirmation.stop is not None:
        return f"the confirmation run ended early: {confirmation.stop.reason}"
    if not confirmation.validity.valid:
        return f"the confirmation run is invalid: {'; '.join(confirmation.validity.reasons)}"
    if confirmation.capacity is not None and compared_load(confirmation) is None:
        return "the confirmation run ended before its search had an answer"
    return None


def _doubts(noise: Noise | None) -> tuple[str, ...]:
    """Return why a regression must not fail the run; empty if it fails it."""
    if noise is None or not noise.advisory:
        return ()
    alarms = f"{noise.alarms} of {noise.runs} runs of the same version were false alarms"
    return (f"the gate only advises: {alarms}",)


def _gather_runs(
    heads: Sequence[RunResult], levels: Sequence[Sequence[BaselineRun]], noise: Noise | None
) -> AcceptedRuns | AcceptedSearches:
    """Return the runs of both sides, with their machine speed unless the stack simulates time."""
    simulated = heads[0].fingerprint.simulated
    tolerances = heads[0].scenario.tolerances
    speed = None if simulated else compare_speed(heads, [run for level in levels for run in level])
    if heads[0].capacity is not None:
        loads = [list(filter(None, [run.safe_load for run in level])) for level in levels]
        head_loads = list(filter(None, map(compared_load, heads)))
        return AcceptedSearches(head_loads, loads, tolerances, noise, speed, simulated)
    summaries = [head.summary for head in heads]
    return AcceptedRuns(summaries, levels, tolerances, noise, speed, simulated)


def _machine_comparison(speed: MachineSpeed | None) -> MachineComparison | None:
    if speed is None:
        return None
    return MachineComparison(
        slower_ratio=speed.slowdown_ratio,
        environment_shift=speed.environment_shift,
        sd_ratio=speed.own_sd,
    )


def _compare_with_pinned(
    heads: Sequence[RunResult], baseline: Baseline, noise: Noise | None
) -> tuple[MetricComparison, ...]:
    """Compare the deciding metrics with the pinned runs; empty with too few comparable ones."""
    pinned = same_conditions(heads[0], baseline.pinned.runs if baseline.pinned else ())
    if len(pinned) < fewest_runs(is_search=heads[0].capacity is not None):
        return ()
    judged = _gather_runs(heads, [pinned], noise).judge()
    return tuple(row for row in judged.metrics if row.part is Part.DECIDES)


def _explain_unconfirmed(
    alone: Sequence[MetricComparison], both: Sequence[MetricComparison]
) -> tuple[str, ...]:
    """Return a sentence for each regression of the first run that the confirmation run does not have."""
    confirmed = {row.key for row in regressions(both)}
    reasons: list[str] = []
    for row in regressions(alone):
        if row.gates and row.key not in confirmed:
            reasons.append(f"{sentence_name(row.key)} looked worse, and a second run did not confirm it")
    return tuple(reasons)
