"""Describe a load in words, by the executors of its phases."""

from collections.abc import Sequence
from typing import assert_never

from bench.core.config.executors import (
    Cases,
    ClosedLoop,
    ConstantVus,
    OpenLoop,
    PerVuIterations,
    RampingVus,
    Spike,
    VusStage,
)
from bench.core.config.open_loops import (
    ArrivalRateSeries,
    ArrivalTimes,
    ConstantArrivalRate,
    RampingArrivalRate,
    RateStage,
)
from bench.core.config.scenario import Scenario
from bench.core.values import wording
from bench.core.values.duration import format_duration


def in_words(phases: Sequence[ClosedLoop | OpenLoop]) -> str:
    """Describe the load: `10 VUs, 30 s` or `20 requests/s, 60 s`. Warm-up phases are left out."""
    return "; then ".join(_phase_in_words(phase) for phase in phases if not phase.warm_up)


def scenario_in_words(scenario: Scenario) -> str:
    """Describe the load of a scenario; that of a search as `search from 1 to 150 VUs within 10m`."""
    search = scenario.capacity
    if search is None:
        return in_words(scenario.phases)
    is_closed = any(isinstance(phase, ConstantVus) for phase in scenario.phases)
    to = "" if search.highest is None else f" to {search.highest:g}"
    unit = "VUs" if is_closed else "requests/s"
    return f"search from {search.lowest:g}{to} {unit} within {format_duration(search.budget_s)}"


def _phase_in_words(phase: ClosedLoop | OpenLoop) -> str:
    text = _closed_in_words(phase) if isinstance(phase, ClosedLoop) else _open_in_words(phase)
    return f"{text}, {100 * phase.cancel_ratio:g} % cancelled" if phase.cancel_ratio else text


def _closed_in_words(phase: ClosedLoop) -> str:
    match phase:
        case PerVuIterations():
            vus = wording.counted(phase.vus, "VU")
            text = f"{vus} × {wording.counted(phase.iterations, 'request')}"  # noqa: RUF001 - times
        case Cases():
            return "every message once"
        case RampingVus():
            return f"{_targets(phase.start_vus, phase.stages)} VUs, {phase.duration_s:g} s"
        case Spike():
            text = f"{phase.base_vus} and {phase.spike_vus} more VUs, {phase.duration_s:g} s"
        case ConstantVus():
            text = f"{wording.counted(phase.vus, 'VU')}, {round(phase.duration_s, 1):g} s"
        case _:
            assert_never(phase)
    return text if phase.spawn_rate is None else f"{text}, {phase.spawn_rate:.3g} VUs start per second"


def _open_in_words(phase: OpenLoop) -> str:
    match phase:
        case ConstantArrivalRate():
            text = f"{phase.rate_rps:.4g} requests/s, {round(phase.duration_s, 1):g} s"
        case RampingArrivalRate():
            unit = "s" if phase.time_unit_s == 1 else f"{phase.time_unit_s:g} s"
            text = f"{_targets(phase.start_rate, phase.stages)} requests/{unit}, {phase.duration_s:g} s"
        case ArrivalRateSeries():
            rates = [rate for piece in phase.pieces for rate in (piece.start_rps, piece.end_rps)]
            range_rps = f"{min(rates, default=0):g} to {max(rates, default=0):g} requests/s"
            text = f"{range_rps} by a series of rates, {phase.duration_s:g} s"
        case ArrivalTimes():
            return f"{wording.counted(int(phase.requests), 'request')} at given times, {phase.duration_s:g} s"
        case _:
            assert_never(phase)
    match phase.arrivals:
        case "even":
            return text
        case "poisson":
            return f"{text}, Poisson arrivals"
        case "gamma":
            return f"{text}, gamma arrivals of burstiness {phase.burstiness:g}"
        case _:
            assert_never(phase.arrivals)


def _targets(start: float, stages: Sequence[VusStage | RateStage]) -> str:
    """Describe a ramp by its turning points: `0 to 50`, or `0 to 50 to 0`; a stage that holds adds none."""
    values = [f"{start:g}"]
    for stage in stages:
        if (target := f"{stage.target:g}") != values[-1]:
            values.append(target)
    return " to ".join(values)
