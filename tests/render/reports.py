"""Reports for every format."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from bench.core.calibration.calibration import Bias, Calibration, Trial
from bench.core.config.run_spec import RunSpec
from bench.core.report.report import Report, make_report
from bench.core.report.suite import SuiteReport, judge_suite
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.samples.metrics import metric
from bench.core.samples.sample import HOST, GaugeSample, Outcome, Probe, Stop, StopCause
from bench.core.values.histogram import Histogram
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.levels import pin
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.core.watch.host import Host
from tests.core.run.stall_worlds import World, run_world
from tests.factories import (
    NOON,
    ONE_MACHINE,
    TIER_TIMES,
    USUAL_FACTORS,
    machines_baseline,
    make_baseline,
    make_provenance,
    make_recording,
    make_reference_workload,
    make_run,
    make_sample,
    make_scenario,
    make_spec,
    make_use,
    run_at,
    run_on_machine,
    vary,
)
from tests.lazily import Lazily

HOSTILE = (
    "<img src=x onerror=alert(1)> @everyone [x](http://evil.example) `code` | cell \x1b[31m\nwww.evil.example"
)


def _slow_decode(factor: float) -> RunResult:
    tier_times = TIER_TIMES | {"decode": TIER_TIMES["decode"] * factor}
    return run_at(1.0 + (factor - 1.0) * 0.9, tier_times=tier_times)


def _mixed() -> RunResult:
    """Return a run with one faster and one slower tier, and the same response time."""
    return run_at(1.01, tier_times=TIER_TIMES | {"queue": 5.0, "prefill": 90.0})


def _all_failed() -> RunResult:
    samples = [
        make_sample(
            seq, outcome=Outcome.HTTP_ERROR, status=500, detail='{"error":"out of memory"}', tier_times={}
        )
        for seq in range(20)
    ]
    return make_run(make_recording(samples))


def _hostile() -> RunResult:
    samples = [make_sample(seq) for seq in range(20)]
    samples[3] = make_sample(3, outcome=Outcome.HTTP_ERROR, status=500, detail=HOSTILE * 3, tier_times={})
    recording = make_recording(samples, warnings=(HOSTILE,))
    return make_run(recording, provenance=make_provenance(commit=None, injections={"model.slowdown": 1.3}))


def _reliable() -> RunResult:
    """Return a streamed run with a calibration, and a phase of cancelled requests."""
    bias = Bias(p50_ms=0.42, p95_ms=1.31, max_ms=2.2)
    calibration = Calibration(
        load="10 VUs, 1 s",
        before=Trial(requests=60, failed=0, ttft=bias, e2e=bias),
        after=Trial(requests=0, failed=60, ttft=None, e2e=None),
    )
    gaps = Histogram()
    gaps.add([20.0] * 90 + [60.0] * 10)
    turns = {"executor": "per-vu-iterations", "vus": 1, "iterations": 4}
    phases = [turns, {**turns, "cancel_ratio": 1}, turns]
    samples = [
        make_sample(seq, phase=seq // 4, first_token_s=seq * 0.3 + 0.1 * (1 + seq // 8), tokens=24)
        for seq in range(12)
    ]
    samples[4] = samples[4]._replace(outcome=Outcome.CANCELLED, detail="given up after 0.2 s, as planned")
    return make_run(
        make_recording(
            samples,
            calibration=calibration,
            reference_workload=make_reference_workload(),
            token_gaps={0: gaps},
        ),
        spec=make_spec(make_scenario(phases=phases, recovery_ratio=1.5)),
    )


def _loads() -> RunResult:
    """Return a run of increasing load on a watched machine; the answers are too slow from 30 VUs on."""
    steps, samples = (1, 10, 20, 30, 50), []
    phases = [
        {"executor": "constant-vus", "vus": each, "duration_s": 60, "think_time_s": (5, 5)} for each in steps
    ]
    for phase, each in enumerate(steps):
        waits_ms = 9_600.0 if each >= 30 else 100.0
        tier_times = TIER_TIMES | {"decode": 900.0, "queue": waits_ms}
        for seq in range(min(each, 20) * 5 if each > 1 else 30):
            place = {"phase": phase, "vu": seq % each, "iteration": seq // each}
            times_ms = vary(tier_times, seq)
            at_s = phase * 80.0 + (2.0 if each == 1 else 10.0) * (seq // each)
            latency_ms = 1_050.0 + waits_ms + seq
            samples.append(make_sample(seq, at_s=at_s, latency_ms=latency_ms, tier_times=times_ms, **place))
    host = Host(
        cores=8,
        quota_cores=6.5,
        governors=("performance", "schedutil"),
        load_at_start=0.42,
        stolen_ratio=0.012,
        throttled_ratio=0.031,
        hot_count=2,
        hot_ratio=0.001,
        swapped_pages=1200,
        pinned={"load generator": (7,), "stack": (0, 1, 2, 3, 4, 5, 6)},
    )
    limits: dict[str, Any] = {"objectives": {"e2e_ms": 10_000}, "thresholds": {}}
    spec = make_spec(make_scenario(name="capacity", phases=phases, **limits))
    work = {"answer_bytes": 412.5 * len(samples), "model_calls": float(len(samples))}
    return make_run(make_recording(samples, host=host, elapsed_s=400.0, work=work), spec=spec)


def _stalled() -> RunResult:
    """Return a run in which the target stood still for two seconds."""
    return make_run(run_world(World(users=10, duration_s=60.0, stalls=((10.1, 12.1),)), seed=1))


def _alternating() -> tuple[RunResult, Comparison]:
    """Return a head that is slower than the base that it alternated with."""
    base = [run_at(mood) for mood in (1.0, 1.3, 0.9, 1.1)]
    head = [run_at(1.2 * mood) for mood in (1.0, 1.3, 0.9, 1.1)]
    return head[-1], compare_pairs(base, head, head[-1], "embedded@main")


def make_row(key: str, verdict: Verdict, base: float, ratio: float, **more: Any) -> MetricComparison:
    """Return a compared metric whose interval is a tenth of its value wide to each side."""
    numbers = {
        "part": metric(key).part,
        "base": base,
        "head": base * (1 + ratio),
        "change": base * ratio,
        "change_ratio": ratio,
        "low_ratio": ratio - 0.03,
        "high_ratio": ratio + 0.03,
        "confidence": 0.98,
        "detectable_ratio": 0.06,
        "margin_ratio": 0.1,
        "p_value": 1e-6,
    }
    return MetricComparison.model_validate({"key": key, "verdict": verdict} | numbers | more)


def make_message(name: str, verdict: Verdict, base: float, ratio: float, **more: Any) -> MessageComparison:
    """Return a compared message or class."""
    numbers = {
        "key": "e2e_ms",
        "kind": MessageKind.MESSAGE,
        "base": base,
        "head": base * (1 + ratio),
        "change_ratio": ratio,
        "low_ratio": ratio - 0.08,
        "high_ratio": ratio + 0.08,
        "confidence": 0.98,
        "margin_ratio": 0.6,
        "requests_ratio": 1 / 13,
        "p_value": 1e-6,
    }
    return MessageComparison.model_validate({"name": name, "verdict": verdict} | numbers | more)


def _long_messages() -> tuple[RunResult, Comparison]:
    """Return a comparison of pairs in which the long messages are slower."""
    of_class = {"kind": MessageKind.CLASS, "margin_ratio": 0.2}
    messages = [
        make_message("long", Verdict.WORSE, 1_900.0, 0.48, messages=3, requests_ratio=3 / 13, **of_class),
        make_message(
            "short", Verdict.UNCHANGED, 420.0, 0.01, messages=10, requests_ratio=10 / 13, **of_class
        ),
        make_message("summary", Verdict.INCONCLUSIVE, 2_100.0, 0.55),
        make_message("essay", Verdict.INCONCLUSIVE, 1_900.0, 0.49),
        make_message("translation", Verdict.INCONCLUSIVE, 1_700.0, 0.41),
    ]
    for number in range(10):
        messages.append(make_message(f"question-{number}", Verdict.UNCHANGED, 420.0, 0.03 - number * 0.006))
    response = {"base_mean": 760.0, "head_mean": 968.0, "base_p50": 430.0, "head_p50": 433.0}
    first = {"base_mean": 141.0, "head_mean": 142.0, "base_p50": 118.0, "head_p50": 118.0}
    metrics = (
        make_row("e2e_ms", Verdict.WITHIN_TOLERANCE, 609.0, 0.082, **response),
        make_row("ttft_ms", Verdict.UNCHANGED, 120.0, 0.004, **first),
        make_row("p95.e2e_ms", Verdict.WORSE, 2_000.0, 0.46),
        make_row("tier.decode_ms", Verdict.UNCHANGED, 372.0, 0.01),
        make_row("tier.prefill_ms", Verdict.WORSE, 30.0, 1.6, low_ratio=1.2, high_ratio=2.1),
        make_row("tier.unattributed_ms", Verdict.WORSE, 8.0, 2.0, low_ratio=1.5, high_ratio=2.6),
    )
    comparison = Comparison(
        decision=Decision.FAIL,
        reasons=("p95 response time is worse", "`prefill` is worse"),
        metrics=metrics,
        messages=tuple(messages),
        baseline_runs=4,
        pairs=4,
        stopped="the change is proven",
        newest_baseline_commit="d" * 40,
        base_name="embedded@main",
    )
    return run_at(1.08), comparison


def _tolerated() -> tuple[RunResult, Comparison]:
    """Return a run that is slower within its tolerance."""
    metrics = (
        make_row("e2e_ms", Verdict.WITHIN_TOLERANCE, 609.0, 0.041, low_ratio=0.031, high_ratio=0.051),
        make_row("tier.decode_ms", Verdict.WITHIN_TOLERANCE, 372.0, 0.06),
    )
    comparison = Comparison(decision=Decision.PASS, reasons=(), metrics=metrics, baseline_runs=10)
    return run_at(1.04), comparison


def _drifted() -> Baseline:
    """Return a baseline that has become slower since its pinned baseline."""
    pinned = pin(make_baseline(), reason="release 2.0", by="Tess Ter", at=NOON).pinned
    slower = [1.24 * factor for factor in USUAL_FACTORS]
    return make_baseline(slower).model_copy(update={"pinned": pinned})


def watched_recording() -> Recording:
    """Return a run of containers: one is killed and restarts, one fills its memory while requests wait."""
    used = [
        make_use(
            source, at, cpu_pct=10.0 + at, memory_bytes=memory + 3_000_000 * at,
            memory_limit_bytes=limit, received_bytes=3_000_000 + 40_000 * at, sent_bytes=1_200 * at,
            read_bytes=4096, written_bytes=900 * at, restarts=int(source == "agent" and at > 12), oom_kills=0,
            throttled_ms=45 * at if source == "model" else 0,
        )
        for at in range(0, 30, 2)
        for source, memory, limit in (
            ("agent", 80_000_000, 512_000_000),
            ("model", 900_000_000, 1_000_000_000),
            (HOST, 4 * 10**9, 16 * 10**9),
        )
    ]  # fmt: skip
    probes = [
        Probe(
            at_s=at, check=check, up=not down, took_ms=None if down else took_ms,
            detail="ConnectError: All connection attempts failed" if down else None,
        )
        for at in range(0, 30, 2)
        for check, took_ms in (("agent", 4.2), ("model", 1.1))
        for down in [check == "agent" and (at == 4 or 10 <= at < 14)]
    ]  # fmt: skip
    gauges = [
        GaugeSample(at_s=at, service="model", name="queue_depth", value=12.0 * at) for at in range(0, 30, 2)
    ]
    samples = [
        make_sample(
            seq,
            latency_ms=31_000.0 if seq == 7 else 500.0,
            outcome=Outcome.HTTP_ERROR if seq in range(36, 44) else Outcome.OK,
        )
        for seq in range(100)
    ]
    return make_recording(
        samples,
        resources=(make_use(), *used),
        probes=tuple(probes),
        gauges=tuple(gauges),
        warnings=("Docker's engine at unix:///var/run/docker.sock: there is no such socket",),
    )


def _interrupted() -> RunResult:
    stop = Stop(cause=StopCause.TARGET, reason=f"service 'model' ended by signal SIGKILL: {HOSTILE}")
    return make_run(make_recording([make_sample(0)], stop=stop))


@cache
def suites() -> Mapping[str, SuiteReport]:
    """Return suites of several scenarios, by name."""
    return Lazily(
        {
            "suite-passed": lambda: judge_suite([_as_scenario("pass", "quick")]),
            "suite-failed": lambda: judge_suite(
                [
                    _as_scenario("pass", "quick"),
                    _as_scenario("regression", "medium"),
                    _as_scenario("too-noisy", "spike"),
                    _as_scenario("hostile", "heavy"),
                ]
            ),
        }
    )


def _as_scenario(kind: str, name: str) -> Report:
    """Return a kind of report as that of another scenario."""
    report = reports()[kind]
    run = report.result
    renamed = run.model_copy(update={"scenario": run.scenario.model_copy(update={"name": name})})
    return make_report(renamed, report.comparison)


@cache
def reports() -> Mapping[str, Report]:
    """Return each kind of report, by name. Each is made once, since most tests of formats need them."""
    return Lazily(
        {
            "pass": lambda: _usually(run_at(1.004)),
            "regression": lambda: _usually(_slow_decode(1.3)),
            "improvement": lambda: _usually(_improved()),
            "mixed": lambda: _usually(_mixed()),
            "missing": lambda: _usually(_missing()),
            "errors": lambda: _usually(run_at(1.0, failed=range(5, 95, 10))),
            "all-failed": lambda: _usually(_all_failed()),
            "hostile": lambda: _usually(_hostile()),
            "interrupted": lambda: _usually(_interrupted()),
            "crossed": lambda: _usually(
                run_at(1.0, spec=_changed_spec(thresholds={"e2e_ms": ["p(95)<100", "avg<9999"]}))
            ),
            "goodput": lambda: _usually(
                run_at(1.0, spec=_changed_spec(objectives={"e2e_ms": 450, "ttft_ms": 2000}))
            ),
            "overhead": lambda: _usually(_paired(range(100))),
            "one-pair": lambda: _usually(_paired((0, 10))),
            "reliable": lambda: _usually(_reliable()),
            "loads": lambda: _usually(_loads()),
            "watched": lambda: _usually(make_run(watched_recording())),
            "in-turns": lambda: make_report(*_alternating()),
            "long-messages": lambda: make_report(*_long_messages()),
            "tolerated": lambda: make_report(*_tolerated()),
            "drifted": lambda: _compared(run_at(1.25), _drifted()),
            "shifted": lambda: _compared(
                run_on_machine(1.25, 1.25),
                machines_baseline(ONE_MACHINE, workload_factors=ONE_MACHINE[::-1]),
            ),
            "slower-machine": lambda: _compared(run_on_machine(1.3 * 1.1, 1.1), machines_baseline()),
            "no-baseline": lambda: _compared(run_at(1.0), None),
            "stalled": lambda: _compared(_stalled(), None),
            "too-noisy": lambda: _compared(run_at(1.0), make_baseline((1.0, 1.4, 0.7, 1.3, 0.8, 1.5))),
        }
    )


def _usually(run: RunResult) -> Report:
    """Return the report on a run that is compared with the usual baseline."""
    return _compared(run, make_baseline())


def _compared(run: RunResult, baseline: Baseline | None) -> Report:
    """Return the report on a run that is compared with a baseline."""
    return make_report(run, compare(run, baseline))


def _changed_spec(**fields: Any) -> RunSpec:
    """Return the usual spec with other fields of the scenario."""
    scenario = make_spec().scenario
    return make_spec(type(scenario).model_validate(scenario.model_dump() | fields))


def _improved() -> RunResult:
    return run_at(0.7, tier_times={name: value * 0.7 for name, value in TIER_TIMES.items()})


def _missing() -> RunResult:
    """Return a run without the times of a tier."""
    return run_at(1.0, tier_times={name: value for name, value in TIER_TIMES.items() if name != "decode"})


def _paired(numbers: Iterable[int]) -> RunResult:
    """Return a run with a second target and these requests."""
    samples = [
        make_sample(seq, iteration=seq // 10, vu=seq % 10, arm=seq // 10 % 2, latency_ms=500.0 + seq % 7)
        for seq in numbers
    ]
    compare_with = make_spec(make_spec().scenario.model_copy(update={"compare_with": "ollama"}))
    return make_run(make_recording(samples), spec=compare_with)
