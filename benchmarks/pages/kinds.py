"""Runs of many kinds, made without a measurement: each has many of one thing."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.report.report import Report, make_report
from bench.core.report.series import RunSeries, make_series
from bench.core.report.suite import judge_suite
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import GENERATOR, Culprit, GaugeSample, Outcome, Probe, ResourceSample
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import compare
from bench.core.verdict.levels import accept
from bench.render.html.page import render_page, render_suite_page
from tests.factories import (
    NOON,
    TIER_TIMES,
    make_provenance,
    make_recording,
    make_run,
    make_sample,
    make_scenario,
    make_spec,
    make_use,
    vary,
)

BASELINE_FACTORS = (1.0, 1.012, 0.991, 1.006, 0.987)
"""Slowness of the runs of the baseline."""
SLOWER = 1.3
"""Slowness of the run."""
_READINGS = 600
"""Number of readings of each service."""
_LEAST_MS = 300.0
_STEP_MS = 100.0
_LENGTHS = 7
"""Typical times of messages: from `_LEAST_MS` on, `_STEP_MS` apart."""
_SENTENCE = "the queue is full; "


@dataclass(frozen=True, slots=True)
class RunKind:
    """What a run has many of."""

    requests: int = 2_000
    """Number of requests."""
    seconds: float = 120.0
    """Duration."""
    messages: int = 14
    """Number of different messages."""
    tiers: int = 6
    """Number of tiers that report times."""
    services: int = 3
    """Number of services with processor time, memory and a gauge."""
    stages: int = 1
    """Number of loads, one after the other."""
    failed: int = 0
    """Number of failed requests."""
    words: int = 1
    """Number of different words of the server."""
    characters: int = 60
    """Characters of these words."""
    outages: int = 0
    """Number of failed health checks, each with a pause after it."""
    warnings: int = 0
    """Number of warnings."""


KINDS = {
    "100 messages": RunKind(messages=100),
    "1,000 messages": RunKind(messages=1_000, requests=20_000),
    "64 tiers": RunKind(tiers=64),
    "20 services": RunKind(services=20),
    "100 services": RunKind(services=100),
    "2 hours, 10 services": RunKind(seconds=7_200.0, services=10, requests=20_000),
    "50 stages": RunKind(stages=50, requests=5_000),
    "1,000 stages": RunKind(stages=1_000, requests=20_000, seconds=3_600.0),
    "500 kinds of failures": RunKind(failed=1_000, words=500),
    "10 MB of error text": RunKind(requests=60_000, failed=50_000, words=50_000, characters=200),
    "200 outages": RunKind(outages=200, seconds=3_600.0),
    "500 warnings": RunKind(warnings=500),
}
"""Kinds of runs by what they have many of."""


def render_kind(title: str) -> str:
    """Return the page of a kind of run."""
    return render_page(*judge(KINDS[title]))


def render_suite(count: int) -> str:
    """Return the page of a suite of slower runs."""
    runs = [judge(RunKind(), f"scenario-{number:02}") for number in range(count)]
    suite = judge_suite([report for report, _ in runs])
    series: list[RunSeries] = []
    for report in suite.reports:
        series += [curves for judged, curves in runs if judged is report]
    return render_suite_page(suite, series)


def judge(kind: RunKind, name: str = "quick") -> tuple[Report, RunSeries]:
    """Return the report on a slower run of a scenario compared with its baseline, and its curves."""
    result, recording = measure(kind, SLOWER, len(BASELINE_FACTORS), name)
    baseline = make_baseline(kind, name)
    report = make_report(result, compare(result, baseline))
    return report, make_series(result, recording, baseline)


@cache
def make_baseline(kind: RunKind, name: str = "quick") -> Baseline:
    """Return a baseline of usual runs of this kind, without failures and outages."""
    kind_of_baseline = replace(kind, failed=0, outages=0, warnings=0)
    baseline = None
    for number, factor in enumerate(BASELINE_FACTORS):
        run, _ = measure(kind_of_baseline, factor, number, name)
        baseline = accept(baseline, run, reason="usual", by="Tess Ter", at=NOON + timedelta(days=1))
    if baseline is None:
        raise AssertionError
    return baseline


def measure(
    kind: RunKind, factor: float, number: int = 0, name: str = "quick"
) -> tuple[RunResult, Recording]:
    """Return a run that took `factor` times the usual time, and its recording."""
    recording = make_recording(
        [*_make_requests(kind, factor)],
        planned_s=kind.seconds,
        elapsed_s=kind.seconds + 1.0,
        resources=tuple(_list_uses(kind)),
        probes=tuple(_list_probes(kind)),
        gauges=tuple(_list_gauges(kind)),
        warnings=tuple(f"warning {warning} of this run" for warning in range(kind.warnings)),
    )
    started_at = NOON + timedelta(hours=number)
    provenance = make_provenance(f"{started_at:%Y%m%dT%H%M%SZ}-{name}-{number:04x}", started_at=started_at)
    return make_run(recording, spec=_make_spec(kind, name), provenance=provenance), recording


def _make_spec(kind: RunKind, name: str) -> RunSpec:
    phases: list[dict[str, Any]] = []
    for stage in range(kind.stages):
        length_s = kind.seconds / kind.stages
        phases.append(
            {
                "executor": "constant-vus",
                "vus": _count_users(stage),
                "duration_s": length_s,
                "think_time_s": (1, 2),
            }
        )
    prompts: list[Prompt] = []
    for message in range(kind.messages):
        prompts.append(Prompt(id=_name_message(message), text=f"Please help: {message}"))
    scenario = make_scenario(name=name, phases=phases)
    return RunSpec(scenario=scenario, target=make_spec().target, prompts=tuple(prompts))


def _count_users(stage: int) -> int:
    return 10 + stage


def _name_message(message: int) -> str:
    return f"message-{message:04}"


def _make_requests(kind: RunKind, factor: float) -> Iterator[RequestSample]:
    dice = random.Random(5)
    for seq in range(kind.requests):
        message = seq % kind.messages
        latency_ms = (_LEAST_MS + _STEP_MS * (message % _LENGTHS)) * factor * dice.uniform(0.9, 1.1)
        stage = seq * kind.stages // kind.requests
        users = _count_users(stage)
        request = make_sample(
            seq,
            at_s=seq * kind.seconds / kind.requests,
            latency_ms=latency_ms,
            phase=stage,
            vu=seq % users,
            iteration=seq // users,
            prompt=_name_message(message),
            tier_times=vary(_make_tiers(kind, 0.9 * latency_ms), seq),
        )
        every = kind.requests // max(1, kind.failed)
        yield _fail(kind, request, seq // every) if kind.failed and seq % every == 0 else request


def _make_tiers(kind: RunKind, time_ms: float) -> dict[str, float]:
    """Return the times of the tiers; the first ones are longer."""
    names = (
        [*TIER_TIMES] if kind.tiers == len(TIER_TIMES) else [f"tier-{number}" for number in range(kind.tiers)]
    )
    total = len(names) * (len(names) + 1) / 2
    times_ms: dict[str, float] = {}
    for number, name in enumerate(names):
        times_ms[name] = time_ms * (len(names) - number) / total
    return times_ms


def _fail(kind: RunKind, request: RequestSample, number: int) -> RequestSample:
    word = "".join(chr(ord("a") + int(digit)) for digit in str(number % kind.words))
    sentences = _SENTENCE * (kind.characters // len(_SENTENCE))
    return request._replace(
        outcome=Outcome.HTTP_ERROR,
        status=500,
        detail=f"worker {word}: {sentences}"[: kind.characters],
        culprit=Culprit.TARGET,
        tier_times={},
    )


def _list_moments(kind: RunKind) -> Sequence[float]:
    return [(number + 0.5) * kind.seconds / _READINGS for number in range(_READINGS)]


def _list_services(kind: RunKind) -> Sequence[str]:
    return [f"service-{number:02}" for number in range(kind.services)]


def _list_uses(kind: RunKind) -> Iterator[ResourceSample]:
    dice = random.Random(6)
    for number, source in enumerate([GENERATOR, *_list_services(kind)]):
        for at_s in _list_moments(kind):
            memory = int(1e8 * (1.0 + at_s / kind.seconds))
            yield make_use(source, at_s, cpu_pct=dice.uniform(10.0, 20.0 + number), memory_bytes=memory)


def _list_gauges(kind: RunKind) -> Iterator[GaugeSample]:
    dice = random.Random(7)
    for service in _list_services(kind):
        for at_s in _list_moments(kind):
            yield GaugeSample(at_s=at_s, service=service, name="queue_depth", value=dice.uniform(0.0, 9.0))


def _list_probes(kind: RunKind) -> Iterator[Probe]:
    for number in range(2 * kind.outages):
        at_s = (number + 0.5) * kind.seconds / (2 * kind.outages)
        yield Probe(at_s=at_s, check="agent", up=number % 2 == 0)
