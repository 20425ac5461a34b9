"""Convert simulated runs to the records that the real rule compares.

Validation of thousands of runs would take most of the time, so the records are copies of valid ones with
other values; a test validates some.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.scenario import Scenario
from bench.core.run.messages import MessageUse
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.origin import Fingerprint, Provenance
from bench.core.run.result import RunResult, environment
from bench.core.run.summary import RunSummary
from bench.core.run.validity import Validity
from bench.core.samples.metrics import metric, metric_of_tail, tail_key
from bench.core.samples.sample import Outcome
from bench.core.values import stats
from bench.core.values.histogram import Histogram
from bench.core.verdict.baseline import Baseline, Level, to_baseline_run
from bench.core.watch.resources import ResourceSummary

from .world import BLOCKS, SHORT, THINK_MS, VUS, Floats, Runs, has_tail

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_WORKLOAD_MS = 10.0
SERVICE = "gateway"
_SCENARIO = Scenario.model_validate(
    {
        "name": "simulated",
        "purpose": "Random numbers.",
        "target": "none",
        "seed": 1,
        "prompts": "-",
        "phases": [{"executor": "cases"}],
    }
)
_FINGERPRINT = Fingerprint(
    stack="simulated",
    stack_digest="0",
    work_digest="0",
    system="none",
    cpu_model="none",
    cpu_count=2,
    simulated=False,
)
_PROVENANCE = Provenance(
    run_id="run",
    started_at=START,
    tool_version="0",
    python_version="0",
    commit=None,
    dirty=None,
)
_METRIC = MetricSummary(count=1, mean=1.0)
_USE = MessageUse(message_class=SHORT, requests=1)
_RESOURCES = ResourceSummary(cpu_pct_mean=0.0, cpu_pct_p95=0.0, memory_bytes_max=None)
_SUMMARY = RunSummary(
    elapsed_s=1.0,
    requests=1,
    requests_rps=1.0,
    outcomes={Outcome.OK: 1},
    failed_blocks=0,
    metrics={},
    resources={},
    errors=(),
)
_WORKLOAD = ReferenceWorkload(before_ms={"work": _WORKLOAD_MS}, after_ms={"work": _WORKLOAD_MS})
_RESULT = RunResult(
    scenario=_SCENARIO,
    provenance=_PROVENANCE,
    fingerprint=_FINGERPRINT,
    summary=_SUMMARY,
    thresholds=(),
    validity=Validity(valid=True),
)


def results(runs: Runs, name: str = "run", scenario: str = "simulated", first: int = 0) -> list[RunResult]:
    """Return each run as a result, an hour after the one before it.

    Args:
        runs: The runs.
        name: First part of their ids.
        scenario: Name of their scenario.
        first: Hour of the first one.
    """
    declared = _SCENARIO if scenario == _SCENARIO.name else _SCENARIO.model_copy(update={"name": scenario})
    made: list[RunResult] = []
    for number, summary in enumerate(_summaries(runs)):
        at = {"run_id": f"{name}-{number}", "started_at": START + (first + number) * _HOUR}
        changes = {
            "scenario": declared,
            "provenance": _PROVENANCE.model_copy(update=at),
            "summary": summary,
            "reference_workload": _reference_workload(runs.workload_logs, number),
        }
        made.append(_RESULT.model_copy(update=changes))
    return made


def as_baseline(*levels: Sequence[RunResult]) -> Baseline:
    """Return a baseline with the runs of each level, oldest first; levels without runs are left out."""
    made: list[Level] = []
    for accepted in filter(None, levels):
        runs = tuple(to_baseline_run(result, "usual", "nobody", START) for result in accepted)
        made.append(Level.model_construct(reason="usual", accepted_by="nobody", accepted_at=START, runs=runs))
    return Baseline.model_construct(
        scenario="simulated",
        stack="simulated",
        environment=environment(_FINGERPRINT),
        levels=tuple(made),
    )


def _summaries(runs: Runs) -> list[RunSummary]:
    times = {"e2e_ms": runs.times_ms} | runs.own
    metrics = {key: _metrics(key, times_ms, runs) for key, times_ms in times.items()}
    requests = runs.times_ms.shape[1]
    right = requests - runs.failed.sum(axis=1)
    elapsed_s = requests / VUS * (THINK_MS + runs.means_ms) / 1000.0
    cpu_pct = runs.cpu_ms * requests / elapsed_s / 10.0
    block = np.arange(requests) * BLOCKS // requests
    uses = _uses(runs)
    made: list[RunSummary] = []
    for number, ok in enumerate(right.tolist()):
        outcomes = {Outcome.OK: ok}
        if ok < requests:
            outcomes[Outcome.HTTP_ERROR] = requests - ok
        service = {
            "cpu_pct_mean": float(cpu_pct[number]),
            "cpu_pct_p95": float(cpu_pct[number]),
            "memory_bytes_max": int(runs.memory_bytes[number]),
        }
        changes = {
            "elapsed_s": float(elapsed_s[number]),
            "requests": requests,
            "requests_rps": ok / float(elapsed_s[number]),
            "outcomes": outcomes,
            "failed_blocks": len(np.unique(block[runs.failed[number]])),
            "messages": uses[number],
            "metrics": {key: of_key[number] for key, of_key in metrics.items()},
            "resources": {SERVICE: _RESOURCES.model_copy(update=service)},
        }
        made.append(_SUMMARY.model_copy(update=changes))
    return made


def _uses(runs: Runs) -> list[dict[str, MessageUse]]:
    """Return the requests of each message in each run."""
    numbers = range(len(runs.classes))
    of_message = (runs.messages[:, np.newaxis] == np.array(numbers)).astype(int)
    requests = of_message.sum(axis=0).tolist()
    made: list[dict[str, MessageUse]] = []
    without_failure: dict[str, MessageUse] | None = None
    for failed in runs.failed:
        if without_failure is not None and not failed.any():
            made.append(without_failure)
            continue
        ok = ((~failed).astype(int) @ of_message).tolist()
        uses: dict[str, MessageUse] = {}
        for number in numbers:
            counts = {"requests": requests[number], "ok": ok[number]}
            uses[_name(number)] = _USE.model_copy(update={"message_class": runs.classes[number], **counts})
        if not failed.any():
            without_failure = uses
        made.append(uses)
    return made


def _name(message: int) -> str:
    return f"m{message:02}"


def _metrics(key: str, times_ms: Floats, runs: Runs) -> list[MetricSummary]:
    """Return the summary of one metric in each run."""
    start_ms = None if metric(key).adds_up else metric(key).resolution
    decides = metric_of_tail(tail_key(key)) is not None
    figures = _figures(times_ms, runs, start_ms)
    made: list[MetricSummary] = []
    for number, of_run in enumerate(figures):
        ascending = np.sort(times_ms[number][~runs.failed[number]])
        tail = stats.quantile_of_ascending(ascending, 0.95) if has_tail(len(ascending)) else None
        changes = {
            "count": len(ascending),
            "mean": float(ascending.sum()) / len(ascending),
            "typical": _typical(list(of_run.values()), start_ms),
            "p50": stats.quantile_of_ascending(ascending, 0.5),
            "p95": tail,
            "figures": of_run,
            "histogram": Histogram.of_ascending(ascending).written() if decides else None,
        }
        made.append(_METRIC.model_copy(update=changes))
    return made


def _typical(values_ms: Sequence[float], start_ms: float | None) -> float:
    return float(np.mean(values_ms)) if start_ms is None else stats.typical(values_ms, start_ms)


def _figures(times_ms: Floats, runs: Runs, start_ms: float | None) -> list[dict[str, float]]:
    """Return the typical value of each message in each run; vectorised `stats.typical`."""
    names = [_name(number) for number in range(len(runs.classes))]
    of_message = (runs.messages[:, np.newaxis] == np.arange(len(names))).astype(float)
    ok = (~runs.failed).astype(float)
    requests = ok @ of_message
    scaled = times_ms if start_ms is None else np.log1p(times_ms / start_ms)
    means = (scaled * ok) @ of_message / np.maximum(requests, 1.0)
    typical = means if start_ms is None else start_ms * np.expm1(means)
    made: list[dict[str, float]] = []
    for values, counts in zip(typical.tolist(), requests.tolist(), strict=True):
        made.append({name: value for name, value, some in zip(names, values, counts, strict=True) if some})
    return made


def _reference_workload(logs: Floats | None, number: int) -> ReferenceWorkload | None:
    if logs is None:
        return None
    before_ms, after_ms = _WORKLOAD_MS * np.exp(logs[number])
    times = {"before_ms": {"work": float(before_ms)}, "after_ms": {"work": float(after_ms)}}
    return _WORKLOAD.model_copy(update=times)
