"""Runs made directly from figures, so that a test can compare thousands of them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bench.core.limits.tolerance import Tolerance
from bench.core.run.figures import ALL
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.summary import RunSummary
from bench.core.samples.metrics import metric, metric_of_tail, tail_key
from bench.core.samples.sample import Outcome
from bench.core.values import stats
from bench.core.verdict.accepted_runs import AcceptedRuns
from bench.core.verdict.baseline import Baseline, BaselineRun
from bench.core.verdict.verdict import MetricComparison
from tests.factories import NOON, make_baseline, make_fingerprint, with_runs

# Milliseconds by metric and prompt.
Figures = Mapping[str, Mapping[str, float]]


def make_summary(figures: Figures, *, ok: int = 100, failed: int = 0, failed_blocks: int = 0) -> RunSummary:
    """The summary of a run with these figures."""
    return RunSummary(
        elapsed_s=30.0,
        requests=ok + failed,
        requests_rps=ok / 30.0,
        outcomes={Outcome.OK: ok, Outcome.HTTP_ERROR: failed},
        failed_blocks=failed_blocks,
        metrics={
            key: MetricSummary(
                count=ok,
                mean=sum(row.values()) / len(row),
                typical=stats.typical(list(row.values()), metric(key).resolution),
                p95=figures.get(tail_key(key), {}).get(ALL),
                figures=dict(row),
            )
            for key, row in figures.items()
            if metric_of_tail(key) is None
        },
        resources={},
        errors=(),
    )


def make_accepted(
    figures: Figures, number: int = 0, *, ok: int = 100, failed: int = 0, failed_blocks: int = 0
) -> BaselineRun:
    """A baseline run with these figures."""
    return BaselineRun(
        run_id=f"run-{number}",
        started_at=NOON + timedelta(hours=number),
        commit=f"{number:040x}",
        tool_version="0.1.0",
        accepted_at=NOON + timedelta(days=1),
        accepted_by="Tess Ter",
        reason="usual",
        fingerprint=make_fingerprint(),
        ok=ok,
        failed=failed,
        failed_blocks=failed_blocks,
        figures={key: dict(row) for key, row in figures.items()},
    )


def judged(
    head: Figures, base: Sequence[Figures], tolerances: Mapping[str, Tolerance] | None = None
) -> dict[str, MetricComparison]:
    """The verdicts by metric on a run with these figures, against baseline runs with the others."""
    runs = [make_accepted(row, number) for number, row in enumerate(base)]
    accepted = AcceptedRuns([make_summary(head)], [runs], tolerances or {})
    return {row.key: row for row in accepted.judge().metrics}


def without_success(count: int = 6) -> Baseline:
    """A baseline in which every request failed, which an older version accepted."""
    usual = make_baseline((1.0,) * count)
    runs = tuple(
        run.model_copy(
            update={"ok": 0, "failed": 100, "failed_blocks": 6, "figures": {}, "messages": {}, "costs": {}}
        )
        for run in usual.runs
    )
    return with_runs(usual, runs)
