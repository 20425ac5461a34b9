"""Pages of the tables in the code: metrics, exit codes and outcomes."""

from dataclasses import replace

from bench.core.run.figures import TAIL_REQUESTS
from bench.core.samples.cost_metrics import (
    OVERHEADS,
    RUN_METRICS,
    cpu_key,
    growth_key,
    memory_key,
    overhead_key,
    work_key,
)
from bench.core.samples.metric import Better, Metric, MetricKind, Part
from bench.core.samples.metrics import (
    METRICS,
    RECOVERY,
    UNATTRIBUTED,
    metric,
    milestone_key,
    tail_key,
    tier_key,
)
from bench.core.samples.sample import Outcome
from bench.core.values import wording
from bench.core.verdict.margins import TIER_SHARE
from bench.errors import Exit

from .attributes import member_docs
from .markdown import code, table

_METRICS = """\
# Metrics

What does each metric measure, and can it fail a run?
Use a metric's key in `thresholds`, `objectives` and `tolerances` of a [scenario](scenario.md).
The token metrics have vLLM's names: TTFT is `ttft_ms`, TPOT is `tpot_ms`.
[How a verdict is reached](../explanation/methodology.md) explains how the metrics are compared.

Latencies are those of successful requests only: a refused request is fast and would improve the mean.
A request that was ended while it waited (`cut_off`, `timeout`) counts with its wait, as [a value that is
longer](../explanation/methodology.md#requests-without-an-answer); this holds for `e2e_ms`, `service_ms` and,
before the first token, `ttft_ms`.
The largest of the tolerated changes counts; the default is 10 % of the base, and 5 % in `bench ab`.
Write `tolerances` in a scenario to change them ([how](../how-to/write-a-scenario.md#combine-several-phases)).
An unknown value is a dash in reports and null in files, never 0.
A result has the mean, the percentiles up to p99.9, the maximum and a histogram of each duration, and the time
between tokens (ITL), which is no metric of a request: [what the figures mean](../explanation/figures.md).
"""
_TYPES = {
    MetricKind.TREND: ("trend", "`avg`, `min`, `med`, `max`, `p(N)`"),
    MetricKind.RATE: ("rate", "`rate`"),
    MetricKind.COUNTER: ("counter", "`count`, and `rate` per second"),
}
_COSTS = """\
Overhead, throughput, tokens per request, availability, work and the resources of services have one value per
run.
`recovery_ms` and `lost_requests` belong to scenarios with [faults](../how-to/test-failover.md).
A stack that did not recover crosses each threshold on `recovery_ms`.
Their thresholds have no method: `<500MB`, `<5ms`.
A limit may have a unit; a number without one is in the unit of the metric.
"""
_RECOVERY = """\
`{key}` has a field of its own in a scenario.
It is the ratio of the waiting time after cancellations to the waiting time before them.
"""
_EXIT_CODES = """\
# Exit codes

Why did `bench` exit with this code, and what can you do?
Every command uses these codes.
A CI job fails with every code except 0.
"""
_OUTCOMES = """\
# Outcomes

How did a request end?
Each request has exactly one outcome.
A failed request also has a sentence that explains the failure; a report shows up to ten of them per outcome.
Only `ok` counts as a success in `success_ratio`.
The response time of a request with the outcome `timeout` or `cut_off` is [longer than its
wait](../explanation/methodology.md#requests-without-an-answer).
[Answers and their outcomes](answers.md) shows the outcome of many answers of real servers.
"""


def metrics_page() -> str:
    """Return the page of all metrics, with those that are made for milestones, tails and tiers."""
    rows = [_metric(row) for row in METRICS.values()]
    milestone = milestone_key("<milestone>")
    rows.append(_metric(replace(metric(milestone), label="time to the milestone")))
    for key in ("e2e_ms", "ttft_ms", milestone):
        row = metric(tail_key(key))
        text = f"95th percentile of `{key}`, in runs with at least {TAIL_REQUESTS} responses."
        label = "p95 time to the milestone" if key == milestone else row.label
        rows.append(_metric(replace(row, label=label), definition=text))
    rows.append(_metric(replace(metric(tier_key("<tier>")), label="name of the tier")))
    rows.append(_metric(metric(tier_key(UNATTRIBUTED))))
    for key in (*RUN_METRICS, *map(overhead_key, OVERHEADS)):
        rows.append(_metric(metric(key)))
    for key in (
        memory_key("<service>"),
        growth_key("<service>"),
        cpu_key("<service>"),
        work_key("<counter>"),
    ):
        rows.append(_metric(metric(key)))
    head = [
        "metric",
        "name in reports",
        "unit",
        "definition",
        "formula",
        "better",
        "in a verdict",
        "tolerated change",
    ]
    methods = [[_keys(kind), name, text] for kind, (name, text) in _TYPES.items()]
    parts = [
        f"{_METRICS}\n{table(head, rows)}",
        "## In a verdict\n",
        table(["role", "meaning"], [[code(part), text] for part, text in _roles()]),
        "## In a threshold\n",
        "A threshold uses k6's grammar: a method, an operator and a number, for example `p(95)<5000`.\n",
        table(["metrics", "type", "methods"], methods),
        _COSTS,
        _RECOVERY.format(key=RECOVERY),
    ]
    return "\n".join(parts)


def _roles() -> list[tuple[str, str]]:
    docs = member_docs(Part)
    return [(part.value, docs[part.name]) for part in Part]


def _keys(kind: MetricKind) -> str:
    keys = [row.key for row in METRICS.values() if row.kind is kind]
    if kind is MetricKind.TREND:
        keys += [milestone_key("<milestone>"), tier_key("<tier>")]
    return ", ".join(map(code, keys))


def _metric(row: Metric, definition: str = "") -> list[str]:
    better = "lower" if row.better is Better.LOWER else "higher"
    unit = "count" if row.unit == "1" else row.unit
    text = definition or row.description
    formula = code(row.formula)
    return [code(row.key), row.label, unit, text, formula, better, code(row.part.value), _tolerated(row)]


def _tolerated(row: Metric) -> str:
    """Return the default tolerance of a compared metric: a share, an absolute change, or both."""
    if row.part is Part.INFORMS or row.kind is not MetricKind.TREND:
        return ""
    texts = ["default" if row.tolerated_ratio is None else wording.percent(row.tolerated_ratio)]
    if row.adds_up:
        texts.append(f"{wording.percent(TIER_SHARE)} of the response time")
    if row.tolerated_change is not None:
        texts.append(wording.value(row.tolerated_change, row.unit))
    return " or ".join(texts)


def exit_codes_page() -> str:
    """Return the page of exit codes."""
    docs = member_docs(Exit)
    rows = [[str(int(exit_code)), code(exit_code.name.lower()), docs[exit_code.name]] for exit_code in Exit]
    return f"{_EXIT_CODES}\n{table(['code', 'name', 'meaning'], rows)}"


def outcomes_page() -> str:
    """Return the page of outcomes."""
    docs = member_docs(Outcome)
    rows = [[code(outcome.value), docs[outcome.name]] for outcome in Outcome]
    return f"{_OUTCOMES}\n{table(['outcome', 'when'], rows)}"
