"""Loads that a run had, put together to a few that can be compared."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bench.core.load.active_vus import Counts

# Of fewer requests the 95th percentile could only be the largest.
FEWEST_REQUESTS = 20
MOST_BANDS = 8
# Loads that differ by less are one.
LEAST_WIDTH = 1.2
# So many loads are first told apart; of many more, most have a handful of requests.
_FINE = 256
Bands = npt.NDArray[np.uint8]


def tops(vus: Counts) -> Counts:
    """The most users of each band: few bands, far enough from each other, each of enough requests.

    Where requests are few they are put to the neighbour with fewer; then neighbours are put together that are
    nearly the same load, the nearest first.

    Args:
        vus: Of each request; at least one.
    """
    values, sizes = np.unique(vus, return_counts=True)
    if len(values) > _FINE:
        part = np.floor((np.cumsum(sizes) - sizes) * (_FINE / len(vus)))
        last = np.append(part[1:] != part[:-1], values=True)
        starts = np.append(0, np.flatnonzero(last)[:-1] + 1)
        loads = [*zip(values[starts].tolist(), values[last].tolist(), strict=True)]
        counts = np.add.reduceat(sizes, starts).tolist()
    else:
        loads, counts = [(value, value) for value in values.tolist()], sizes.tolist()

    def unite(lower: int) -> None:
        counts[lower : lower + 2] = [counts[lower] + counts[lower + 1]]
        loads[lower : lower + 2] = [(loads[lower][0], loads[lower + 1][1])]

    while len(counts) > 1 and min(counts) < FEWEST_REQUESTS:
        thin = counts.index(min(counts))
        compare_with = [number for number in (thin - 1, thin + 1) if 0 <= number < len(counts)]
        unite(min(thin, min(compare_with, key=counts.__getitem__)))
    while len(loads) > 1:
        widths = [upper[1] / lower[0] for lower, upper in pairwise(loads)]
        if len(loads) <= MOST_BANDS and min(widths) >= LEAST_WIDTH:
            break
        unite(widths.index(min(widths)))
    return np.array([most for _, most in loads], dtype=np.int32)


def band_of(vus: Counts, most: Counts) -> Bands:
    """The number of each load's band, from 0; whatever is more than all is in the last one."""
    return np.searchsorted(most[:-1], vus, side="left").astype(np.uint8)
