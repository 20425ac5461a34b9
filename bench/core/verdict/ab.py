"""Compare two versions that were measured alternately on one machine (`bench ab`).

Consecutive runs share the machine and its load, so their differences contain neither, and no baseline is
needed.
"""

from collections.abc import Sequence
from dataclasses import replace

from bench.core.calibration.calibration import Calibration
from bench.core.faults.fault_times import FaultTimes, shift_faults
from bench.core.run.messages import vanished_messages
from bench.core.run.recording import Recording, shift_clock, shift_stalls
from bench.core.run.result import RunResult
from bench.core.run.saturation import find_saturation
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample, Stall, Stop
from bench.core.samples.samples import SampleLog
from bench.core.samples.token_times import Span, shift_spans
from bench.core.tiers.histogram_means import join_means
from bench.core.values.histogram import Histogram
from bench.core.verdict.accepted_change import AcceptedChange
from bench.core.verdict.compare import (
    Comparison,
    Decision,
    crossed_thresholds,
    decide,
    exact_changes,
    explain_vanished,
    vanished_keys,
)
from bench.core.verdict.paired_runs import judge_paired_runs
from bench.core.watch.host import noisiest
from bench.core.watch.work import sum_work


def run_order(pairs: int) -> str:
    """Return the order of the runs, `ABBA ABBA…`: neither version gains from being first, or from a drift."""
    return ("ABBA" * pairs)[: 2 * pairs]


def compare_pairs(  # noqa: PLR0913 - most callers need four of them
    base: Sequence[RunResult],
    head: Sequence[RunResult],
    joined_head: RunResult,
    base_name: str,
    scenarios: int = 1,
    *,
    accepted: AcceptedChange | None = None,
) -> Comparison:
    """Compare the head with the base.

    Args:
        base: The runs of the base, in their order.
        head: The same number of runs of the head, each measured directly before or after the base run at its
            index.
        joined_head: All head runs as one run, for the thresholds.
        base_name: Name of the base in reports.
        scenarios: Number of scenarios that are compared together: they share the false-alarm rates.
        accepted: A change for the worse that was accepted: the head is compared with its level.
    """
    if accepted is not None:
        base = _without_missing(base, accepted)
    invalid = _find_faults([*base, *head])
    if invalid:
        return Comparison(
            decision=Decision.INVALID, reasons=tuple(invalid), base_name=base_name, pairs=len(base)
        )

    base_summaries = [run.summary for run in base]
    head_summaries = [run.summary for run in head]
    judged = judge_paired_runs(
        base_summaries, head_summaries, joined_head.scenario.tolerances, scenarios, accepted
    )
    vanished = vanished_messages(
        [run.messages for run in base_summaries], [run.messages for run in head_summaries]
    )
    certain = [*crossed_thresholds(joined_head), *explain_vanished(vanished)]
    decision, reasons = decide(certain, judged.metrics, judged.messages)
    saturation = find_saturation([*base, *head])
    if saturation is not None:
        reasons = (saturation, *reasons)
        decision = decision if certain or vanished_keys(judged.metrics) else Decision.INCONCLUSIVE
    counters, work = exact_changes(joined_head.summary, head_summaries, base_summaries)
    return Comparison(
        decision=decision,
        reasons=(*reasons, *map(str, counters), *map(str, work)),
        metrics=judged.metrics,
        messages=judged.messages,
        vanished_messages=vanished,
        baseline_runs=len(base),
        newest_baseline_commit=base[-1].provenance.commit,
        base_name=base_name,
        pairs=len(base),
        saturation=saturation,
        counters=counters,
        work=work,
    )


def _find_faults(runs: Sequence[RunResult]) -> dict[str, None]:
    """Return the reasons why runs are invalid, each once."""
    reasons: dict[str, None] = {}
    for run in runs:
        reasons |= dict.fromkeys(run.validity.reasons)
    return reasons


def _without_missing(runs: Sequence[RunResult], accepted: AcceptedChange) -> list[RunResult]:
    """Return runs of the base without the metrics and the messages whose absence was accepted."""
    kept: list[RunResult] = []
    for run in runs:
        metrics = {key: row for key, row in run.summary.metrics.items() if key not in accepted.missing}
        messages = {name: use for name, use in run.summary.messages.items() if name not in accepted.missing}
        summary = run.summary.model_copy(update={"metrics": metrics, "messages": messages})
        kept.append(run.model_copy(update={"summary": summary}))
    return kept


def join_recordings(recordings: Sequence[Recording]) -> Recording:
    """Join recordings without warm-up (see `drop_warm_up`) into one, as if they were consecutive."""
    samples = SampleLog()
    resources: list[ResourceSample] = []
    probes: list[Probe] = []
    gauges: list[GaugeSample] = []
    long_turns: list[Stall] = []
    faults: list[FaultTimes] = []
    token_gaps: dict[int, Histogram] = {}
    token_spans: dict[int, tuple[Span, ...]] = {}
    planned_s = 0.0
    elapsed_s = 0.0
    stop: Stop | None = None
    calibration: Calibration | None = None
    for recording in recordings:
        samples.extend(recording.samples.shift(elapsed_s).to_log())
        for phase, gaps in recording.token_gaps.items():
            token_gaps.setdefault(phase, Histogram()).merge(gaps)
        for phase, spans in recording.token_spans.items():
            token_spans[phase] = (*token_spans.get(phase, ()), *shift_spans(spans, elapsed_s))
        resources += shift_clock(recording.resources, elapsed_s)
        probes += shift_clock(recording.probes, elapsed_s)
        gauges += shift_clock(recording.gauges, elapsed_s)
        long_turns += shift_stalls(recording.long_turns, elapsed_s)
        faults += shift_faults(recording.faults, elapsed_s)
        planned_s += recording.planned_s
        elapsed_s += recording.elapsed_s
        stop = stop or recording.stop
        calibration = calibration or recording.calibration
    return replace(
        recordings[0],
        planned_s=planned_s,
        elapsed_s=elapsed_s,
        samples=samples.since(0),
        token_gaps=token_gaps,
        token_spans=token_spans,
        resources=tuple(resources),
        probes=tuple(probes),
        gauges=tuple(gauges),
        longest_turn_s=max((recording.longest_turn_s or 0.0 for recording in recordings), default=None),
        long_turns=tuple(long_turns),
        faults=tuple(faults),
        work=sum_work([recording.work for recording in recordings]),
        stop=stop,
        calibration=calibration,
        host=noisiest([recording.host for recording in recordings]),
        layers=[times_ms for recording in recordings for times_ms in recording.layers],
        tier_means=join_means([recording.tier_means for recording in recordings]),
    )
