"""Capacity searches for tests, made directly from their answer."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import (
    LoadTrial,
    LoadUnit,
    ObjectiveCounts,
    SafeLoad,
    SearchEnd,
    TrialBlock,
    TrialVerdict,
)
from bench.core.run.result import RunResult
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.levels import accept
from tests.factories import NOON, make_scenario, make_spec, run_at

OBJECTIVE = "p95 response time ≤ 10 s"
Interval = tuple[float, float, float | None]
"""The safe load, the lower end of its interval, and its upper end."""
USUAL: tuple[Interval, ...] = ((17, 15, 19), (17, 16, 19), (18, 16, 20))
"""Three searches of one version."""


def make_trial(load: float, verdict: TrialVerdict = TrialVerdict.MET, **changes: Any) -> LoadTrial:
    """A trial of a load; fields by name."""
    missed = 20 if verdict is TrialVerdict.BROKEN else 2
    counts = ObjectiveCounts(
        objective=OBJECTIVE, allowed_ratio=0.05, blocks=(TrialBlock(100, missed), TrialBlock(100, missed))
    )
    content: dict[str, Any] = {
        "load": load,
        "start_s": 0.0,
        "warm_up_s": 10.0,
        "duration_s": 30.0,
        "counts": (counts,),
        "verdict": verdict,
        "throughput_rps": 1.9,
        "goodput_rps": 1.8,
        "success_ratio": 1.0,
    }
    return LoadTrial.model_validate(content | changes)


def make_capacity(
    safe: Interval | None = (17, 15, 19), unit: LoadUnit = "users", **changes: Any
) -> CapacityResult:
    """The answer of a search, by default 17 users; None if the smallest load breaks an objective."""
    trials: tuple[LoadTrial, ...] = (make_trial(1, TrialVerdict.BROKEN),)
    if safe is None:
        ended = SearchEnd.NONE_MET
        answer = None
    else:
        load, low, high = safe
        trials = (make_trial(low), make_trial(load), make_trial(high or load))
        ended = SearchEnd.ALL_MET if high is None else SearchEnd.NARROW
        answer = SafeLoad(load=load, low=low, high=high, confidence=0.9)
    content: dict[str, Any] = {
        "unit": unit,
        "objectives": (OBJECTIVE,),
        "safe_load": answer,
        "ended": ended,
        "trials": trials,
        "breaks_at": "queue",
        "throughput_rps": 1.9,
        "no_gain_from": 22,
    }
    return CapacityResult.model_validate(content | changes)


def make_search(
    safe: Interval | None = (17, 15, 19),
    number: int = 0,
    unit: LoadUnit = "users",
    *,
    changes: dict[str, Any] | None = None,
    **parts: Any,
) -> RunResult:
    """A run that searched the safe load.

    Args:
        safe: The answer.
        number: Hours after noon.
        unit: Unit of the load.
        changes: Fields of the capacity result.
        parts: Parts of the run, as for `run_at`.
    """
    spec = make_spec(
        make_scenario(objectives={"e2e_ms": 10_000}, thresholds={}, capacity={}, **_declare(parts))
    )
    run = run_at(number=number, spec=spec, **parts)
    return run.model_copy(update={"capacity": make_capacity(safe, unit, **(changes or {}))})


def _declare(parts: dict[str, Any]) -> dict[str, Any]:
    tolerances = parts.pop("tolerances", None)
    return {} if tolerances is None else {"tolerances": tolerances}


def accept_searches(
    searches: tuple[Interval | None, ...] = USUAL,
    unit: LoadUnit = "users",
    runs: Sequence[RunResult] = (),
) -> Baseline:
    """A baseline of these searches, an hour apart, or of these runs."""
    baseline = None
    for run in runs or [make_search(safe, number, unit) for number, safe in enumerate(searches)]:
        baseline = accept(baseline, run, reason="usual", by="Tess Ter", at=NOON + timedelta(days=1))
    assert baseline is not None
    return baseline


def head_at(safe: Interval | None, unit: LoadUnit = "users", **parts: Any) -> RunResult:
    """A search that is newer than those of the baseline."""
    return make_search(safe, 48, unit, **parts)
