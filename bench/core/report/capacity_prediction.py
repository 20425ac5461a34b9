"""A prediction from the queue of a capacity search, as people read it."""

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.load_trial import SafeLoad
from bench.core.capacity.prediction import PREDICTED_FACTOR, LoadPrediction, Prediction
from bench.core.report.capacity_words import describe_load
from bench.core.values import wording

_SLOT = "; a slot serves one request at a time"


def describe_prediction(prediction: Prediction, safe: SafeLoad | None) -> str:
    """Return what a load needs: `34 users (twice the safe load) within 10 s need 6 slots (5 to 8), now 3`.

    Args:
        prediction: What the load needs.
        safe: The safe load, to name the load by it.
    """
    load = f"{describe_load(prediction.load, prediction.unit)}{_compare_with_safe(prediction.load, safe)}"
    if prediction.refused is not None:
        return f"none for {load}: {prediction.refused}"
    within = f"{load} within {_write_limit(prediction.objective_ms)}"
    parts = [*_describe_slots(prediction), *_describe_shorter(prediction)]
    if not parts:
        return f"{within} are out of reach: the answer of a single user takes longer"
    slot = _SLOT if prediction.slots_needed is not None and prediction.slots is not None else ""
    return f"{within} {', or '.join(parts)}{slot}"


def describe_load_prediction(prediction: LoadPrediction) -> str:
    """Return what a number of slots carries: `at 8 slots: 34 users (31 to 38) within 10 s`."""
    slots = wording.counted(round(prediction.slots), "slot")
    if prediction.load is None:
        return f"none for {slots}: {prediction.refused}"
    load = f"{describe_load(prediction.load.value, prediction.unit)}{_interval(prediction.load)}"
    return f"at {slots}: {load} within {_write_limit(prediction.objective_ms)}"


def describe_growth(capacity: CapacityResult) -> str:
    """Return what a stack needs to carry more: the tier at which it breaks, and the first prediction.

    Returns:
        One or two sentences; empty without both.
    """
    sentences: list[str] = []
    if capacity.breaks_at is not None and capacity.safe_load is not None:
        sentences.append(f"To carry more, start with the tier `{capacity.breaks_at}`.")
    prediction = find_prediction(capacity)
    if prediction is not None:
        sentences.append(f"{describe_prediction(prediction, capacity.safe_load)}.")
    return " ".join(sentences)


def find_prediction(capacity: CapacityResult) -> Prediction | None:
    """Return the first prediction that was possible."""
    return next((prediction for prediction in capacity.predictions if prediction.refused is None), None)


def _compare_with_safe(load: float, safe: SafeLoad | None) -> str:
    """Return a load as a multiple of the safe load: ` (twice the safe load)`."""
    if safe is None or safe.load <= 0:
        return ""
    ratio = load / safe.load
    multiple = "twice" if round(ratio, 1) == PREDICTED_FACTOR else f"{wording.factor(ratio)} times"
    return f" ({multiple} the safe load)"


def _describe_slots(prediction: Prediction) -> list[str]:
    needed = prediction.slots_needed
    now = prediction.slots
    if needed is None or now is None:
        return []
    if needed.value <= now.value:
        return [f"need no more than the present {now.value:g} slots"]
    ratio = prediction.slots_ratio
    if ratio is None or now.low == now.high:
        return [f"need {needed.value:g} slots{_interval(needed)}, now {now.value:g}"]
    present = f"now about {now.value:g}{_interval(now)}"
    return [f"need {wording.factor(ratio.value)} times the slots{_interval(ratio, '.1f')}, {present}"]


def _describe_shorter(prediction: Prediction) -> list[str]:
    shorter = prediction.shorter
    if shorter is None or shorter.value <= 0.0:
        return []
    low = f"{100.0 * shorter.low:.0f}"
    high = "more" if shorter.high is None else f"{100.0 * shorter.high:.0f} %"
    answers = f"answers {100.0 * shorter.value:.0f} % shorter ({low} to {high})"
    if prediction.slots_needed is not None:
        return [answers]
    return [f"need {answers}, because no number of slots is enough"]


def _interval(value: FittedValue, form: str = ".4g") -> str:
    """Write an interval behind its value: ` (11 to 14)`; empty if it is a single number."""
    if value.high is None:
        return f" (at least {value.low:{form}})"
    return "" if value.low == value.high else f" ({value.low:{form}} to {value.high:{form}})"


def _write_limit(limit_ms: float) -> str:
    seconds = limit_ms / wording.THOUSAND
    return f"{seconds:g} s" if seconds >= 1.0 else f"{limit_ms:g} ms"
