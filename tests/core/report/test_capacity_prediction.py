from typing import Any

from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.prediction import LoadPrediction, Prediction
from bench.core.report.capacity_prediction import (
    describe_growth,
    describe_load_prediction,
    describe_prediction,
)
from tests.render.capacities import narrow

SLOT = "; a slot serves one request at a time"


def fitted(value: float, low: float, high: float | None) -> FittedValue:
    """Return a number with its interval."""
    return FittedValue(value=value, low=low, high=high)


def words(**changes: Any) -> str:
    """Return the words of a prediction for 100 users; fields by name."""
    content: dict[str, Any] = {
        "load": 100.0,
        "unit": "users",
        "objective_ms": 10_000.0,
        "slots": fitted(4, 4, 4),
        "slots_needed": fitted(12, 11, 14),
        "shorter": fitted(0.62, 0.57, 0.66),
    }
    return describe_prediction(Prediction(**content | changes), None).removesuffix(SLOT)


def test_a_prediction_names_slots_or_shorter_answers() -> None:
    """Either of the two is enough, and both have their interval."""
    assert words() == (
        "100 users within 10 s need 12 slots (11 to 14), now 4, or answers 62 % shorter (57 to 66 %)"
    )
    assert words(objective_ms=800.0, shorter=None, slots_needed=fitted(12, 12, 12)) == (
        "100 users within 800 ms need 12 slots, now 4"
    )
    assert words(slots_needed=fitted(12, 11, None), shorter=fitted(0.62, 0.57, None)) == (
        "100 users within 10 s need 12 slots (at least 11), now 4, or answers 62 % shorter (57 to more)"
    )


def test_a_load_may_need_no_change() -> None:
    """A load that the stack carries needs no more slots and no shorter answers."""
    text = words(slots_needed=fitted(4, 3, 4), shorter=fitted(0.0, 0.0, 0.0))
    assert text == "100 users within 10 s need no more than the present 4 slots"


def test_slots_may_be_of_no_help() -> None:
    """If one request at a time takes too long, only shorter answers help, or none do."""
    assert words(slots_needed=None) == (
        "100 users within 10 s need answers 62 % shorter (57 to 66 %), because no number of slots is enough"
    )
    assert "out of reach" in words(slots_needed=None, shorter=None)


def test_a_refused_prediction_explains_itself() -> None:
    """The reason and the missing measurement follow the load."""
    text = words(refused="No trial used the slots. Measure loads up to 40 users.")
    assert text == "none for 100 users: No trial used the slots. Measure loads up to 40 users."


def test_an_unknown_number_of_slots_is_a_factor() -> None:
    """The curve gives the factor more exactly than the number of slots."""
    unknown = words(slots=fitted(4, 3, 5), slots_ratio=fitted(3, 2.75, 3.5), shorter=None)
    assert unknown == "100 users within 10 s need 3.0 times the slots (2.8 to 3.5), now about 4 (3 to 5)"


def test_a_number_of_slots_carries_a_load() -> None:
    """The reader asks for a number of slots."""
    prediction = LoadPrediction(slots=8, unit="users", objective_ms=800, load=fitted(34, 31, 38))
    assert describe_load_prediction(prediction) == "at 8 slots: 34 users (31 to 38) within 800 ms"
    refused = LoadPrediction(slots=1, unit="users", objective_ms=800, refused="Measure more.")
    assert describe_load_prediction(refused) == "none for 1 slot: Measure more."


def test_a_search_names_what_carries_more() -> None:
    """It names the tier that breaks, the load as a multiple of the safe load, and the meaning of a slot."""
    found = narrow()
    (prediction,) = found.predictions
    tier = "To carry more, start with the tier `queue`."
    assert describe_growth(found) == (
        f"{tier} 34 users (twice the safe load) within 10 s need 6 slots (5 to 8), now 3, or "
        "answers 48 % shorter (42 to 55 %); a slot serves one request at a time."
    )
    declared = prediction.model_copy(update={"load": 51.0})
    triple = describe_growth(found.model_copy(update={"predictions": (declared,)}))
    assert "51 users (3.0 times the safe load) within" in triple
    refused = prediction.model_copy(update={"refused": "Measure more."})
    assert describe_growth(found.model_copy(update={"predictions": (refused,)})) == tier
    nowhere = found.model_copy(update={"predictions": (), "breaks_at": None})
    assert describe_growth(nowhere) == ""
