from hypothesis import given
from hypothesis import strategies as st

from bench.core.watch.process_tree import increase_of_tree

STEPS = st.lists(
    st.tuples(st.sampled_from(["work", "start", "end", "read"]), st.integers(0, 5), st.integers(0, 100)),
    max_size=60,
)


@given(STEPS)
def test_all_work_of_a_tree_is_counted_once(steps: list[tuple[str, int, int]]) -> None:
    """Children start, work and end between readings; the kernel adds an ended child to its parent."""
    counters = {0: 0}
    before: dict[int, int] = dict(counters)
    worked = 0
    counted = 0
    for step, number, amount in [*steps, ("read", 0, 0)]:
        match step:
            case "start":
                counters.setdefault(number, 0)
            case "work" if number in counters:
                counters[number] += amount
                worked += amount
            case "end" if number in counters and number:
                counters[0] += counters.pop(number)
            case "read":
                counted += increase_of_tree(before, counters)
                before = dict(counters)
    assert counted == worked


def test_a_counter_never_goes_backwards() -> None:
    """A child whose counter is lost with it does not make the tree's counter fall."""
    assert increase_of_tree({"root": 1.0, "child": 5.0}, {"root": 1.5}) == 0.0
