from functools import cache

from bench.core.capacity.curve import FittedCurve, fit_curve
from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.load_trial import SafeLoad, SearchEnd
from bench.core.capacity.make_result import CapacityTask, make_capacity_result
from bench.core.capacity.prediction import Prediction, predict_all
from bench.core.config.capacity_search import CapacitySearch
from tests.core.capacity.queue_stand import QueueStand, lognormal
from tests.render.capacities import LIMIT_MS, P95

SAFE = SafeLoad(load=17, low=15, high=19, confidence=0.9)
TRIALS = QueueStand(4, lognormal(2.0, 0.5)).measure_all((2, 5, 10, 20, 32), 200.0)
LIMIT = LoadObjective(P95, {"e2e_ms": LIMIT_MS}, 0.05)


@cache
def fitted() -> FittedCurve | None:
    """Return the curve of the trials."""
    return fit_curve(TRIALS, "users", 6.0)


def predictions_of(
    safe: SafeLoad | None, objective: LoadObjective, **search: object
) -> tuple[Prediction, ...]:
    """Return the predictions of a search; fields of its declaration by name."""
    return predict_all(fitted(), safe, CapacitySearch.model_validate(search), (objective,))


def test_a_search_predicts_what_twice_the_safe_load_needs() -> None:
    """The limit of the prediction is the objective."""
    task = CapacityTask("users", 6.0, (LIMIT,), CapacitySearch())
    (prediction,) = make_capacity_result(TRIALS, SAFE, SearchEnd.NARROW, task).predictions
    assert prediction.load == 34.0
    assert prediction.objective_ms == LIMIT_MS
    assert prediction.slots_needed is not None


def test_stated_slots_hold_for_the_default_prediction() -> None:
    """The number of slots that a search declares narrows all predictions."""
    (stated,) = predictions_of(SAFE, LIMIT, slots=4)
    assert stated.slots is not None
    assert (stated.slots.low, stated.slots.value, stated.slots.high) == (4.0, 4.0, 4.0)


def test_a_declared_load_replaces_the_default_one() -> None:
    """A declared load that cannot be predicted explains why."""
    (declared,) = predictions_of(None, LIMIT, predict=(100,))
    assert (declared.load, declared.refused) == (100.0, None)
    (refused,) = predictions_of(SAFE, LIMIT._replace(limits_ms={"ttft_ms": 2_000.0}), predict=(100,))
    assert "p95 of the response time" in (refused.refused or "")


def test_only_a_limit_of_the_p95_of_a_broken_stack_is_predicted() -> None:
    """The queue predicts the p95 of response times; without a broken load the safe load is unknown."""
    assert predictions_of(SAFE.model_copy(update={"high": None}), LIMIT) == ()
    assert predictions_of(None, LIMIT) == ()
    assert predictions_of(SAFE, LIMIT._replace(allowed_ratio=0.01)) == ()
    assert predictions_of(SAFE, LIMIT._replace(limits_ms={"ttft_ms": 2_000.0})) == ()
