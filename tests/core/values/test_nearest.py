import pytest

from bench.core.values.nearest import find_nearest, snake_case, suggest

NAMES = ("quick", "spike", "max_vus")


@pytest.mark.parametrize(
    ("name", "snake"),
    [("maxVUs", "max_vus"), ("gracefulStop", "graceful_stop"), ("vus", "vus")],
)
def test_camel_case_becomes_snake_case(name: str, snake: str) -> None:
    """A name in snake case stays as it is."""
    assert snake_case(name) == snake


@pytest.mark.parametrize(("name", "nearest"), [("quik", "quick"), ("MaxVUs", "max_vus"), ("zzz", None)])
def test_the_nearest_name_is_similar(name: str, nearest: str | None) -> None:
    """A name without a similar one has no nearest name."""
    assert find_nearest(name, NAMES) == nearest


def test_a_suggestion_is_the_nearest_name_or_all_names() -> None:
    """The list is sorted, and says `none` if it is empty."""
    assert suggest("quik", NAMES) == "did you mean 'quick'?"
    assert suggest("zzz", NAMES) == "existing names: max_vus, quick, spike"
    assert suggest("zzz", ()) == "existing names: none"
