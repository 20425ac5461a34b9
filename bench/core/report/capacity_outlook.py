"""Predictions and zones of a capacity search, as people read them."""

from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.load_trial import LoadUnit
from bench.core.capacity.prediction import LoadPrediction, Prediction
from bench.core.capacity.zones import CapacityZones
from bench.core.report.capacity_words import describe_load
from bench.core.values import wording


def describe_prediction(prediction: Prediction) -> str:
    """Write what a load needs: `100 users under 10 s need 12 slots (11 to 14), or answers 62 % shorter`."""
    wanted = f"{describe_load(prediction.load, prediction.unit)} under {_limit(prediction.objective_ms)}"
    if prediction.refused is not None:
        return f"{wanted}: no prediction. {prediction.refused}"
    shorter = prediction.shorter
    if shorter is not None and shorter.value == 0.0:
        return f"{wanted} need no more slots{_expected(prediction.p95_ms)}."
    needs = [] if prediction.slots_needed is None else [_slots_needed(prediction)]
    if shorter is not None:
        needs.append(f"answers {_percent(shorter.value)} shorter{_percent_range(shorter)}")
    if not needs:
        return f"{wanted} are out of reach: an answer takes longer even without a wait."
    return f"{wanted} need {', or '.join(needs)}."


def describe_load_prediction(prediction: LoadPrediction) -> str:
    """Write what a number of slots carries: `At 8 slots: 34 users (31 to 38) under 10 s.`."""
    slots = f"At {wording.counted(round(prediction.slots), 'slot')}"
    if prediction.load is None:
        return f"{slots}: no prediction. {prediction.refused or ''}".rstrip()
    load = describe_load(prediction.load.value, prediction.unit)
    return f"{slots}: {load}{_range(prediction.load)} under {_limit(prediction.objective_ms)}."


def describe_zones(zones: CapacityZones, unit: LoadUnit) -> tuple[str, ...]:
    """Write one sentence for each zone that exists, from green to red."""
    sentences: list[str] = []
    if zones.green_to is not None:
        sentences.append(f"Green: up to {describe_load(zones.green_to, unit)}.")
    yellow = _yellow_range(zones, unit)
    if yellow:
        reasons = {
            "interval": "the interval of the safe load contains them",
            "response time": "response time grows by a larger share than throughput",
        }
        sentences.append(f"Yellow: {yellow}, because {reasons[zones.yellow_because]}.")
    if zones.red_from is not None:
        broken = "an objective breaks"
        reason = broken if zones.red_because == "objective" else "more load brings no more answers"
        sentences.append(f"Red: from {describe_load(zones.red_from, unit)} on, because {reason}.")
    return tuple(sentences)


def _yellow_range(zones: CapacityZones, unit: LoadUnit) -> str:
    """Write the yellow loads; empty without one."""
    step = 1.0 if unit == "users" else 0.0
    first = None if zones.green_to is None else zones.green_to + step
    last = None if zones.red_from is None else zones.red_from - step
    if first is not None and last is not None:
        is_empty = first > last or (first == last and unit == "requests/s")
        if is_empty:
            return ""
        if first == last:
            return describe_load(first, unit)
        return f"{wording.value(first, '1')} to {describe_load(last, unit)}"
    if first is not None:
        return f"from {describe_load(first, unit)} on" if step else f"above {describe_load(first, unit)}"
    return f"up to {describe_load(last, unit)}" if last else ""


def _slots_needed(prediction: Prediction) -> str:
    """Write the number of slots, or the factor if the present number is not known exactly."""
    needed = prediction.slots_needed
    now = prediction.slots
    ratio = prediction.slots_ratio
    if needed is None or now is None or ratio is None:
        return ""
    if now.low == now.high:
        return f"{wording.counted(round(needed.value), 'slot')}{_range(needed)}"
    present = f"now about {wording.counted(round(now.value), 'slot')}{_range(now)}"
    return f"{wording.factor(ratio.value)} times the slots{_factor_range(ratio)}, {present}"


def _expected(p95_ms: FittedValue | None) -> str:
    return "" if p95_ms is None else f": p95 is about {wording.duration(p95_ms.value)}"


def _limit(objective_ms: float) -> str:
    """Write a limit without decimals that it does not have: `10 s`, `800 ms`."""
    seconds = objective_ms / 1000.0
    return f"{seconds:g} s" if seconds >= 1.0 else f"{objective_ms:g} ms"


def _percent(ratio: float) -> str:
    return f"{100.0 * ratio:.0f} %"


def _percent_range(value: FittedValue) -> str:
    if value.high is None:
        return f" (at least {_percent(value.low)})"
    return f" ({100.0 * value.low:.0f} to {_percent(value.high)})"


def _factor_range(value: FittedValue) -> str:
    if value.high is None:
        return f" (at least {wording.factor(value.low)})"
    return f" ({wording.factor(value.low)} to {wording.factor(value.high)})"


def _range(value: FittedValue) -> str:
    """Write an interval behind its value: ` (11 to 14)`; empty if it is a single number."""
    low = wording.value(value.low, "1")
    if value.high is None:
        return f" (at least {low})"
    high = wording.value(value.high, "1")
    return "" if low == high else f" ({low} to {high})"
