from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.bands import FEWEST_REQUESTS, LEAST_WIDTH, MOST_BANDS, band_of, tops


def test_many_loads_become_a_few_bands() -> None:
    """Thousands of loads become at most `MOST_BANDS` bands that differ enough."""
    most = tops(np.repeat(np.arange(1, 2001), 3))
    assert 1 < len(most) <= MOST_BANDS
    assert most[-1] == 2000


@given(st.lists(st.integers(1, 60), min_size=1, max_size=400))
def test_bands_partition_the_requests(vus: list[int]) -> None:
    """Every load is in one band, bands are few, and each has enough requests unless it is the only one."""
    counts = np.array(vus)
    most = tops(counts)
    own = band_of(counts, most)
    sizes = np.bincount(own, minlength=len(most))
    assert len(most) <= MOST_BANDS
    assert sorted(set(most)) == most.tolist()
    assert most[-1] == counts.max()
    assert len(most) == 1 or sizes.min() >= FEWEST_REQUESTS
    groups = [counts[own == number] for number in range(len(most))]
    assert all(b.max() / a.min() >= LEAST_WIDTH for a, b in pairwise(groups))


def test_a_load_above_all_bands_belongs_to_the_last_one() -> None:
    """At the end of a run more VUs may be active than at the start of any request."""
    most = tops(np.repeat(np.array([1, 10, 100], dtype=np.int32), FEWEST_REQUESTS))
    assert band_of(np.array([0, 1, 2, 100, 1000], dtype=np.int32), most).tolist() == [0, 0, 1, 2, 2]
