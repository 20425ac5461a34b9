import pytest

from bench.core.capacity.load_trial import SafeLoad, SearchEnd
from bench.core.config.capacity_search import CapacitySearch
from bench.core.report.capacity_headline import describe_answer, describe_next_step, list_first_broken
from bench.core.report.capacity_words import describe_load, describe_range, describe_safe_load
from tests.render.capacities import P95, SUCCESS, capacities

ANSWERS = {
    "narrow": (
        "Carries 17 users (15 to 19, 90 % certain) at p95 ≤ 10 s; breaks at `queue`; 1.44 answers/s; "
        "from 22 users on, more users give no gain"
    ),
    "several": (
        "Carries 3.25 requests/s (3 to 3.5, 90 % certain) at p95 ≤ 10 s and success ≥ 99 %; "
        "success ≥ 99 % breaks first; 3.2 answers/s"
    ),
    "none-met": "No safe load: even 1 user breaks p95 ≤ 10 s (50 % of 72 requests missed it)",
    "all-met": (
        "Carries at least 150 users at p95 ≤ 10 s; 17.6 answers/s; nothing broke, so the limit is higher"
    ),
    "budget": (
        "Carries 20 users (12 to 28, 90 % certain) at p95 ≤ 10 s; 1.43 answers/s; "
        "the time was up: the interval is wider than asked"
    ),
    "budget-open": (
        "Carries at least 16 users at p95 ≤ 10 s; 1.43 answers/s; the time was up before an objective broke"
    ),
    "budget-unclear": (
        "No safe load yet: no trial could tell whether it meets p95 ≤ 10 s; "
        "the time was up before a trial was decided"
    ),
    "interrupted": "Carries at least 16 users at p95 ≤ 10 s; 1.43 answers/s; the search was interrupted",
    "nothing": (
        "No safe load yet: no trial could tell whether it meets p95 ≤ 10 s; the search was interrupted"
    ),
    "load-generator": (
        "Carries at least 16 users at p95 ≤ 10 s; 1.43 answers/s; "
        "the load generator cannot send more, so the limit is unknown"
    ),
}
NEXT_STEPS = {
    "narrow": "baseline",
    "none-met": "slowest tier of one user",
    "all-met": "--to",
    "budget": "--budget 20m",
    "interrupted": "Search again",
    "load-generator": "--workers",
}


def test_every_end_of_a_search_has_its_answer() -> None:
    """Each answer begins with the safe load and ends with the reason why it is not more exact."""
    answers = {name: describe_answer(capacity) for name, capacity in capacities().items()}
    assert answers == ANSWERS
    assert {capacity.ended for capacity in capacities().values()} == {*SearchEnd}


@pytest.mark.parametrize("name", NEXT_STEPS)
def test_the_next_step_follows_from_the_end(name: str) -> None:
    """It names the option that leads to a better answer."""
    step = describe_next_step(capacities()[name], CapacitySearch())
    assert NEXT_STEPS[name] in step
    assert step.endswith(".")


def test_a_larger_smallest_load_can_be_lowered() -> None:
    """If the search began above one user, a smaller load may be safe."""
    none_met = capacities()["none-met"]
    (trial,) = none_met.trials
    from_ten = none_met.model_copy(update={"trials": (trial.model_copy(update={"load": 10.0}),)})
    assert "smaller load with --from" in describe_next_step(from_ten, CapacitySearch())
    assert describe_answer(from_ten).startswith("No safe load: even 10 users break p95")


def test_the_first_broken_objective_is_that_of_the_smallest_broken_load() -> None:
    """An objective that a larger load breaks is not the first one; without a broken load there is none."""
    several = capacities()["several"]
    assert list_first_broken(several) == (SUCCESS,)
    assert list_first_broken(capacities()["narrow"]) == (P95.replace("response time ", ""),)
    assert list_first_broken(capacities()["all-met"]) == ()


def test_the_interval_of_one_load_is_written_as_certainty() -> None:
    """Intervals have their confidence; one without an upper end is a lower bound."""
    exact = SafeLoad(load=17, low=17, high=17, confidence=0.95)
    assert describe_safe_load(exact, "users") == "17 users (95 % certain)"
    assert describe_range(exact.model_copy(update={"high": None})) == "at least 17"
    assert describe_load(1, "requests/s") == "1 request/s"
    assert describe_load(1234.5, "users") == "1,234 users"
