"""Compare two versions that were measured alternately on one machine (`bench ab`).

Consecutive runs share the machine and its load, so their differences contain neither, and no baseline is
needed.
"""

from collections.abc import Sequence

from bench.core.run.messages import vanished_messages
from bench.core.run.result import RunResult
from bench.core.run.saturation import find_saturation
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
