"""Bands of similar loads: few enough to compare, each with enough requests."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bench.core.load.active_vus import Counts

# With fewer requests, the 95th percentile would be the largest value.
FEWEST_REQUESTS = 20
MOST_BANDS = 8
# Neighbouring bands whose largest and smallest load differ by a smaller factor are merged.
LEAST_WIDTH = 1.2
# Number of loads before merging. With many more, most loads would have a handful of requests.
_FINE = 256
Bands = npt.NDArray[np.uint8]


def tops(vus: Counts) -> Counts:
    """Return the largest load of each band, from the smallest band to the largest.

    A band with too few requests is merged with the neighbour that has fewer. Then the most similar neighbours
    are merged, until at most `MOST_BANDS` bands remain and all of them are `LEAST_WIDTH` apart.

    Args:
        vus: Active VUs at each request; at least one request.
    """
    bands = _MergedBands(*_list_loads(vus))
    while len(bands.counts) > 1 and min(bands.counts) < FEWEST_REQUESTS:
        smallest = bands.counts.index(min(bands.counts))
        neighbours = [number for number in (smallest - 1, smallest + 1) if 0 <= number < len(bands.counts)]
        neighbour = min(neighbours, key=bands.counts.__getitem__)
        bands.merge_with_next(min(smallest, neighbour))
    while len(bands.loads) > 1:
        widths = [upper[1] / lower[0] for lower, upper in pairwise(bands.loads)]
        if len(bands.loads) <= MOST_BANDS and min(widths) >= LEAST_WIDTH:
            break
        bands.merge_with_next(widths.index(min(widths)))
    return np.array([largest for _, largest in bands.loads], dtype=np.int32)


def band_of(vus: Counts, largest_loads: Counts) -> Bands:
    """Return the number of each load's band, from 0. Loads above all bands belong to the last one."""
    return np.searchsorted(largest_loads[:-1], vus, side="left").astype(np.uint8)


class _MergedBands:
    """Bands that are merged step by step.

    Args:
        loads: Smallest and largest load of each band.
        counts: Number of requests of each band.
    """

    def __init__(self, loads: list[tuple[int, int]], counts: list[int]) -> None:
        self.loads = loads
        self.counts = counts

    def merge_with_next(self, lower: int) -> None:
        """Merge a band with the next larger one."""
        upper = lower + 1
        self.counts[lower : upper + 1] = [self.counts[lower] + self.counts[upper]]
        self.loads[lower : upper + 1] = [(self.loads[lower][0], self.loads[upper][1])]


def _list_loads(vus: Counts) -> tuple[list[tuple[int, int]], list[int]]:
    """Return the distinct loads and their requests; more than `_FINE` loads are merged to about that many."""
    values, sizes = np.unique(vus, return_counts=True)
    if len(values) <= _FINE:
        return list(zip(values.tolist(), values.tolist(), strict=True)), sizes.tolist()
    requests_before = np.cumsum(sizes) - sizes
    part = np.floor(requests_before * (_FINE / len(vus)))
    is_last = np.append(part[1:] != part[:-1], values=True)
    starts = np.append(0, np.flatnonzero(is_last)[:-1] + 1)
    loads = list(zip(values[starts].tolist(), values[is_last].tolist(), strict=True))
    return loads, np.add.reduceat(sizes, starts).tolist()
