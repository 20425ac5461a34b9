"""Summarise the requests of one run: quantiles, typical values by prompt, counts and resources."""

from collections.abc import Collection, Mapping
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from bench.core.config.watching import GaugeName
from bench.core.faults.fault_effects import FaultEffect
from bench.core.faults.request_availability import RequestAvailability
from bench.core.limits.metric_names import require_figures
from bench.core.run.bottleneck import Bottleneck
from bench.core.run.counters import counters_of
from bench.core.run.delays import LoopDelays, drop_delayed, summarise_delays
from bench.core.run.errors import ErrorSample, error_samples
from bench.core.run.messages import MessageUse, count_messages, refusals_of
from bench.core.run.metric_summary import MetricSummary, summarise_metric
from bench.core.run.overhead import Overhead, OverheadDifference
from bench.core.run.recording import Recording
from bench.core.run.recovery import Recovery
from bench.core.run.repeats import Repeats
from bench.core.run.retries import RetryCounts, count_retries
from bench.core.run.stall_effect import StallEffect
from bench.core.run.stalls import TargetStall
from bench.core.run.time_slices import TimeSlice, slice_run
from bench.core.run.token_gaps import TokenGaps, summarise_gaps
from bench.core.run.unanswered import Unanswered, count_unanswered
from bench.core.samples.arrays import Floats, Mask
from bench.core.samples.coverage import Coverage
from bench.core.samples.metric import Metric, MetricKind
from bench.core.samples.metrics import (
    METRICS,
    UNATTRIBUTED,
    metric,
    milestone_key,
    step_key,
    tier_key,
    tier_name,
)
from bench.core.samples.sample import Culprit, Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.watch.availability import Availability, availability
from bench.core.watch.resources import ResourceSummary, summarise_resources
from bench.core.watch.work import Work

# Number of equal parts of a run. Failures in several parts are not one short disturbance of the machine.
BLOCKS = 6


class Goodput(Record):
    """Responses that met every objective."""

    ratio: NotNegative
    """Their share of all requests."""
    rps: NotNegative | None
    """Their number per second; null if the run took no time."""


class StepSummary(Record):
    """The requests of one step of a journey."""

    requests: Count
    """Number of answered and failed requests."""
    ok: Count
    """Number of successful requests."""
    metrics: dict[str, MetricSummary]
    """Metrics of times by key, with those of tiers; a metric without values is left out."""


class RunSummary(Record):
    """The numbers of one run."""

    elapsed_s: Number
    """Seconds from the start of the load to the end of the last request."""
    requests: Count
    """Number of answered and failed requests, without cancelled ones."""
    requests_rps: NotNegative | None
    """Successful requests per second; null if the run took no time."""
    tokens_tps: NotNegative | None = None
    """Output tokens of successful requests per second; null without tokens."""
    outcomes: dict[Outcome, Count]
    """Number of requests by outcome."""
    unanswered: dict[Outcome, Unanswered] = {}
    """Requests that were ended while they waited, by outcome."""
    culprits: dict[Outcome, dict[Culprit, Count]] = {}
    """Number of failed requests by outcome and by the part that caused the failure."""
    overhead: Overhead | None = None
    """Overhead of the target over the compared target; null without one."""
    overheads: dict[str, OverheadDifference] = {}
    """Overhead over the compared target by metric; empty without one."""
    recovery: Recovery | None = None
    """Latency after cancellations; null if the scenario has no cancellations."""
    repeats: Repeats | None = None
    """Repeated messages and the hit ratio of the service's cache; null without declared repeats."""
    retries: RetryCounts | None = None
    """Requests that VUs sent again; null if the scenario declares no `retry`."""
    bottleneck: Bottleneck | None = None
    """The run by load; null without answered requests."""
    goodput: Goodput | None = None
    """Responses within the objectives; null without objectives or without answered requests."""
    itl: TokenGaps | None = None
    """Inter-token latency; null without streamed responses."""
    failed_blocks: Annotated[int, Field(ge=0, le=BLOCKS)]
    """Number of blocks (sixths of the run) with a failed request."""
    slices: tuple[TimeSlice, ...] = ()
    """The run over time: at most 60 slices of whole seconds."""
    stalls: tuple[TargetStall, ...] = ()
    """Times in which the target stood still for all users; never a reason to fail the run."""
    stall_effect: StallEffect | None = None
    """Effect of the stalls on an open loop; null without stalls, and for an open loop, which shows it."""
    counters: dict[str, dict[str, NotNegative]] = {}
    """Exact counters, by metric and prompt."""
    work: dict[GaugeName, NotNegative] = {}
    """Work per message in the stack's services, by the counter's name."""
    messages: dict[str, MessageUse] = {}
    """The requests of each message by id, with those of the scenario that were not sent."""
    metrics: dict[str, MetricSummary]
    """Metrics by key; a metric without values is left out."""
    steps: dict[str, StepSummary] = {}
    """Requests by step of a journey, in the order in which steps first ended; empty without steps."""
    resources: dict[str, ResourceSummary]
    """Resources by service, of the load generators and of the machine."""
    loop_delays: LoopDelays | None = None
    """Times in which the load generator could neither read nor send; null in older results."""
    availability: dict[str, Availability] = {}
    """Availability by health check; empty if the stack declares no check."""
    faults: tuple[FaultEffect, ...] = ()
    """Effects of the faults of the scenario, in the order of their start."""
    request_availability: RequestAvailability | None = None
    """Availability by requests; null without faults and without a threshold on it."""
    errors: tuple[ErrorSample, ...]
    """Up to ten failed requests of each outcome."""

    @model_validator(mode="after")
    def _check_counts(self) -> "RunSummary":
        if self.ok > self.requests:
            raise ValueError("more requests succeeded than were sent")
        for key, row in self.metrics.items():
            require_figures(key, row.figures)
        return self

    @property
    def ok(self) -> int:
        """Number of successful requests."""
        return self.outcomes.get(Outcome.OK, 0)

    @property
    def failed(self) -> int:
        """Number of failed requests."""
        return self.requests - self.ok

    @property
    def done(self) -> Work:
        """The work of the stack's services during the run."""
        return Work(self.ok, self.work)


def summarise(
    recording: Recording,
    objectives: Mapping[str, float] = {},
    coverage: Coverage = Coverage(),
    classes: Mapping[str, str] = {},
) -> RunSummary:
    """Summarise a recording, complete or interrupted.

    Args:
        recording: A recording without its warm-up, see `drop_warm_up`.
        objectives: Largest latency of a good response in milliseconds, by metric.
        coverage: The steps of the run.
        classes: Class of each message by id.
    """
    elapsed_s = recording.elapsed_s
    answered = recording.samples.without_cancelled()
    failed = answered.where(~answered.has_outcome(Outcome.OK))
    messages = coverage.select_messages(answered)
    steps = _summarise_steps(answered)
    uses = count_messages(messages, classes)
    refusals = refusals_of(uses)
    metrics = _summarise_metrics(answered, coverage, refusals) | _step_metrics(steps, coverage)
    undelayed = drop_delayed(answered, recording.long_turns)
    metrics |= _summarise_undelayed(undelayed, len(answered), coverage, refusals)
    return RunSummary(
        elapsed_s=elapsed_s,
        requests=len(answered),
        requests_rps=_per_second(int(messages.has_outcome(Outcome.OK).sum()), elapsed_s),
        tokens_tps=_tokens_tps(metrics, elapsed_s),
        outcomes=_count_outcomes(recording.samples),
        unanswered=count_unanswered(answered),
        culprits=_count_culprits(recording.samples),
        goodput=_goodput(messages, objectives, elapsed_s),
        itl=summarise_gaps(recording.token_gaps.values()),
        failed_blocks=_count_failed_blocks(failed, elapsed_s),
        slices=slice_run(messages, elapsed_s),
        counters=counters_of(answered),
        messages=uses,
        metrics=metrics,
        steps=steps,
        resources=summarise_resources(recording.resources),
        loop_delays=summarise_delays(recording),
        availability=availability(recording.probes, elapsed_s),
        errors=tuple(error_samples(failed)),
        retries=count_retries(answered),
    )


def _summarise_undelayed(
    undelayed: Samples, answered: int, coverage: Coverage, refusals: Collection[str]
) -> dict[str, MetricSummary]:
    """Return the metrics of times without the requests that the load generator delayed, if there are any."""
    if len(undelayed) == answered:
        return {}
    metrics = _summarise_metrics(undelayed, coverage, refusals)
    return {key: row for key, row in metrics.items() if key.endswith("_ms")}


def _per_second(count: float, elapsed_s: float) -> float | None:
    return count / elapsed_s if elapsed_s > 0 else None


def _tokens_tps(metrics: Mapping[str, MetricSummary], elapsed_s: float) -> float | None:
    tokens = metrics.get("tokens")
    return None if tokens is None else _per_second(tokens.count * tokens.mean, elapsed_s)


def _count_outcomes(samples: Samples) -> dict[Outcome, int]:
    """Count the requests by outcome; outcomes without requests are left out."""
    counts: dict[Outcome, int] = {}
    for outcome in sorted(Outcome):
        count = int(samples.has_outcome(outcome).sum())
        if count:
            counts[outcome] = count
    return counts


def _count_culprits(samples: Samples) -> dict[Outcome, dict[Culprit, int]]:
    """Count the failed requests by outcome and culprit; pairs without requests are left out."""
    counts: dict[Outcome, dict[Culprit, int]] = {}
    for outcome in sorted(Outcome):
        has_outcome = samples.has_outcome(outcome)
        for culprit in Culprit:
            count = int((has_outcome & samples.has_culprit(culprit)).sum())
            if count:
                counts.setdefault(outcome, {})[culprit] = count
    return counts


def _goodput(answered: Samples, objectives: Mapping[str, float], elapsed_s: float) -> Goodput | None:
    if not objectives or not len(answered):
        return None
    good = answered.has_outcome(Outcome.OK)  # a request that was cut off is not good
    for key, limit in objectives.items():
        good &= _meets(metric(key), limit, answered)
    count = int(good.sum())
    return Goodput(ratio=count / len(answered), rps=_per_second(count, elapsed_s))


def _meets(row: Metric, limit: float, samples: Samples) -> Mask:
    """Return which requests are within the limit; a request without a value of the metric is."""
    values = row.values(samples)
    return np.isnan(values) | (values <= limit)


def _count_failed_blocks(failed: Samples, elapsed_s: float) -> int:
    """Count the blocks in which a request failed; the last moment of the run belongs to the last block.

    All requests that the end of the run cut off end together. Each of them failed in every block in which it
    waited, because the target could have answered it there.
    """
    if elapsed_s <= 0:
        return 0
    ends = _block_of(failed.column("finished_s"), elapsed_s)
    cut_off = failed.has_outcome(Outcome.CUT_OFF)
    starts = np.where(cut_off, _block_of(failed.column("scheduled_s"), elapsed_s), ends)
    blocks = np.arange(BLOCKS)[:, np.newaxis]
    return int(np.any((starts <= blocks) & (blocks <= ends), axis=1).sum())


def _block_of(moments_s: Floats, elapsed_s: float) -> Floats:
    return np.clip(np.floor(moments_s / (elapsed_s / BLOCKS)), 0, BLOCKS - 1)


def _summarise_metrics(
    samples: Samples,
    coverage: Coverage = Coverage(),
    refusals: Collection[str] = (),
    *,
    of_step: bool = False,
) -> dict[str, MetricSummary]:
    keys = [*METRICS, *map(milestone_key, samples.milestones)]
    if samples.tiers:
        keys += map(tier_key, [*samples.tiers, UNATTRIBUTED])
    summaries: dict[str, MetricSummary] = {}
    for key in keys:
        has_histogram = not of_step or tier_name(key) is None
        selected = coverage.select(samples, key)
        summary = summarise_metric(metric(key), selected, refusals, with_histogram=has_histogram)
        if summary is not None:
            summaries[key] = summary
    return summaries


def _summarise_steps(answered: Samples) -> dict[str, StepSummary]:
    """Summarise the requests of each step; steps without requests are left out."""
    steps: dict[str, StepSummary] = {}
    for step in answered.steps:
        if step is None:
            continue
        of_step = answered.where(answered.has_step([step]))
        if not len(of_step):
            continue
        metrics = _summarise_metrics(of_step, of_step=True)
        steps[step] = StepSummary(
            requests=len(of_step),
            ok=int(of_step.has_outcome(Outcome.OK).sum()),
            metrics={key: row for key, row in metrics.items() if metric(key).kind is MetricKind.TREND},
        )
    return steps


def _step_metrics(steps: Mapping[str, StepSummary], coverage: Coverage) -> dict[str, MetricSummary]:
    """Return the response time of each step that sends no messages, to compare it with a baseline."""
    metrics: dict[str, MetricSummary] = {}
    for step, summary in steps.items():
        is_message = coverage.messages is not None and step in coverage.messages
        response_time = summary.metrics.get("e2e_ms")
        if response_time is not None and not is_message:
            metrics[step_key(step)] = response_time
    return metrics
