"""A prediction from the queue of a capacity search, as people read it."""

from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.prediction import Prediction
from bench.core.report.capacity_words import describe_load
from bench.core.values import wording


def describe_prediction(prediction: Prediction) -> str:
    """Return what a load needs: `100 users within 10 s need 12 slots (11 to 14), now 4, or …`."""
    load = describe_load(prediction.load, prediction.unit)
    if prediction.refused is not None:
        return f"none for {load}: {prediction.refused}"
    within = f"{load} within {_write_limit(prediction.objective_ms)}"
    parts = [*_describe_slots(prediction), *_describe_shorter(prediction)]
    if not parts:
        return f"{within} are out of reach: the answer of a single user takes longer"
    return f"{within} {', or '.join(parts)}"


def _describe_slots(prediction: Prediction) -> list[str]:
    needed = prediction.slots_needed
    now = prediction.slots
    if needed is None or now is None:
        return []
    if needed.value <= now.value:
        return [f"need no more than the {now.value:g} slots of now"]
    return [f"need {needed.value:g} slots{_interval(needed)}, now {now.value:g}"]


def _describe_shorter(prediction: Prediction) -> list[str]:
    shorter = prediction.shorter
    if shorter is None or shorter.value <= 0.0:
        return []
    low = f"{100.0 * shorter.low:.0f}"
    high = "more" if shorter.high is None else f"{100.0 * shorter.high:.0f} %"
    answers = f"answers {100.0 * shorter.value:.0f} % shorter ({low} to {high})"
    return [answers if prediction.slots_needed is not None else f"need {answers}"]


def _interval(value: FittedValue) -> str:
    if value.high is None:
        return f" (at least {value.low:g})"
    return "" if value.low == value.high else f" ({value.low:g} to {value.high:g})"


def _write_limit(limit_ms: float) -> str:
    seconds = limit_ms / wording.THOUSAND
    return f"{seconds:g} s" if seconds >= 1.0 else f"{limit_ms:g} ms"
