from operator import add

from hypothesis import given
from hypothesis import strategies as st

from bench.core.values.limited_names import OTHER, LimitedNames, are_limited

NAMES = st.sampled_from([*"abcdefgh", OTHER])
ROWS = st.lists(st.dictionaries(NAMES, st.integers(0, 9)), max_size=8)


@given(st.lists(NAMES), st.integers(2, 6))
def test_the_first_names_stay_and_all_others_share_one(names: list[str], most: int) -> None:
    """There are never more names than the limit, and the first names are those that stay."""
    limit = LimitedNames(most)
    kept = [limit.keep(name) for name in names]
    assert len({*kept}) <= most
    first = [*dict.fromkeys(name for name in names if name != OTHER)][: most - 1]
    assert kept == [name if name in first else OTHER for name in names]


@given(ROWS, st.integers(2, 6))
def test_no_value_is_lost(rows: list[dict[str, int]], most: int) -> None:
    """The values of further names are added to those of the name that they share."""
    limited = LimitedNames(most).merge_rows(rows, add)
    assert [sum(row.values()) for row in limited] == [sum(row.values()) for row in rows]
    assert len({name for row in limited for name in row}) <= most


def test_a_limit_that_was_reached_is_known_from_the_names() -> None:
    """The shared name and the largest number of names together show that there were more."""
    limit = LimitedNames(3)
    assert not are_limited({limit.keep("a"), limit.keep("b")}, 3)
    assert are_limited({"a", "b", limit.keep("c")}, 3)
    assert not are_limited(["a", OTHER], 3)
