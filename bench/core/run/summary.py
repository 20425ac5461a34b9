"""From requests to numbers: quantiles, figures per prompt, counts, resources."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from bench.core.config.watching import GaugeName
from bench.core.limits.metric_names import require_figures
from bench.core.run.bottleneck import Bottleneck
from bench.core.run.counters import counters_of
from bench.core.run.overhead import Overhead
from bench.core.run.recording import Recording
from bench.core.run.recovery import Recovery
from bench.core.samples.arrays import Mask
from bench.core.samples.metric import Metric, MetricKind
from bench.core.samples.metrics import METRICS, UNATTRIBUTED, metric, tier_key
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.histogram import Histogram
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.watch.availability import Availability, availability
from bench.core.watch.resources import ResourceSummary, summarise_resources
from bench.core.watch.work import Work

# A run is cut into this many slices of equal length, to tell one bad moment from a bad target.
BLOCKS = 6
ERROR_SAMPLES = 10
PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}


class MetricSummary(Record):
    """One metric over a run, in the metric's unit. Absent is None, never 0.

    Attributes:
        count: Values it is made of.
        mean: Arithmetic mean; for a rate the share of yes.
        typical: Mean over prompts of the figures below, on the scale that is compared; None for rates.
        p50: Quantiles; None where there are so few values that it would be the maximum.
        unreliable: The quantiles that this number of values cannot carry.
        figures: A typical value for each prompt, which is what a comparison pairs by.
    """

    count: Count
    mean: Number
    typical: Number | None = None
    p50: Number | None = None
    p90: Number | None = None
    p95: Number | None = None
    p99: Number | None = None
    unreliable: tuple[str, ...] = ()
    figures: dict[str, Number] = {}


class ErrorSample(Record):
    """One failed request, for people."""

    outcome: Outcome
    status: int | None
    detail: str | None
    prompt: str
    at_s: Number


class Goodput(Record):
    """Answers that met every objective: their share of all requests, and how many per second."""

    ratio: NotNegative
    rps: NotNegative | None


class TokenGaps(Record):
    """Inter-token latency: milliseconds between the tokens of streamed answers, quantiles to one per cent."""

    count: Count
    mean_ms: Number
    p50_ms: Number
    p90_ms: Number
    p99_ms: Number


class RunSummary(Record):
    """What one run measured.

    Attributes:
        elapsed_s: From the start to the end of the last request.
        requests: Requests that were answered or failed; what we cancelled is not among them.
        requests_rps: Successful requests per second; None when the run took no time.
        tokens_tps: Output tokens of successful requests per second; None where no answer has tokens.
        outcomes: How many requests ended in each way.
        overhead: What the target takes longer than the one beside it; None when there is none.
        recovery: What cancellations left behind; None when the scenario has none.
        bottleneck: The run by load; None where nothing was answered.
        goodput: Answers within the scenario's objectives; None when it has none, or nothing was answered.
        itl: Gaps between tokens; None unless answers are streamed.
        failed_blocks: In how many sixths of the run a request failed.
        counters: What has no noise, by metric and message.
        work: What a message made the stack's services do, by the counter's name, which has none either.
        metrics: By key; a metric without a value is not there.
        resources: By service, of the generators and the machine.
        availability: By health check; empty when the stack declares none.
        errors: Up to ten failed requests of each outcome.
    """

    elapsed_s: Number
    requests: Count
    requests_rps: NotNegative | None
    tokens_tps: NotNegative | None = None
    outcomes: dict[Outcome, Count]
    overhead: Overhead | None = None
    recovery: Recovery | None = None
    bottleneck: Bottleneck | None = None
    goodput: Goodput | None = None
    itl: TokenGaps | None = None
    failed_blocks: Annotated[int, Field(ge=0, le=BLOCKS)]
    counters: dict[str, dict[str, NotNegative]] = {}
    work: dict[GaugeName, NotNegative] = {}
    metrics: dict[str, MetricSummary]
    resources: dict[str, ResourceSummary]
    availability: dict[str, Availability] = {}
    errors: tuple[ErrorSample, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> "RunSummary":
        if self.outcomes.get(Outcome.OK, 0) > self.requests:
            raise ValueError("more requests succeeded than there were")
        for key, each in self.metrics.items():
            require_figures(key, each.figures)
        return self

    @property
    def done(self) -> Work:
        """What the run made the services do."""
        return Work(self.outcomes.get(Outcome.OK, 0), self.work)


def summarise(recording: Recording, objectives: Mapping[str, float] = {}) -> RunSummary:
    """The summary of a recording, whole or broken off.

    Args:
        recording: Without its warm-up, see `measured`.
        objectives: Milliseconds that a good answer takes at most, by metric.
    """
    answered, elapsed_s = recording.samples.without_cancelled(), recording.elapsed_s
    failed = answered.where(~answered.has_outcome(Outcome.OK))
    metrics = _metrics(answered)
    return RunSummary(
        elapsed_s=elapsed_s,
        requests=len(answered),
        requests_rps=_per_second(len(answered) - len(failed), elapsed_s),
        tokens_tps=_tokens_tps(metrics, elapsed_s),
        outcomes=_outcomes(recording.samples),
        goodput=_goodput(answered, objectives, elapsed_s),
        itl=_itl(recording.token_gaps.values()),
        failed_blocks=_blocks(failed, elapsed_s),
        counters=counters_of(answered),
        metrics=metrics,
        resources=summarise_resources(recording.resources),
        availability=availability(recording.probes, elapsed_s),
        errors=tuple(_errors(failed)),
    )


def _per_second(count: float, elapsed_s: float) -> float | None:
    return count / elapsed_s if elapsed_s > 0 else None


def _tokens_tps(metrics: Mapping[str, MetricSummary], elapsed_s: float) -> float | None:
    tokens = metrics.get("tokens")
    return None if tokens is None else _per_second(tokens.count * tokens.mean, elapsed_s)


def _outcomes(samples: Samples) -> dict[Outcome, int]:
    counts = {outcome: int(samples.has_outcome(outcome).sum()) for outcome in sorted(Outcome)}
    return {outcome: count for outcome, count in counts.items() if count}


def _goodput(answered: Samples, objectives: Mapping[str, float], elapsed_s: float) -> Goodput | None:
    if not objectives or not len(answered):
        return None
    good = answered.has_outcome(Outcome.OK)
    for key, limit in objectives.items():
        good &= _meets(metric(key), limit, answered)
    count = int(good.sum())
    return Goodput(ratio=count / len(answered), rps=_per_second(count, elapsed_s))


def _meets(row: Metric, limit: float, samples: Samples) -> Mask:
    """What an answer has no value of is not asked of it."""
    values = row.values(samples)
    return np.isnan(values) | (values <= limit)


def _itl(gaps: Iterable[Histogram]) -> TokenGaps | None:
    whole = Histogram()
    for each in gaps:
        whole.merge(each)
    if not whole.count:
        return None
    return TokenGaps(
        count=whole.count,
        mean_ms=whole.mean_ms(),
        p50_ms=whole.quantile_ms(0.50),
        p90_ms=whole.quantile_ms(0.90),
        p99_ms=whole.quantile_ms(0.99),
    )


def _blocks(failed: Samples, elapsed_s: float) -> int:
    """In how many slices requests ended; the very end belongs to the last one."""
    if elapsed_s <= 0:
        return 0
    slices = np.floor(failed.column("finished_s") / (elapsed_s / BLOCKS))
    return len(np.unique(np.minimum(BLOCKS - 1, slices)))


def _metrics(samples: Samples) -> dict[str, MetricSummary]:
    tiers = samples.tiers
    keys = [*METRICS, *(tier_key(name) for name in tiers), *([tier_key(UNATTRIBUTED)] if tiers else [])]
    summaries = {key: _metric(metric(key), samples) for key in keys}
    return {key: summary for key, summary in summaries.items() if summary is not None}


def _metric(row: Metric, samples: Samples) -> MetricSummary | None:
    each = row.values(samples)
    known = ~np.isnan(each)
    values = each[known]
    if not len(values):
        return None
    if row.kind is not MetricKind.TREND:
        return MetricSummary(count=len(values), mean=float(np.mean(values)))
    start_ms = row.smallest_change
    prompts = samples.column("prompt")[known]
    by_prompt = {name: values[prompts == number] for name, number in sorted(samples.prompts.items())}
    figures = {name: stats.typical(own, start_ms) for name, own in by_prompt.items() if len(own)}
    quantiles = {name: stats.quantile(values, probability) for name, probability in PERCENTILES.items()}
    unreliable = [
        name for name, probability in PERCENTILES.items() if not stats.certified(len(values), probability)
    ]
    return MetricSummary(
        count=len(values),
        mean=float(np.mean(values)),
        typical=stats.typical(np.array([*figures.values()]), start_ms),
        unreliable=tuple(unreliable),
        figures=figures,
        **quantiles,
    )


def _errors(failed: Samples) -> Iterator[ErrorSample]:
    firsts = [np.flatnonzero(failed.has_outcome(outcome))[:ERROR_SAMPLES] for outcome in Outcome]
    kept = np.zeros(len(failed), dtype=bool)
    kept[np.concatenate(firsts)] = True
    return map(_error, failed.where(kept))


def _error(sample: RequestSample) -> ErrorSample:
    return ErrorSample(
        outcome=sample.outcome,
        status=sample.status,
        detail=sample.detail,
        prompt=sample.prompt,
        at_s=sample.finished_s,
    )
