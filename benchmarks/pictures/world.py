"""A stack without a clock: computed runs of the scenario `quick`, so that pictures never change by chance."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from bench.core.config.run_spec import RunSpec
from bench.core.run.origin import Fingerprint, Provenance
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import (
    GENERATOR,
    HOST,
    QUEUE_DEPTH,
    Culprit,
    GaugeSample,
    Outcome,
    Probe,
    ResourceSample,
)
from bench.core.samples.samples import Samples
from bench.core.tiers.traced_loads import TracedLoad
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.levels import accept
from bench.core.watch.host import Host

FIRST = datetime(2026, 10, 26, 6, 15, tzinfo=UTC)
BASELINE_RUNS = 10
_PLANNED_S = 30.0
_SLOTS = 4
_FAILED_DETAIL = '{"error": "the model has no free slot", "code": "model_busy"}'
_DECODE_MS = {
    "greeting": 610.0,
    "analyse-pdf": 470.0,
    "best-practices": 300.0,
    "field-validation": 540.0,
    "contact-form": 455.0,
    "conditional-logic": 320.0,
    "field-types": 240.0,
    "database": 440.0,
    "file-upload": 495.0,
    "troubleshooting": 410.0,
    "long-requirements": 420.0,
    "long-support-case": 560.0,
    "long-migration": 480.0,
}
"""Usual time that the model writes an answer."""
_PREFILL_MS = {"long-requirements": 310.0, "long-support-case": 380.0, "long-migration": 350.0}
_USUAL_PREFILL_MS = 6.0


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between a run and the usual runs."""

    decode: float = 1.0
    """Factor of the time that the model writes."""
    noise: float = 0.012
    """Standard deviation of a request's time, as a share."""
    cpu: float = 1.0
    """Factor of the processor time of the services."""
    failed: tuple[int, ...] = ()
    """Numbers of the requests that fail."""
    generator_cpu_pct: float = 2.0
    """Processor use of the load generator, in per cent of a core."""
    injections: Mapping[str, float] | None = None
    """Injected faults, by knob."""


USUAL = Change()


def make_quick_run(spec: RunSpec, change: Change, number: int) -> tuple[RunResult, Recording]:
    """Return a run of ten VUs that chat for half a minute.

    Args:
        spec: The scenario `quick`.
        change: The difference from the usual runs.
        number: Number of the run; it is the seed, and each run starts a day later.
    """
    samples = list(_answer_requests(spec, change, Random(number)))
    recording = Recording(
        planned_s=_PLANNED_S,
        elapsed_s=max(sample.finished_s for sample in samples),
        samples=Samples.of(samples),
        resources=tuple(_use_resources(change, Random(number))),
        probes=tuple(_probe()),
        gauges=tuple(_count_waiting(samples)),
        host=Host(cores=2, load_at_start=0.4, stolen_ratio=0.004),
        traced_loads=(TracedLoad(prefix=f"{number:010x}"),),
    )
    return make_result(spec, recording, originate(number, change), FINGERPRINT), recording


def make_quick_baseline(spec: RunSpec, change: Change = USUAL, *, spread: float = 0.0) -> Baseline:
    """Return a baseline of ten runs.

    Args:
        spec: The scenario `quick`.
        change: The difference of each run.
        spread: Difference between the factor of the fastest and of the slowest run.
    """
    baseline: Baseline | None = None
    for number in range(BASELINE_RUNS):
        factor = change.decode * (1.0 + spread * ((7 * number % BASELINE_RUNS) / BASELINE_RUNS - 0.5))
        run, _ = make_quick_run(spec, Change(factor, change.noise), number)
        at = run.provenance.started_at + timedelta(hours=1)
        baseline = accept(baseline, run, reason="usual answers of the model", by="Tess Ter", at=at)
    if baseline is None:
        raise ValueError("a baseline has a run")
    return baseline


FINGERPRINT = Fingerprint(
    stack="embedded",
    stack_digest="a" * 64,
    work_digest="b" * 64,
    system="debian-12-x86_64",
    cpu_model="AMD EPYC",
    cpu_count=2,
    simulated=True,
    kernel="6.1.0",
)


def originate(number: int, change: Change = USUAL, scenario: str = "quick") -> Provenance:
    """Return the origin of a run, which starts `number` days after the first one."""
    started_at = FIRST + timedelta(days=number)
    return Provenance(
        run_id=f"{started_at:%Y%m%dT%H%M%SZ}-{scenario}-{number:04x}",
        started_at=started_at,
        tool_version="0.1.0",
        python_version="3.13.1",
        commit=f"{number:02x}5e511ed7" * 4,
        dirty=False,
        branch="shorter-prompts",
        subject="Send the complete conversation to the model",
        author="Tess Ter",
        injections=dict(change.injections or {}),
    )


def _answer_requests(spec: RunSpec, change: Change, dice: Random) -> Iterator[RequestSample]:
    """Yield the requests of ten VUs that wait for a model with four slots, in the order of their start."""
    names = [prompt.id for prompt in spec.prompts]
    deck: list[str] = []
    due = [(0.3 * vu, vu, 0) for vu in range(10)]
    free_s = [0.0] * _SLOTS
    seq = 0
    while due:
        at_s, vu, iteration = heapq.heappop(due)
        if at_s >= _PLANNED_S:
            continue
        if not deck:
            deck = sorted(names, key=lambda _: dice.random())
        sample = _answer(deck.pop(), at_s, free_s, change, dice)
        sample = sample._replace(vu=vu, iteration=iteration)
        if seq in change.failed:
            sample = _fail(sample)
        yield sample
        seq += 1
        heapq.heappush(due, (sample.finished_s + dice.uniform(5.0, 7.0), vu, iteration + 1))


def _answer(prompt: str, at_s: float, free_s: list[float], change: Change, dice: Random) -> RequestSample:
    tiers = {"auth": 0.9, "backend": 0.8, "agent": 0.7}
    tiers = {name: usual_ms * dice.uniform(0.8, 1.3) for name, usual_ms in tiers.items()}
    usual_ms = _PREFILL_MS.get(prompt, _USUAL_PREFILL_MS)
    tiers["prefill"] = usual_ms * dice.gauss(1.0, change.noise)
    tiers["decode"] = _DECODE_MS[prompt] * change.decode * dice.gauss(1.0, change.noise)
    slot = min(range(_SLOTS), key=free_s.__getitem__)
    arrived_s = at_s + 0.0035
    tiers["queue"] = max(0.02, 1000.0 * (free_s[slot] - arrived_s))
    busy_ms = tiers["queue"] + tiers["prefill"] + tiers["decode"]
    free_s[slot] = arrived_s + busy_ms / 1000.0
    answered_s = at_s + (sum(tiers.values()) + dice.uniform(8.0, 15.0)) / 1000.0
    return RequestSample(
        phase=0,
        vu=0,
        iteration=0,
        prompt=prompt,
        scheduled_s=at_s,
        sent_s=at_s + 0.0004,
        first_byte_s=answered_s - 0.0002,
        finished_s=answered_s,
        status=200,
        outcome=Outcome.OK,
        tier_times=tiers,
    )


def _fail(sample: RequestSample) -> RequestSample:
    return sample._replace(
        outcome=Outcome.HTTP_ERROR,
        status=503,
        detail=_FAILED_DETAIL,
        culprit=Culprit.TARGET,
        tier_times={},
    )


def _use_resources(change: Change, dice: Random) -> Iterator[ResourceSample]:
    use_of = {
        "model": (4.0 * change.cpu, 33_000_000, 60_000),
        "agent": (2.5 * change.cpu, 46_000_000, 110_000),
        "backend": (3.0 * change.cpu, 53_000_000, 140_000),
        GENERATOR: (change.generator_cpu_pct, 63_000_000, 30_000),
        HOST: (14.0 + change.generator_cpu_pct / 2.0, 829_000_000, 0),
    }
    for second in range(int(_PLANNED_S)):
        for source, (cpu_pct, memory_bytes, growth_bytes) in use_of.items():
            yield ResourceSample(
                at_s=second + 0.5,
                source=source,
                cpu_pct=round(cpu_pct * dice.uniform(0.7, 1.3), 1),
                memory_bytes=memory_bytes + growth_bytes * second,
            )


def _probe() -> Iterator[Probe]:
    for second in range(0, int(_PLANNED_S), 2):
        for check in ("agent", "backend", "model"):
            yield Probe(at_s=second + 0.2, check=check, up=True, took_ms=8.0)


def _count_waiting(samples: list[RequestSample]) -> Iterator[GaugeSample]:
    for second in range(int(_PLANNED_S)):
        at_s = second + 0.5
        waiting = 0
        for sample in samples:
            ends_s = sample.scheduled_s + sample.tier_times.get("queue", 0.0) / 1000.0
            waiting += sample.scheduled_s <= at_s < ends_s
        yield GaugeSample(at_s=at_s, service="model", name=QUEUE_DEPTH, value=float(waiting))
