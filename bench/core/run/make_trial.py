"""Make the trial of a capacity search from the recording of its load."""

from typing import NamedTuple

import numpy as np

from bench.core.capacity.count_missed import TrialRequests, count_missed
from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.load_trial import LoadTrial, TrialVerdict
from bench.core.capacity.response_spread import mean_error, spread_quantiles
from bench.core.config.run_spec import RunSpec
from bench.core.run.overhead import select_target
from bench.core.run.plausibility import believe
from bench.core.run.recording import Recording
from bench.core.run.summary import RunSummary, summarise
from bench.core.samples.metrics import METRICS, tier_name
from bench.core.samples.sample import Outcome
from bench.core.tiers.attribution import add_remainder

_RESPONSE_TIME = "e2e_ms"
_BLOCKS = 10
"""Parts of a trial by which the error of its mean is estimated."""


class RecordedTrial(NamedTuple):
    """A load that was held, and what was recorded meanwhile."""

    load: float
    """VUs, or requests per second."""
    recording: Recording
    """The recording without the warm-up phases of the scenario."""
    load_s: float
    """Time in which requests were planned, in seconds."""
    warm_up_s: float
    """Time at its start that does not count, in seconds."""
    start_s: float
    """Start, from the start of the search."""
    drain_s: float = 0.0
    """Time from the end of the load until no request and no queue was left."""
    run: str | None = None
    """Folder of its samples, below that of the run."""


def make_trial(spec: RunSpec, recorded: RecordedTrial, objectives: tuple[LoadObjective, ...]) -> LoadTrial:
    """Return a trial that has no verdict yet.

    If all requests of a complete trial were sent in its warm-up, they count: the answers take longer than the
    trial, or do not come at all.
    """
    recording = recorded.recording
    end_s = max(recorded.load_s, recorded.warm_up_s)
    believed = believe(select_target(recording.samples), spec.target.forms)
    samples = add_remainder(believed.samples, recording.remainder)
    is_complete = recorded.load_s > recorded.warm_up_s
    has_later = bool((samples.column("scheduled_s") >= recorded.warm_up_s).any())
    begin_s = recorded.warm_up_s if has_later or not is_complete else 0.0
    requests = TrialRequests(samples, begin_s, end_s)
    summary = _summarise(spec, recording, requests, objectives)
    response = summary.metrics.get(_RESPONSE_TIME)
    throughput_rps = summary.requests_rps or 0.0
    return LoadTrial(
        load=recorded.load,
        start_s=recorded.start_s,
        warm_up_s=requests.begin_s,
        duration_s=end_s - requests.begin_s,
        counts=count_missed(objectives, requests, spec.coverage),
        verdict=TrialVerdict.OPEN,
        throughput_rps=throughput_rps,
        goodput_rps=throughput_rps if summary.goodput is None else summary.goodput.rps or 0.0,
        mean_ms=None if response is None else response.mean,
        p50_ms=None if response is None else response.p50,
        p95_ms=None if response is None else response.p95,
        success_ratio=summary.ok / summary.requests if summary.requests else 0.0,
        tier_ms=_list_tiers(summary),
        drain_s=recorded.drain_s,
        run=recorded.run,
        **_describe_spread(spec, requests),
    )


def _summarise(
    spec: RunSpec, recording: Recording, requests: TrialRequests, objectives: tuple[LoadObjective, ...]
) -> RunSummary:
    """Return the numbers of the requests after the warm-up, as if the load had begun there."""
    begin_s = requests.begin_s
    samples = requests.samples
    steady = samples.where(samples.column("scheduled_s") >= begin_s).shift(-begin_s)
    limits_ms: dict[str, float] = {}
    for objective in objectives:
        limits_ms |= objective.limits_ms
    bare = Recording(recording.planned_s, requests.end_s - begin_s, steady)
    return summarise(bare, limits_ms, spec.coverage)


def _describe_spread(spec: RunSpec, requests: TrialRequests) -> dict[str, object]:
    """Return the fields of the spread of the response times, which a queue model needs."""
    samples = spec.coverage.select(requests.samples, _RESPONSE_TIME)
    planned_s = samples.column("scheduled_s")
    times_ms = METRICS[_RESPONSE_TIME].values(samples)
    is_counted = samples.has_outcome(Outcome.OK) & (planned_s >= requests.begin_s) & ~np.isnan(times_ms)
    duration_s = requests.end_s - requests.begin_s
    if duration_s <= 0.0 or not is_counted.any():
        return {}
    counted_ms = times_ms[is_counted]
    blocks = np.floor((planned_s[is_counted] - requests.begin_s) * _BLOCKS / duration_s)
    return {
        "mean_error_ms": mean_error(counted_ms, blocks),
        "quantiles_ms": spread_quantiles(counted_ms),
    }


def _list_tiers(summary: RunSummary) -> dict[str, float]:
    """Return the mean time of each tier."""
    tiers: dict[str, float] = {}
    for key, row in summary.metrics.items():
        name = tier_name(key)
        if name is not None:
            tiers[name] = max(0.0, row.mean)
    return tiers
