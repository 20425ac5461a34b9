from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.load_trial import SafeLoad, SearchEnd
from bench.core.capacity.make_result import make_capacity_result
from bench.core.capacity.prediction import Prediction
from tests.render.capacities import LIMIT_MS, P95, make_trials

SAFE = SafeLoad(load=17, low=15, high=19, confidence=0.9)
LIMIT = LoadObjective(P95, {"e2e_ms": LIMIT_MS}, 0.05)


def predictions_of(safe: SafeLoad | None, objective: LoadObjective) -> tuple[Prediction, ...]:
    """Return the predictions of a search."""
    trials = make_trials(1, 4, 8, 16, 20, 32)
    result = make_capacity_result(trials, safe, SearchEnd.NARROW, (objective,), ("users", 6.0))
    return result.predictions


def test_a_search_predicts_what_twice_the_safe_load_needs() -> None:
    """The limit of the prediction is the objective."""
    (prediction,) = predictions_of(SAFE, LIMIT)
    assert prediction.load == 34.0
    assert prediction.objective_ms == LIMIT_MS
    assert prediction.refused or prediction.slots_needed


def test_only_a_limit_of_the_p95_of_a_broken_stack_is_predicted() -> None:
    """The queue predicts the p95 of response times; without a broken load the safe load is unknown."""
    assert predictions_of(SAFE.model_copy(update={"high": None}), LIMIT) == ()
    assert predictions_of(None, LIMIT) == ()
    assert predictions_of(SAFE, LIMIT._replace(allowed_ratio=0.01)) == ()
    assert predictions_of(SAFE, LIMIT._replace(limits_ms={"ttft_ms": 2_000.0})) == ()
