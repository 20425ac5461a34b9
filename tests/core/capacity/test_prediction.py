"""Predictions, compared with the simulated truth at another number of slots."""

from functools import cache

import pytest

from bench.core.capacity.curve import FittedCurve, fit_curve
from bench.core.capacity.prediction import Prediction, predict, predict_load
from tests.core.capacity.queue_stand import Draw, QueueStand, lognormal

SERVICE = lognormal(2.0, 0.5)
LOADS = (2, 5, 10, 14, 17, 20, 24, 32)


def _measure(stand: QueueStand, *loads: float) -> FittedCurve:
    fitted = fit_curve(stand.measure_all(loads, 300.0), stand.unit)
    assert fitted is not None
    return fitted


@cache
def _four_slots() -> FittedCurve:
    return _measure(QueueStand(4, SERVICE), *LOADS)


@cache
def _needs_of_100_users() -> Prediction:
    prediction = predict(_four_slots(), 100, 10_000.0, slots_now=4)
    assert prediction.refused is None
    return prediction


def _true_p95_ms(slots: int, load: float, service: Draw = SERVICE) -> float:
    p95_ms = QueueStand(slots, service, seed=99).measure(load, duration_s=1500.0).p95_ms
    assert p95_ms is not None
    return p95_ms


@pytest.mark.parametrize("slots", [2, 8])
def test_the_prediction_for_other_slots_is_true(slots: int) -> None:
    """The predicted interval contains the load at which the simulated stack with other slots breaks."""
    load = predict_load(_four_slots(), slots, 10_000.0, slots_now=4).load
    assert load is not None
    assert load.high is not None
    assert _true_p95_ms(slots, load.low - 2) < 10_000.0 < _true_p95_ms(slots, load.high + 2)
    assert load.high - load.low < 0.5 * load.value


def test_a_load_needs_the_predicted_slots() -> None:
    """100 users meet the objective with the most slots of the interval, and break it below the fewest."""
    prediction = _needs_of_100_users()
    assert prediction.slots_needed is not None
    assert prediction.slots_needed.high is not None
    assert _true_p95_ms(round(prediction.slots_needed.high) + 1, 100) < 10_000.0
    assert _true_p95_ms(round(prediction.slots_needed.low) - 2, 100) > 10_000.0


def test_a_load_needs_the_predicted_shorter_answers() -> None:
    """With answers that are shorter by the share, four slots are enough."""
    shorter = _needs_of_100_users().shorter
    assert shorter is not None
    assert shorter.high is not None
    assert _true_p95_ms(4, 100, lognormal(2.0 * (0.95 - shorter.high), 0.5)) < 10_000.0
    assert _true_p95_ms(4, 100, lognormal(2.0 * (1.1 - shorter.low), 0.5)) > 10_000.0


def test_unknown_slots_widen_the_prediction() -> None:
    """The factor stays exact, because a plateau gives it; the number depends on that of now."""
    unknown = predict(_four_slots(), 100, 10_000.0)
    assert unknown.slots_ratio is not None
    assert unknown.slots_ratio.low <= 3.75 <= (unknown.slots_ratio.high or 0.0) + 0.25
    assert unknown.slots is not None
    assert unknown.slots.low <= 4 <= (unknown.slots.high or 0.0)


def test_a_load_below_the_safe_load_needs_no_more() -> None:
    """Nothing has to change for a load that already meets the objective."""
    prediction = predict(_four_slots(), 10, 10_000.0)
    assert prediction.shorter is not None
    assert prediction.shorter.value == 0.0
    assert prediction.slots_ratio is not None
    assert prediction.slots_ratio.value <= 1.0


def test_an_objective_below_the_time_of_one_answer_is_out_of_reach() -> None:
    """No number of slots makes a single answer faster, but shorter answers do."""
    prediction = predict(_four_slots(), 10, 1000.0, slots_now=4)
    assert prediction.slots_needed is None
    assert prediction.shorter is not None
    assert prediction.shorter.value > 0.5


def test_a_stack_below_saturation_is_not_predicted() -> None:
    """Idle slots cannot be counted; the refusal tells what to measure."""
    prediction = predict(_measure(QueueStand(40, SERVICE), 1, 2, 4, 8), 100, 10_000.0)
    assert prediction.slots_needed is None
    assert prediction.refused is not None
    assert "Measure loads up to 16 users" in prediction.refused


def test_few_loads_are_not_predicted() -> None:
    """Three loads fit any model."""
    prediction = predict(_measure(QueueStand(4, SERVICE), 5, 10, 20), 100, 10_000.0)
    assert prediction.refused is not None
    assert "needs 4 different loads" in prediction.refused


def test_a_number_of_slots_that_contradicts_the_curve_is_refused() -> None:
    """A wrong number would give a wrong prediction."""
    prediction = predict_load(_four_slots(), 8, 10_000.0, slots_now=16)
    assert prediction.load is None
    assert prediction.refused is not None
    assert "16 slots" in prediction.refused


def test_a_stack_that_slows_down_with_each_user_is_not_predicted() -> None:
    """Response times that no queue of slots has refuse the model, and with it the prediction."""
    trials = QueueStand(4, SERVICE).measure_all(LOADS, 100.0)
    odd = tuple(
        trial.model_copy(update={"mean_ms": 1000.0 * (1 + number % 2 * 4), "mean_error_ms": 10.0})
        for number, trial in enumerate(trials)
    )
    fitted = fit_curve(odd, "users", think_s=6.0)
    assert fitted is not None
    assert fitted.curve.best is None
    prediction = predict(fitted, 100, 10_000.0)
    assert prediction.refused is not None
    assert "does not explain" in prediction.refused


def test_an_open_loop_is_predicted_as_a_rate() -> None:
    """Eight slots of one second surely carry more than four, and surely less than 8 requests/s."""
    stand = QueueStand(4, lognormal(1.0, 0.5), unit="requests/s")
    fitted = _measure(stand, 0.5, 1.0, 2.0, 3.0, 3.4, 3.7)
    four = predict_load(fitted, 4, 3000.0, slots_now=4).load
    eight = predict_load(fitted, 8, 3000.0, slots_now=4).load
    assert four is not None
    assert eight is not None
    assert eight.high is not None
    assert four.value < eight.low < eight.high < 8.0
    assert predict(fitted, 12.0, 3000.0, slots_now=4).slots_needed is not None
