"""From requests to numbers: quantiles, figures per prompt, counts, resources."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bench.core import stats
from bench.core.load import Stage
from bench.core.metrics import METRICS, NETWORK, Kind, Metric, hop_key, metric
from bench.core.overhead import Overhead
from bench.core.record import Record
from bench.core.sample import NOT_ANSWERS, Outcome, Recording, RequestSample, ResourceSample

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
        uncertified: The quantiles that this number of values cannot carry.
        figures: A typical value for each prompt, which is what a comparison pairs by.
    """

    count: int
    mean: float
    typical: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    uncertified: tuple[str, ...] = ()
    figures: dict[str, float] = {}


class ResourceSummary(Record):
    """CPU (per cent of one core) and memory of one process over a run."""

    cpu_pct_mean: float
    cpu_pct_p95: float
    memory_bytes_max: int


class ErrorSample(Record):
    """One failed request, for people."""

    outcome: Outcome
    status: int | None
    detail: str | None
    prompt: str
    at_s: float


class Goodput(Record):
    """Answers that met every objective: their share of all requests, and how many per second."""

    ratio: float
    rps: float | None


class RunSummary(Record):
    """What one run measured.

    Attributes:
        elapsed_s: From the start to the end of the last request.
        requests: Requests that were answered or failed; what we cancelled is not among them.
        requests_rps: Successful requests per second; None when the run took no time.
        outcomes: How many requests ended in each way.
        overhead: What the target takes longer than the one beside it; None when there is none.
        goodput: Answers within the scenario's objectives; None when it has none, or nothing was answered.
        failed_blocks: In how many sixths of the run a request failed.
        metrics: By key; a metric without a value is not there.
        resources: By service, and the generator.
        errors: Up to ten failed requests of each outcome.
    """

    elapsed_s: float
    requests: int
    requests_rps: float | None
    outcomes: dict[Outcome, int]
    overhead: Overhead | None = None
    goodput: Goodput | None = None
    failed_blocks: int
    metrics: dict[str, MetricSummary]
    resources: dict[str, ResourceSummary]
    errors: tuple[ErrorSample, ...]


def summarise(recording: Recording, objectives: Mapping[str, float] = {}) -> RunSummary:
    """The summary of a recording, whole or broken off.

    Args:
        recording: Without its warm-up, see `measured`.
        objectives: Milliseconds that a good answer takes at most, by metric.
    """
    answered = [sample for sample in recording.samples if sample.outcome not in NOT_ANSWERS]
    failed = [sample for sample in answered if sample.outcome is not Outcome.OK]
    ok = len(answered) - len(failed)
    length_s = recording.elapsed_s / BLOCKS
    return RunSummary(
        elapsed_s=recording.elapsed_s,
        requests=len(answered),
        requests_rps=ok / recording.elapsed_s if recording.elapsed_s > 0 else None,
        outcomes=dict(sorted(Counter(sample.outcome for sample in recording.samples).items())),
        goodput=_goodput(answered, objectives, recording.elapsed_s),
        failed_blocks=len({_block(sample, length_s) for sample in failed}) if length_s > 0 else 0,
        metrics=_metrics(answered),
        resources=_resources(recording.resources),
        errors=tuple(_errors(failed)),
    )


def measured(recording: Recording, stages: Sequence[Stage]) -> Recording:
    """A recording without its warm-up stages, with its clock at 0 when the first other request is planned.

    Args:
        recording: The whole.
        stages: The scenario's. Warm-up in between others is left out as well, but its time is not.
    """
    warm = {index for index, stage in enumerate(stages) if stage.warm_up}
    if not warm:
        return recording
    starts = [sample.scheduled_s for sample in recording.samples if sample.stage not in warm]
    begin_s = min(starts, default=recording.elapsed_s)
    return recording.model_copy(
        update={
            "elapsed_s": recording.elapsed_s - begin_s,
            "samples": tuple(each.shifted(-begin_s) for each in recording.samples if each.stage not in warm),
            "resources": tuple(
                each.model_copy(update={"at_s": each.at_s - begin_s})
                for each in recording.resources
                if each.at_s >= begin_s
            ),
        }
    )


def _goodput(
    answered: Sequence[RequestSample], objectives: Mapping[str, float], elapsed_s: float
) -> Goodput | None:
    if not objectives or not answered:
        return None
    rows = [(metric(key), limit) for key, limit in objectives.items()]
    good = sum(all(_meets(row, limit, sample) for row, limit in rows) for sample in answered)
    return Goodput(ratio=good / len(answered), rps=good / elapsed_s if elapsed_s > 0 else None)


def _meets(row: Metric, limit: float, sample: RequestSample) -> bool:
    """A request that failed meets nothing; what an answer has no value of is not asked of it."""
    value = row.value(sample)
    return sample.outcome is Outcome.OK and (value is None or value <= limit)


def _block(sample: RequestSample, length_s: float) -> int:
    """The slice in which a request ended; the very end belongs to the last one."""
    return min(BLOCKS - 1, int(sample.finished_s / length_s))


def _metrics(samples: Sequence[RequestSample]) -> dict[str, MetricSummary]:
    tiers = {name for sample in samples for name in sample.hops}
    keys = [*METRICS, *(hop_key(name) for name in sorted(tiers)), *([hop_key(NETWORK)] if tiers else [])]
    summaries = {key: _metric(metric(key), samples) for key in keys}
    return {key: summary for key, summary in summaries.items() if summary is not None}


def _metric(row: Metric, samples: Sequence[RequestSample]) -> MetricSummary | None:
    by_prompt: dict[str, list[float]] = {}
    for sample in samples:
        value = row.value(sample)
        if value is not None:
            by_prompt.setdefault(sample.prompt, []).append(value)
    values = [value for each in by_prompt.values() for value in each]
    if not values:
        return None
    if row.kind is not Kind.TREND:
        return MetricSummary(count=len(values), mean=float(np.mean(values)))
    start_ms = row.smallest_change
    figures = {prompt: stats.typical(each, start_ms) for prompt, each in sorted(by_prompt.items())}
    quantiles = {name: stats.quantile(values, probability) for name, probability in PERCENTILES.items()}
    uncertified = [
        name for name, probability in PERCENTILES.items() if not stats.certified(len(values), probability)
    ]
    return MetricSummary(
        count=len(values),
        mean=float(np.mean(values)),
        typical=stats.typical(list(figures.values()), start_ms),
        uncertified=tuple(uncertified),
        figures=figures,
        **quantiles,
    )


def _resources(samples: Iterable[ResourceSample]) -> dict[str, ResourceSummary]:
    by_source: dict[str, list[ResourceSample]] = {}
    for sample in samples:
        by_source.setdefault(sample.source, []).append(sample)
    return {
        source: ResourceSummary(
            cpu_pct_mean=float(np.mean([sample.cpu_pct for sample in each])),
            cpu_pct_p95=float(np.quantile([sample.cpu_pct for sample in each], 0.95)),
            memory_bytes_max=max(sample.memory_bytes for sample in each),
        )
        for source, each in sorted(by_source.items())
    }


def _errors(failed: Iterable[RequestSample]) -> Iterable[ErrorSample]:
    seen: Counter[Outcome] = Counter()
    for sample in failed:
        seen[sample.outcome] += 1
        if seen[sample.outcome] <= ERROR_SAMPLES:
            yield ErrorSample(
                outcome=sample.outcome,
                status=sample.status,
                detail=sample.detail,
                prompt=sample.prompt,
                at_s=sample.finished_s,
            )
