"""The decision on a run: thresholds, verdicts on its metrics, and whether anything can be said at all."""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import AwareDatetime

from bench.core.calibration.machine import Machine, machine_of
from bench.core.run.counters import CounterChange, changed_counters
from bench.core.run.result import RunResult, differences
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, sentence_name, tier_name
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.verdict.baseline import MIN_RUNS, Baseline, BaselineRun
from bench.core.verdict.noise import Noise
from bench.core.verdict.success import accepted_successes, judge_success, successes
from bench.core.verdict.verdict import MDE_BUDGET_RATIO, MetricComparison, Verdict, judge_metrics
from bench.core.watch.work import WorkChange, changed_work


class Decision(StrEnum):
    """What is said of the run."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class MachineComparison(Record):
    """The machine of a run beside those of the baseline, by what the same work took.

    Attributes:
        slower_ratio: How much slower it was; below 0 it was faster.
        moved: It is not one like those: an environment shift.
    """

    slower_ratio: float
    moved: bool


class Comparison(Record):
    """A run, judged.

    Attributes:
        decision: The verdict on the run.
        reasons: What it rests on, one sentence each.
        metrics: Every metric that can decide, then every tier.
        baseline_runs: How many runs it was compared with.
        newest_baseline_commit: What the newest of them measured.
        newest_baseline_at: When that was.
        drifted: What decides, beside the baseline's anchor; empty when it has none to compare with.
        pinned_at: When the anchor was pinned.
        confirmed_by: The second run that it rests on; None when one was enough.
        compare_with: What was measured in turns with it; None when it was compared with a baseline.
        machine: How fast this run's machine was beside the baseline's; None when no control says so.
        counters: What has no noise and changed all the same; it decides nothing.
        work: What messages make the stack's services do, likewise.
    """

    decision: Decision
    reasons: tuple[str, ...]
    metrics: tuple[MetricComparison, ...] = ()
    baseline_runs: int = 0
    newest_baseline_commit: str | None = None
    newest_baseline_at: AwareDatetime | None = None
    drifted: tuple[MetricComparison, ...] = ()
    pinned_at: AwareDatetime | None = None
    confirmed_by: str | None = None
    compare_with: str | None = None
    machine: MachineComparison | None = None
    counters: tuple[CounterChange, ...] = ()
    work: tuple[WorkChange, ...] = ()

    @property
    def suspect(self) -> bool:
        """Whether it is worth measuring again, before anybody is told."""
        looks = any(each.suspect and each.gates for each in self.metrics)
        return self.confirmed_by is None and (looks or bool(self.worse_than_pinned))

    def regressed(self, part: Part) -> tuple[MetricComparison, ...]:
        """The regressions among the metrics of one part, the largest first."""
        found = [each for each in self.metrics if each.regressed and each.part is part]
        return tuple(sorted(found, key=lambda each: -abs(each.change or 0.0)))

    @property
    def vanished(self) -> tuple[str, ...]:
        """What the baseline has and the run has not, by key."""
        return _vanished(self.metrics)

    @property
    def worse_than_pinned(self) -> tuple[MetricComparison, ...]:
        """What decides and crept."""
        return tuple(each for each in self.drifted if each.regressed)

    def slower_tiers(self) -> tuple[MetricComparison, ...]:
        """The tiers that make up the growth: each at least a fifth of it and beyond what matters."""
        tiers = [each for each in self.metrics if tier_name(each.key) is not None]
        grown = [each for each in tiers if (each.change or 0.0) >= metric(each.key).smallest_change]
        total = sum(each.change or 0.0 for each in grown)
        main = [each for each in grown if (each.change or 0.0) >= total / 5]
        return tuple(sorted(main, key=lambda each: -(each.change or 0.0)))


def compare(
    result: RunResult, baseline: Baseline | None, again: RunResult | None = None, noise: Noise | None = None
) -> Comparison:
    """Judge a run.

    Args:
        result: The run, valid or not.
        baseline: What is expected; None when nothing is yet.
        again: A second run of the same, valid or not, when the first one was suspect.
        noise: What is known of runs of the same; None for the usual priors.
    """
    if not result.validity.valid:
        return Comparison(decision=Decision.INVALID, reasons=result.validity.reasons)
    crossed = [f"threshold crossed: {limit}" for limit in result.crossed]
    unjudged = _unjudged(result, baseline)
    if unjudged or baseline is None:
        decision = Decision.FAIL if crossed else Decision.INCONCLUSIVE
        return Comparison(decision=decision, reasons=(*crossed, *unjudged))
    heads = [result] if again is None or _no_witness(again) else [result, again]
    runs = comparable(result, baseline)
    machine, metrics = _machine(heads, runs), _judged(heads, runs, noise)
    drifted = _against_pinned(heads, baseline, noise)
    decision, reasons = _weighed(crossed, metrics, drifted, machine, _doubts(noise, again))
    reasons += _unconfirmed(_judged([result], runs, noise), metrics) if len(heads) > 1 else ()
    counters = changed_counters(result.summary.counters, [run.counters for run in runs])
    work = changed_work([result.summary.done], [run.done for run in runs])
    return Comparison(
        decision=decision,
        reasons=(*reasons, *map(str, counters), *map(str, work)),
        metrics=metrics,
        baseline_runs=len(runs),
        newest_baseline_commit=runs[-1].commit,
        newest_baseline_at=runs[-1].started_at,
        drifted=drifted,
        pinned_at=baseline.pinned.pinned_at if baseline.pinned and drifted else None,
        confirmed_by=heads[1].provenance.run_id if len(heads) > 1 else None,
        machine=_beside_others(machine),
        counters=counters,
        work=work,
    )


def _weighed(
    crossed: Sequence[str],
    metrics: Sequence[MetricComparison],
    drifted: Sequence[MetricComparison],
    machine: Machine | None,
    doubts: Sequence[str],
) -> tuple[Decision, tuple[str, ...]]:
    """The decision when the machine, the anchor and what speaks against a failure are looked at too."""
    decision, reasons = decide(crossed, metrics)
    if machine is not None and machine.moved:
        first = decision is Decision.INCONCLUSIVE
        reasons = (_moved(machine), *reasons) if first else (*reasons, _moved(machine))
    worse = [sentence_name(each.key) for each in drifted if each.regressed]
    if worse:
        decision = Decision.FAIL
        reasons += tuple(f"{name} crept: it regressed beside the anchor" for name in worse)
    if decision is Decision.FAIL and doubts and not crossed and not _vanished(metrics):
        return Decision.INCONCLUSIVE, (*doubts, *reasons)
    return decision, reasons


def _no_witness(again: RunResult) -> str | None:
    """Why a second run confirms nothing; None when it can."""
    if again.stop is not None:
        return f"the second run, which had to agree, ended early: {again.stop.reason}"
    if not again.validity.valid:
        return f"the second run, which had to agree, is invalid: {'; '.join(again.validity.reasons)}"
    return None


def _doubts(noise: Noise | None, again: RunResult | None) -> tuple[str, ...]:
    """Why what looks like a regression fails nobody; empty when it does."""
    doubts = []
    if noise is not None and noise.advisory:
        alarms = f"{noise.alarms} of {noise.runs} runs of the same were false alarms"
        doubts.append(f"the gate only advises: {alarms}")
    if again is not None and (why := _no_witness(again)):
        doubts.append(why)
    return tuple(doubts)


def _vanished(metrics: Sequence[MetricComparison]) -> tuple[str, ...]:
    """What blocks without any test: the baseline has it and the run has not."""
    return tuple(each.key for each in metrics if each.verdict is Verdict.MISSING and each.gates)


def _judged(
    heads: Sequence[RunResult], runs: Sequence[BaselineRun], noise: Noise | None
) -> tuple[MetricComparison, ...]:
    summaries, tolerances = [each.summary for each in heads], heads[0].scenario.tolerances
    success = judge_success(successes(summaries), accepted_successes(runs))
    return (success, *judge_metrics(summaries, runs, tolerances, noise, _machine(heads, runs)))


def _machine(heads: Sequence[RunResult], runs: Sequence[BaselineRun]) -> Machine | None:
    """How fast the machines were; where time is simulated that is no matter."""
    if heads[0].fingerprint.simulated:
        return None
    return machine_of([each.reference_workload for each in heads], [run.reference_workload for run in runs])


def _beside_others(machine: Machine | None) -> MachineComparison | None:
    if machine is None:
        return None
    return MachineComparison(slower_ratio=machine.slower_ratio, moved=machine.moved)


def _moved(machine: Machine) -> str:
    way = "slower" if machine.slower > 0 else "faster"
    size = wording.percent(abs(machine.slower_ratio))
    return f"environment shift: work that no version touches was {size} {way} than in the baseline's runs"


def _against_pinned(
    heads: Sequence[RunResult], baseline: Baseline, noise: Noise | None
) -> tuple[MetricComparison, ...]:
    """What decides, beside the pinned runs that compare with this one, if there are enough."""
    alike = _alike(heads[0], baseline.pinned.runs if baseline.pinned else ())
    if len(alike) < MIN_RUNS:
        return ()
    return tuple(each for each in _judged(heads, alike, noise) if each.part is Part.DECIDES)


def _unconfirmed(alone: Sequence[MetricComparison], both: Sequence[MetricComparison]) -> tuple[str, ...]:
    """What looked like a regression until it was measured again."""
    confirmed = {each.key for each in both if each.regressed}
    looked = [each.key for each in alone if each.regressed and each.gates and each.key not in confirmed]
    return tuple(f"{sentence_name(key)} looked worse, and a second run did not confirm it" for key in looked)


def comparable(result: RunResult, baseline: Baseline) -> tuple[BaselineRun, ...]:
    """The runs of a baseline that a run can be compared with, oldest first."""
    return tuple(run for run in _alike(result, baseline.runs) if run.ok + run.failed > 0)


def _alike(result: RunResult, runs: Sequence[BaselineRun]) -> list[BaselineRun]:
    """The runs that compare with this one; where both have a control the processor may be another one."""
    own, reference_workload = result.fingerprint, result.reference_workload
    return [
        run
        for run in runs
        if not differences(
            own,
            run.fingerprint,
            any_processor=machine_of([reference_workload], [run.reference_workload]) is not None,
        )
    ]


def _unjudged(result: RunResult, baseline: Baseline | None) -> tuple[str, ...]:
    """Why nothing can be said of this run beside this baseline; empty when something can."""
    if result.stop is not None:
        return (f"the run ended early and was not compared: {result.stop.reason}",)
    if baseline is None or not baseline.runs:
        return ("there is no baseline for this scenario and environment yet",)
    if baseline.scenario != result.scenario.name:
        return (f"the baseline is of scenario '{baseline.scenario}'",)
    count = len(comparable(result, baseline))
    if count >= MIN_RUNS:
        return ()
    newest = differences(result.fingerprint, baseline.runs[-1].fingerprint)
    why = f"; the newest differs in {', '.join(newest)}" if newest else ""
    return (
        f"{count} of the baseline's {len(baseline.runs)} runs are comparable, {MIN_RUNS} are needed{why}",
    )


def decide(crossed: Sequence[str], metrics: Sequence[MetricComparison]) -> tuple[Decision, tuple[str, ...]]:
    """The decision that verdicts and crossed thresholds make, and what it rests on."""
    gating = [each for each in metrics if each.gates]
    said = {verdict: [each for each in gating if each.verdict is verdict] for verdict in Verdict}
    missing = [sentence_name(key) for key in _vanished(metrics)]
    failures = [
        *crossed,
        *(f"{sentence_name(each.key)} regressed" for each in said[Verdict.REGRESSED]),
        *([f"missing, though the baseline has it: {', '.join(missing)}"] if missing else ()),
    ]
    if failures:
        return Decision.FAIL, tuple(failures)
    inconclusive = [each for each in said[Verdict.INCONCLUSIVE] if each.part is Part.DECIDES]
    if inconclusive:
        return Decision.INCONCLUSIVE, tuple(
            f"{sentence_name(each.key)}: {unclear(each)}" for each in inconclusive
        )
    return Decision.PASS, tuple(f"{sentence_name(each.key)} improved" for each in said[Verdict.IMPROVED])


def unclear(each: MetricComparison) -> str:
    """Why nothing can be said of a metric."""
    if each.mde_ratio is None:
        return "too little data to compare"
    if each.mde_ratio <= MDE_BUDGET_RATIO:
        return f"{wording.change(each.change_ratio)}, which the machine may explain"
    return (
        f"only a change of {wording.change(each.mde_ratio)} or more could have been seen, "
        f"{wording.change(MDE_BUDGET_RATIO)} is asked"
    )
