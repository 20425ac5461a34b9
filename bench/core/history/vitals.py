"""What a history keeps of a run to show: how it went for users and in the stack. Nothing is judged by it."""

from typing import Annotated

from pydantic import Field

from bench.core.config.executors import in_words
from bench.core.run.result import RunResult
from bench.core.run.summary import MetricSummary
from bench.core.samples.sample import Outcome
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.watch.alerts import describe

_WAITS = ("e2e_ms", "ttft_ms")
_DIGITS, _SHARE_DIGITS = 2, 4
_ALMOST = 0.9999
_MOST_SAID = 20  # limits, and alerts

Ratio = Annotated[float, Field(ge=0, le=1)]


class Wait(Record):
    """How long users waited, in milliseconds; None where there were too few requests to tell.

    Attributes:
        p50: Half of them no longer.
        p95: Nineteen of twenty no longer.
        p99: Ninety-nine of a hundred no longer.
    """

    p50: NotNegative | None = None
    p95: NotNegative | None = None
    p99: NotNegative | None = None


class Use(Record):
    """What a process used: its mean share of one core, and its most memory."""

    cpu_pct: Number
    memory_bytes: Count


class Vitals(Record):
    """What a run was like.

    Attributes:
        load: What was asked of the stack, in words.
        elapsed_s: How long it took.
        requests_rps: Successful requests per second.
        tokens_tps: Output tokens per second.
        waits: By metric.
        outcomes: How many requests ended in each way.
        goodput_ratio: Share of requests that met every objective; None when there are none.
        crossed: Limits of the scenario that were crossed, each as it stands there.
        uses: By service, and of the load generator.
        up: Share of the time that each health check found what it asks up; empty when nothing was asked.
        alerts: What somebody should look at, a sentence each; None when nobody looked.
    """

    load: str
    elapsed_s: NotNegative
    requests_rps: NotNegative | None = None
    tokens_tps: NotNegative | None = None
    waits: dict[str, Wait] = {}
    outcomes: dict[Outcome, Count] = {}
    goodput_ratio: Ratio | None = None
    crossed: tuple[str, ...] = ()
    uses: dict[str, Use] = {}
    up: dict[str, Ratio] = {}
    alerts: tuple[str, ...] | None = None


def vitals_of(result: RunResult) -> Vitals:
    """What a run was like, with as many digits as anybody reads."""
    summary = result.summary
    return Vitals(
        load=in_words(result.scenario.phases),
        elapsed_s=round(summary.elapsed_s, _DIGITS),
        requests_rps=_rounded(summary.requests_rps),
        tokens_tps=_rounded(summary.tokens_tps),
        waits={key: _wait(summary.metrics[key]) for key in _WAITS if key in summary.metrics},
        outcomes=summary.outcomes,
        goodput_ratio=None if summary.goodput is None else round(summary.goodput.ratio, _SHARE_DIGITS),
        crossed=result.crossed[:_MOST_SAID],
        uses={
            source: Use(cpu_pct=round(each.cpu_pct_mean, 1), memory_bytes=each.memory_bytes_max)
            for source, each in summary.resources.items()
        },
        up={check: _share(each.up_ratio) for check, each in summary.availability.items()},
        alerts=None if result.alerts is None else tuple(map(describe, result.alerts[:_MOST_SAID])),
    )


def _share(ratio: float) -> float:
    """A share, all of it only where it is all."""
    return 1.0 if ratio >= 1.0 else min(_ALMOST, round(ratio, _SHARE_DIGITS))


def _wait(each: MetricSummary) -> Wait:
    known = {"p50": each.p50, "p95": each.p95, "p99": each.p99}
    return Wait(**{name: _rounded(value) for name, value in known.items() if name not in each.unreliable})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
