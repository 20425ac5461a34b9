"""Runs with their reports and curves, for the pages."""

import random
from collections.abc import Sequence

from bench.core.report.report import Report, make_report
from bench.core.report.series import RunSeries, make_series
from bench.core.run.recording import Recording
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import GENERATOR, Culprit, GaugeSample, Outcome, Probe
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import compare
from tests.factories import (
    PROMPTS,
    TIER_TIMES,
    make_baseline,
    make_recording,
    make_run,
    make_sample,
    make_scenario,
    make_spec,
    make_use,
    run_at,
)

# What would run, load or break out, if it were anything but text.
HOSTILE = (
    "</script><script>document.title='owned'</script>"
    "<img src=//evil.example onerror=\"document.title='owned'\">"
    "<!--{{ 7*7 }}\u2028\u2029\u202e`x` & \"quoted\" 'text' ]]> \x1b[31m"
)
_STAGES = [
    {"executor": "constant-vus", "vus": 10, "duration_s": 15, "think_time_s": (1, 2)},
    {"executor": "constant-vus", "vus": 20, "duration_s": 15, "think_time_s": (1, 2)},
]


def recording(factor: float = 1.0, requests: int = 100, failed: Sequence[int] = ()) -> Recording:
    """Return a run of thirty seconds in two phases, with an outage of the agent in the middle."""
    dice = random.Random(5)
    step_s = 30.0 / requests
    samples = [
        _request(seq, seq * step_s, factor * dice.uniform(0.9, 1.1), failed=seq in failed)
        for seq in range(requests)
    ]
    seconds = [number + 0.5 for number in range(30)]
    sources = {GENERATOR: 5.0, "backend": 12.0, "model": 80.0}
    return make_recording(
        samples,
        resources=tuple(
            make_use(source, at_s, cpu_pct=cpu + at_s) for at_s in seconds for source, cpu in sources.items()
        ),
        probes=tuple(Probe(at_s=at_s, check="agent", up=not 12 < at_s < 15) for at_s in seconds),
        gauges=tuple(
            GaugeSample(at_s=at_s, service="model", name="queue_depth", value=at_s) for at_s in seconds
        ),
    )


def _request(seq: int, at_s: float, factor: float, *, failed: bool) -> RequestSample:
    usual_ms = 300.0 + 100.0 * (seq % len(PROMPTS))
    sample = make_sample(
        seq,
        at_s=at_s,
        latency_ms=usual_ms * factor,
        phase=int(at_s >= 15.0),
        tier_times=TIER_TIMES | {"decode": TIER_TIMES["decode"] * factor},
    )
    if not failed:
        return sample
    return sample._replace(
        outcome=Outcome.HTTP_ERROR, status=500, detail="injected", culprit=Culprit.TARGET, tier_times={}
    )


def judge(kept: Recording, baseline: Baseline | None = None, **scenario: object) -> tuple[Report, RunSeries]:
    """Return the report on a recording, by default compared with the usual baseline, and its curves."""
    baseline = baseline or make_baseline()
    run = make_run(kept, spec=make_spec(make_scenario(**{"phases": _STAGES} | scenario)))
    report = make_report(run, compare(run, baseline))
    return report, make_series(run, kept, baseline)


def passed() -> tuple[Report, RunSeries]:
    """Return a run without a regression."""
    return judge(recording())


def regressed() -> tuple[Report, RunSeries]:
    """Return a slower run with failed requests."""
    return judge(recording(1.4, failed=(7, 40, 41)))


def no_data() -> tuple[Report, RunSeries]:
    """Return a result without stored requests, in which every request failed."""
    run = run_at(1.0, failed=range(100))
    return make_report(run, compare(run, None)), make_series(run)


def many() -> tuple[Report, RunSeries]:
    """Return a run of a hundred thousand requests."""
    return judge(recording(requests=100_000, failed=range(0, 100_000, 997)))


def hostile() -> tuple[Report, RunSeries]:
    """Return a run whose names and texts are all hostile."""
    kept = recording(failed=(3,))
    samples = [sample._replace(detail=HOSTILE * 2) if sample.detail else sample for sample in kept.samples]
    report, series = judge(make_recording(samples, resources=kept.resources, warnings=(HOSTILE,)))
    scenario = report.result.scenario.model_copy(update={"name": HOSTILE, "purpose": HOSTILE})
    result = report.result.model_copy(update={"scenario": scenario})
    line = series.timeline
    assert line is not None
    curves = tuple(each.model_copy(update={"label": HOSTILE}) for each in line.cpu_pct)
    line = line.model_copy(update={"cpu_pct": curves})
    renamed = report.model_copy(update={"result": result, "headline": HOSTILE})
    return renamed, series.model_copy(update={"timeline": line})
