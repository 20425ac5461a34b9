"""Predictions and zones in words."""

from typing import Any

import pytest

from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.prediction import LoadPrediction, Prediction
from bench.core.capacity.zones import CapacityZones
from bench.core.report.capacity_outlook import describe_load_prediction, describe_prediction, describe_zones


def _value(value: float, low: float, high: float | None) -> FittedValue:
    return FittedValue(value=value, low=low, high=high)


def _prediction(**fields: Any) -> Prediction:
    return Prediction(load=100, unit="users", objective_ms=10_000, **fields)


FOUR = _value(4, 4, 4)
TWELVE = {"slots_needed": _value(12, 11, 14), "slots_ratio": _value(3, 2.75, 3.5)}
SHORTER = _value(0.62, 0.58, 0.66)


@pytest.mark.parametrize(
    ("prediction", "sentence"),
    [
        (
            _prediction(slots=FOUR, **TWELVE, shorter=SHORTER),
            "100 users under 10 s need 12 slots (11 to 14), or answers 62 % shorter (58 to 66 %).",
        ),
        (
            _prediction(slots=_value(4, 3, 5), **TWELVE, shorter=None),
            "100 users under 10 s need 3.0 times the slots (2.8 to 3.5), now about 4 slots (3 to 5).",
        ),
        (
            _prediction(slots=_value(4, 3, None), slots_needed=_value(12, 9, None),
                        slots_ratio=_value(3, 2, None), shorter=_value(0.6, 0.5, None)),
            (
                "100 users under 10 s need 3.0 times the slots (at least 2.0), "
                "now about 4 slots (at least 3), or answers 60 % shorter (at least 50 %)."
            ),
        ),
        (
            _prediction(slots=FOUR, shorter=_value(0, 0, 0), p95_ms=_value(8000, 7000, 9000)),
            "100 users under 10 s need no more slots: p95 is about 8,000 ms.",
        ),
        (
            _prediction(slots=FOUR),
            "100 users under 10 s are out of reach: an answer takes longer even without a wait.",
        ),
        (_prediction(refused="Measure more."), "100 users under 10 s: no prediction. Measure more."),
    ],
)  # fmt: skip
def test_a_prediction_is_one_sentence(prediction: Prediction, sentence: str) -> None:
    """It names the load, the objective, and what the load needs, with intervals."""
    assert describe_prediction(prediction) == sentence


def test_a_number_of_slots_carries_a_load() -> None:
    """The reader asks for a number of slots."""
    prediction = LoadPrediction(slots=8, unit="users", objective_ms=800, load=_value(34, 31, 38))
    assert describe_load_prediction(prediction) == "At 8 slots: 34 users (31 to 38) under 800 ms."
    refused = LoadPrediction(slots=1, unit="users", objective_ms=800, refused="Measure more.")
    assert describe_load_prediction(refused) == "At 1 slot: no prediction. Measure more."


def _zones(green_to: float | None, red_from: float | None, *, no_gain: bool = False) -> CapacityZones:
    return CapacityZones(
        green_to=green_to,
        red_from=red_from,
        yellow_because="response time" if no_gain else "interval",
        red_because=None if red_from is None else ("no gain" if no_gain else "objective"),
    )


def test_zones_are_sentences() -> None:
    """Each zone has its loads and its reason."""
    assert describe_zones(_zones(15, 20), "users") == (
        "Green: up to 15 users.",
        "Yellow: 16 to 19 users, because the interval of the safe load contains them.",
        "Red: from 20 users on, because an objective breaks.",
    )
    assert describe_zones(_zones(2.5, 3, no_gain=True), "requests/s") == (
        "Green: up to 2.5 requests/s.",
        "Yellow: 2.5 to 3 requests/s, because response time grows by a larger share than throughput.",
        "Red: from 3 requests/s on, because more load brings no more answers.",
    )


@pytest.mark.parametrize(
    ("zones", "unit", "yellow"),
    [
        (_zones(15, 16), "users", None),
        (_zones(15, 17), "users", "16 users"),
        (_zones(15, None), "users", "from 16 users on"),
        (_zones(15, None), "requests/s", "above 15 requests/s"),
        (_zones(3, 3), "requests/s", None),
        (_zones(None, 4), "users", "up to 3 users"),
        (_zones(None, 1), "users", None),
        (_zones(None, None), "users", None),
    ],
)
def test_a_zone_without_loads_has_no_sentence(zones: CapacityZones, unit: Any, yellow: str | None) -> None:
    """Yellow may be empty, a single load, or without an end."""
    sentences = [text for text in describe_zones(zones, unit) if text.startswith("Yellow")]
    assert len(sentences) == (yellow is not None)
    assert not yellow or f"Yellow: {yellow}, because" in sentences[0]
