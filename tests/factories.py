"""Valid values for tests; a test changes only the fields that matter to it."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target
from bench.core.history.history import HistoryPoint
from bench.core.run.origin import Fingerprint, Provenance
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.samples.metrics import metric
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import GENERATOR, Culprit, Outcome, ResourceSample
from bench.core.samples.samples import Samples
from bench.core.verdict.baseline import Baseline, BaselineRun
from bench.core.verdict.levels import accept

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
PROMPTS = ("greeting", "contact-form", "file-upload", "long-migration")
# Slowness of ten machines, and of one machine in ten runs.
MACHINES = (1.0, 1.04, 0.93, 1.1, 0.97, 1.06, 0.9, 1.01, 1.12, 0.95)
ONE_MACHINE = (1.0, 1.004, 0.997, 1.002, 0.999, 1.003, 0.996, 1.001, 1.005, 0.998)
NO_WORKLOAD = (None,) * 10
Tiers = tuple[tuple[str, float], ...]
TIER_TIMES = {"auth": 1.0, "backend": 2.0, "agent": 2.0, "queue": 40.0, "prefill": 30.0, "decode": 400.0}


def make_scenario(**changes: Any) -> Scenario:
    """A closed loop of ten VUs; fields by name."""
    content: dict[str, Any] = {
        "name": "quick",
        "purpose": "A test.",
        "target": "chat",
        "seed": 1,
        "prompts": "prompts/forms.yaml",
        "phases": [{"executor": "constant-vus", "vus": 10, "duration_s": 30, "think_time_s": (5, 7)}],
        "thresholds": {"e2e_ms": ["p(95)<5000"], "success_ratio": ["rate>0.95"]},
    }
    return Scenario.model_validate(content | changes)


def make_target(**changes: Any) -> Target:
    """The chat interface; fields by name."""
    content: dict[str, Any] = {
        "name": "chat",
        "service": "backend",
        "path": "/ask",
        "auth": "bearer",
        "body": {"message": "${message}"},
        "answer": {"kind": "json", "text": "data.message"},
        "ready": "/ready",
    }
    return Target.model_validate(content | changes)


def make_spec(scenario: Scenario | None = None, **target: Any) -> RunSpec:
    """A scenario with its target and prompts."""
    prompts = tuple(Prompt(id=name, text=f"Please help: {name}") for name in PROMPTS)
    return RunSpec(scenario=scenario or make_scenario(), target=make_target(**target), prompts=prompts)


def vary(tier_times: Mapping[str, float], seq: int, latency_ms: float = 1e9) -> dict[str, float]:
    """The plausible tier times of one request: never the same to seven digits, and within its time."""
    return {tier: min(time_ms * (1 + seq / 100_000), latency_ms) for tier, time_ms in tier_times.items()}


def make_sample(seq: int = 0, **changes: Any) -> RequestSample:
    """A successful request of `latency_ms`; all other arguments are fields."""
    at_s = changes.pop("at_s", seq * 0.3)
    latency_ms = changes.pop("latency_ms", 500.0)
    content: dict[str, Any] = {
        "phase": 0,
        "vu": seq % 10,
        "iteration": seq // 10,
        "prompt": PROMPTS[seq % len(PROMPTS)],
        "scheduled_s": at_s,
        "sent_s": at_s + 0.001,
        "first_byte_s": at_s + latency_ms / 1000,
        "finished_s": at_s + latency_ms / 1000,
        "status": 200,
        "outcome": Outcome.OK,
        "tier_times": vary(TIER_TIMES, seq),
    }
    content |= changes
    return RequestSample(**{"culprit": _usual_culprit(content["outcome"])} | content)


def _usual_culprit(outcome: Outcome) -> Culprit | None:
    if outcome in {Outcome.OK, Outcome.CANCELLED}:
        return None
    return Culprit.GENERATOR if outcome is Outcome.NOT_SENT else Culprit.TARGET


def value(key: str, sample: RequestSample) -> float | None:
    """A metric of one request; None if it has no value."""
    (number,) = metric(key).values(Samples.of([sample]))
    return None if np.isnan(number) else float(number)


def make_use(source: str = GENERATOR, at_s: float = 1.0, **changes: Any) -> ResourceSample:
    """A resource sample of a process; fields by name."""
    content = {"source": source, "at_s": at_s, "cpu_pct": 5.0, "memory_bytes": 90_000_000}
    return ResourceSample.model_validate(content | changes)


def make_recording(samples: Sequence[RequestSample] | None = None, **changes: Any) -> Recording:
    """A run of a hundred requests in thirty seconds."""
    content: dict[str, Any] = {
        "planned_s": 30.0,
        "elapsed_s": 31.0,
        "samples": Samples.of(samples if samples is not None else [make_sample(seq) for seq in range(100)]),
        "resources": (make_use(at_s=1.0), make_use(at_s=2.0)),
    }
    return Recording(**content | changes)


def make_fingerprint(**changes: Any) -> Fingerprint:
    """The fingerprint of a run; fields by name."""
    content: dict[str, Any] = {
        "stack": "embedded",
        "stack_digest": "a" * 64,
        "work_digest": "b" * 64,
        "system": "Linux-x86_64",
        "cpu_model": "Test CPU",
        "cpu_count": 2,
        "simulated": True,
    }
    return Fingerprint.model_validate(content | changes)


def make_provenance(run_id: str = "20260105T120000Z-quick-0000", **changes: Any) -> Provenance:
    """The origin of a run; fields by name."""
    content: dict[str, Any] = {
        "run_id": run_id,
        "started_at": NOON,
        "tool_version": "0.1.0",
        "python_version": "3.11.7",
        "commit": "c" * 40,
        "dirty": False,
    }
    return Provenance.model_validate(content | changes)


def make_run(
    recording: Recording | None = None,
    *,
    spec: RunSpec | None = None,
    fingerprint: Fingerprint | None = None,
    provenance: Provenance | None = None,
) -> RunResult:
    """A result, by default of a run without a fault."""
    return make_result(
        spec or make_spec(),
        recording or make_recording(),
        provenance or make_provenance(),
        fingerprint or make_fingerprint(),
    )


def run_at(
    factor: float = 1.0,
    number: int = 0,
    *,
    tier_times: Mapping[str, float] | None = None,
    failed: Sequence[int] = (),
    requests: int = 100,
    **parts: Any,
) -> RunResult:
    """A run whose requests took `factor` times the usual time; `failed` has the numbers of failed ones."""
    tiers = tuple((tier_times or TIER_TIMES).items())
    if parts:
        return _measure(factor, number, tiers, tuple(failed), requests, **parts)
    return _measure_once(factor, number, tiers, tuple(failed), requests)


def _measure(
    factor: float, number: int, tiers: Tiers, failed: Sequence[int], requests: int, **parts: Any
) -> RunResult:
    samples = []
    for seq in range(requests):
        usual_ms = 300.0 + 100.0 * (seq % len(PROMPTS))
        latency_ms = usual_ms * factor
        times_ms = vary(dict(tiers), seq, latency_ms)
        sample = make_sample(seq, latency_ms=latency_ms, tier_times=times_ms)
        if seq in failed:
            sample = make_sample(
                seq,
                latency_ms=latency_ms,
                outcome=Outcome.HTTP_ERROR,
                status=500,
                detail="injected",
                tier_times={},
            )
        samples.append(sample)
    started_at = NOON + timedelta(hours=number)
    provenance = make_provenance(f"{started_at:%Y%m%dT%H%M%SZ}-quick-{number:04x}", started_at=started_at)
    return make_run(make_recording(samples), provenance=parts.pop("provenance", provenance), **parts)


# Results are immutable, and most tests need the same ones.
_measure_once = lru_cache(maxsize=500)(_measure)


# Ten ordinary runs with a spread of about 1 % between them.
USUAL_FACTORS = (1.0, 1.012, 0.991, 1.006, 0.987, 1.009, 0.996, 1.015, 0.992, 1.002)


def make_baseline(factors: Sequence[float] = USUAL_FACTORS, **parts: Any) -> Baseline:
    """A baseline of runs with these factors, an hour apart."""
    if parts:
        return _accept_runs(tuple(factors), **parts)
    return _accept_runs_once(tuple(factors))


def with_runs(baseline: Baseline, runs: Sequence[BaselineRun]) -> Baseline:
    """The baseline with one level, which has these runs."""
    level = baseline.newest.model_copy(update={"runs": tuple(runs)})
    return baseline.model_copy(update={"levels": (level,)})


def _accept_runs(factors: Sequence[float], **parts: Any) -> Baseline:
    baseline = None
    for number, factor in enumerate(factors):
        run = run_at(factor, number, **parts)
        baseline = accept(baseline, run, reason="usual", by="Tess Ter", at=NOON + timedelta(days=1))
    assert baseline is not None
    return baseline


_accept_runs_once = lru_cache(maxsize=50)(_accept_runs)


def make_reference_workload(factor: float = 1.0, **changes: Any) -> ReferenceWorkload:
    """The reference workload on a machine that is slower by a factor."""
    times = {"arithmetic": 10.0 * factor, "json": 2.0 * factor}
    return ReferenceWorkload.model_validate({"before_ms": times, "after_ms": times} | changes)


def run_on_machine(factor: float, workload_factor: float | None, number: int = 0, **parts: Any) -> RunResult:
    """A run of a real stack with `factor` times the usual time, and `workload_factor` times the workload."""
    made = run_at(factor, number, **({"fingerprint": make_fingerprint(simulated=False)} | parts))
    return made.model_copy(
        update={
            "reference_workload": None
            if workload_factor is None
            else make_reference_workload(workload_factor)
        }
    )


def machines_baseline(
    machines: Sequence[float] = MACHINES,
    *,
    workload_factors: Sequence[float | None] | None = None,
    **parts: Any,
) -> Baseline:
    """A baseline with a run on each machine; by default the workload has the factor of the machine."""
    workloads = tuple(workload_factors or machines)
    if parts:
        return _accept_machines(tuple(machines), workloads, **parts)
    return _accept_machines_once(tuple(machines), workloads)


def _accept_machines(
    machines: Sequence[float], workload_factors: Sequence[float | None], **parts: Any
) -> Baseline:
    baseline = None
    for number, (factor, workload_factor) in enumerate(zip(machines, workload_factors, strict=True)):
        run = run_on_machine(factor, workload_factor, number, **parts)
        baseline = accept(baseline, run, reason="usual", by="Tess Ter", at=NOON + timedelta(days=1))
    assert baseline is not None
    return baseline


_accept_machines_once = lru_cache(maxsize=50)(_accept_machines)


def make_point(number: int = 0, factor: float = 1.0, **changes: Any) -> HistoryPoint:
    """A run of a history, `number` days after the first; two runs share a commit; fields by name."""
    content: dict[str, Any] = {
        "scenario": "quick",
        "run_id": f"run-{number:03}",
        "started_at": NOON + timedelta(days=number),
        "commit": f"{number // 2:04x}" * 10,
        "dirty": False,
        "tool_version": "0.1.0",
        "fingerprint": make_fingerprint(),
        "ok": 100,
        "failed": 0,
        "failed_blocks": 0,
        "figures": {"e2e_ms": 500.0 * factor, "tier.decode_ms": 400.0 * factor, "tier.queue_ms": 40.0},
    }
    return HistoryPoint.model_validate(content | changes)


def make_history(factors: Sequence[float], **changes: Any) -> list[HistoryPoint]:
    """Runs with these factors and a noise of 3 %, a day apart."""
    dice = random.Random(7)
    return [
        make_point(number, factor * (1.0 + dice.gauss(0.0, 0.03)), **changes)
        for number, factor in enumerate(factors)
    ]
