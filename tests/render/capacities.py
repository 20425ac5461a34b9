"""Answers of capacity searches for every format: one for each end of a search."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.curve import fit_curve
from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.load_trial import (
    LoadTrial,
    ObjectiveCounts,
    SafeLoad,
    SearchEnd,
    TrialBlock,
    TrialVerdict,
)
from bench.core.capacity.prediction import Prediction
from bench.core.capacity.zones import find_zones
from bench.core.report.report import Report, make_report
from bench.core.report.series import RunSeries, make_series
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.verdict.compare import compare
from tests.factories import TIER_TIMES, make_recording, make_run, make_sample, make_scenario, make_spec, vary
from tests.lazily import Lazily
from tests.render.drawn import HOSTILE

LIMIT_MS = 10_000.0
P95 = "p95 response time ≤ 10 s"
SUCCESS = "success ≥ 99 %"
ALLOWED = {P95: 0.05, SUCCESS: 0.01}
BLOCKS = 6
SERVICE_S = 2.08
"""Response time of a single user."""
THINK_S = 6.0
"""Time between an answer and the next request of a user."""
FULL_RPS = 3 / SERVICE_S
"""Answers per second of the stack when all its three slots are full: from about 12 users on."""
_KNEE = 8.0
"""How sharply throughput stops growing."""


def make_trial(
    load: float, verdict: TrialVerdict, start_s: float = 0.0, full_rps: float = FULL_RPS, **changes: Any
) -> LoadTrial:
    """Return a trial of a stack that answers so many requests per second: the others wait in a queue.

    Response time and throughput obey Little's law, so that the models of a search explain them.
    """
    idle_rps = load / (SERVICE_S + THINK_S)
    rate_rps = idle_rps / (1.0 + (idle_rps / full_rps) ** _KNEE) ** (1.0 / _KNEE)
    mean_ms = 1000.0 * (load / rate_rps - THINK_S)
    p95_ms = mean_ms / 0.64
    missed_ratio = min(0.95, 0.05 * (p95_ms / LIMIT_MS) ** 3)
    requests = max(12, round(rate_rps * 40.0 / BLOCKS))
    missed = round(missed_ratio * requests)
    slow = ObjectiveCounts(
        objective=P95,
        allowed_ratio=ALLOWED[P95],
        blocks=tuple(TrialBlock(requests, missed) for _ in range(BLOCKS)),
        limit_ms=LIMIT_MS,
        time_ms=p95_ms,
        low_ms=0.86 * p95_ms,
        high_ms=1.2 * p95_ms,
    )
    content: dict[str, Any] = {
        "load": load,
        "start_s": start_s,
        "warm_up_s": 6.0,
        "duration_s": 40.0 if verdict is TrialVerdict.MET else 22.0,
        "counts": (slow,),
        "verdict": verdict,
        "throughput_rps": rate_rps,
        "goodput_rps": rate_rps * (1.0 - missed_ratio),
        "mean_ms": mean_ms,
        "p50_ms": 0.9 * mean_ms,
        "p95_ms": p95_ms,
        "success_ratio": 1.0,
        "tier_ms": {"queue": mean_ms - 1000.0 * SERVICE_S, "decode": 1_700.0, "unattributed": 380.0},
        "drain_s": 4.0,
    }
    return LoadTrial(**content | changes)


def _complete(capacity: CapacityResult) -> CapacityResult:
    """Return an answer with its curve and its zones."""
    fitted = fit_curve(capacity.trials, capacity.unit)
    curve = None if fitted is None else fitted.curve
    if capacity.safe_load is None and capacity.ended is not SearchEnd.NONE_MET:
        return capacity.model_copy(update={"curve": curve})
    zones = find_zones(capacity.safe_load, curve, capacity.no_gain_from)
    return capacity.model_copy(update={"curve": curve, "zones": zones})


def make_trials(
    *loads: float, broken_from: float = 19.0, full_rps: float = FULL_RPS
) -> tuple[LoadTrial, ...]:
    """Return trials of these loads, in this order."""
    trials = []
    for number, load in enumerate(loads):
        verdict = TrialVerdict.BROKEN if load >= broken_from else TrialVerdict.MET
        trials.append(make_trial(load, verdict, start_s=48.0 * number, full_rps=full_rps))
    return tuple(trials)


def narrow() -> CapacityResult:
    """Return a search that ended with a narrow interval."""
    trials = [*make_trials(1, 2, 4, 8, 16, 32, 24, 20, 17)]
    trials.insert(8, make_trial(18, TrialVerdict.OPEN, 400.0))
    return CapacityResult(
        unit="users",
        objectives=(P95,),
        safe_load=SafeLoad(load=17, low=15, high=19, confidence=0.9),
        ended=SearchEnd.NARROW,
        trials=tuple(trials),
        breaks_at="queue",
        throughput_rps=1.44,
        no_gain_from=22,
        predictions=(
            Prediction(
                load=34,
                unit="users",
                objective_ms=LIMIT_MS,
                slots=FittedValue(value=3, low=3, high=4),
                slots_needed=FittedValue(value=6, low=5, high=8),
                shorter=FittedValue(value=0.48, low=0.42, high=0.55),
            ),
        ),
    )


def _several() -> CapacityResult:
    """Return a search with two objectives, of which the success breaks first."""
    trials = []
    for trial in make_trials(2.5, 5.0, 4.0, 3.0, broken_from=4.0):
        failed = 3 if trial.load >= 4.0 else 0
        success = ObjectiveCounts(
            objective=SUCCESS,
            allowed_ratio=ALLOWED[SUCCESS],
            blocks=tuple(TrialBlock(20, failed) for _ in range(BLOCKS)),
        )
        trials.append(trial.model_copy(update={"counts": (*trial.counts, success)}))
    return CapacityResult(
        unit="requests/s",
        objectives=(P95, SUCCESS),
        safe_load=SafeLoad(load=3.25, low=3.0, high=3.5, confidence=0.9),
        ended=SearchEnd.NARROW,
        trials=tuple(trials),
        throughput_rps=3.2,
    )


def _with_end(ended: SearchEnd, loads: Sequence[float], safe: SafeLoad | None, **more: Any) -> CapacityResult:
    trials = make_trials(*loads, **more)
    rate = None if safe is None else min(trials, key=lambda trial: abs(trial.load - safe.load)).throughput_rps
    return CapacityResult(
        unit="users",
        objectives=(P95,),
        safe_load=safe,
        ended=ended,
        trials=trials,
        throughput_rps=rate,
    )


def _at_least(load: float) -> SafeLoad:
    return SafeLoad(load=load, low=load, high=None, confidence=0.9)


@cache
def capacities() -> Mapping[str, CapacityResult]:
    """Return an answer for each end of a search, by name."""
    first = (1, 2, 4, 8, 16)
    wide = SafeLoad(load=20, low=12, high=28, confidence=0.9)
    unclear = _with_end(SearchEnd.BUDGET, (), None)
    unclear = unclear.model_copy(update={"trials": (make_trial(16, TrialVerdict.OPEN),)})
    answers = {
        "narrow": narrow(),
        "several": _several(),
        "none-met": _with_end(SearchEnd.NONE_MET, (1,), None, broken_from=1, full_rps=0.05),
        "all-met": _with_end(
            SearchEnd.ALL_MET, (*first, 150), _at_least(150), broken_from=200, full_rps=20.0
        ),
        "budget": _with_end(SearchEnd.BUDGET, (*first, 32), wide),
        "budget-open": _with_end(SearchEnd.BUDGET, first, _at_least(16)),
        "budget-unclear": unclear,
        "interrupted": _with_end(SearchEnd.INTERRUPTED, first, _at_least(16)),
        "nothing": _with_end(SearchEnd.INTERRUPTED, (), None),
        "load-generator": _with_end(SearchEnd.LOAD_GENERATOR, first, _at_least(16)),
    }
    return Lazily({name: partial(_complete, capacity) for name, capacity in answers.items()})


def run_with(capacity: CapacityResult) -> RunResult:
    """Return a run whose phases are the trials of a search."""
    return _measure(capacity)[0]


def drawn_with(capacity: CapacityResult) -> tuple[Report, RunSeries]:
    """Return the report on a run of a search without a baseline, and its curves."""
    result, recording = _measure(capacity)
    return make_report(result, compare(result, None)), make_series(result, recording)


def hostile_capacity() -> tuple[Report, RunSeries]:
    """Return a search whose names and texts are all hostile."""
    counts = [row.model_copy(update={"objective": HOSTILE}) for row in make_trials(4)[0].counts]
    trials = []
    for trial in narrow().trials:
        changes = {"counts": tuple(counts), "tier_ms": {HOSTILE: 1.0}}
        trials.append(trial.model_copy(update=changes))
    changes = {"trials": tuple(trials), "objectives": (HOSTILE,), "breaks_at": HOSTILE}
    report, series = drawn_with(narrow().model_copy(update=changes))
    scenario = report.result.scenario.model_copy(update={"name": HOSTILE})
    result = report.result.model_copy(update={"scenario": scenario})
    return report.model_copy(update={"result": result}), series


def _measure(capacity: CapacityResult) -> tuple[RunResult, Recording]:
    loads = [max(1, round(trial.load)) for trial in capacity.trials] or [1]
    phases = []
    samples = []
    for number, load in enumerate(loads):
        phases.append({"executor": "constant-vus", "vus": load, "duration_s": 40, "think_time_s": (5, 5)})
        for seq in range(8):
            place = {"phase": number, "vu": seq % load, "iteration": seq // load}
            at_s = 48.0 * number + 4.0 * seq
            times_ms = vary(TIER_TIMES, seq)
            samples.append(
                make_sample(seq, at_s=at_s, latency_ms=3_000.0 + seq, tier_times=times_ms, **place)
            )
    search = {"from": 1, "budget": "10m"}
    spec = make_spec(make_scenario(name="capacity", phases=phases, thresholds={}, capacity=search))
    recording = make_recording(samples, elapsed_s=48.0 * len(loads))
    result = make_run(recording, spec=spec)
    return result.model_copy(update={"capacity": capacity}), recording
