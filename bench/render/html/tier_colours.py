"""The colour of each tier: the same in every drawing of a page."""

from collections.abc import Iterable, Mapping

from bench.core.report.report import Report
from bench.core.samples.metrics import UNATTRIBUTED, tier_name

UNATTRIBUTED_COLOUR = 6
"""Number of the grey colour for time that no tier reports."""
HATCHED = 8
"""The colours from this number on are hatched: number 8 is the hatched colour 0."""
_PLAIN = (0, 1, 2, 3, 4, 5, 7)
_COLOURS = (*_PLAIN, *(HATCHED + number for number in _PLAIN))
"""Colours of named tiers in their order; with more tiers, they repeat."""


def colour_tiers(report: Report, others: Iterable[str] = ()) -> Mapping[str, int]:
    """Return the number of each tier's colour: the classes `c0` to `c7`, and `c8` to `c15` for hatched ones.

    The names are in alphabetical order, so that two runs of one stack have the same colours. Of more
    tiers than plain colours, the longest ones have these.

    Args:
        report: The run, with the tiers of its baseline.
        others: Names of further tiers, such as those of single requests.
    """
    times_ms = dict.fromkeys(others, 0.0)
    for key, summary in report.result.summary.metrics.items():
        _add_time(times_ms, key, summary.mean)
    for row in report.comparison.metrics:
        _add_time(times_ms, row.key, max(row.base or 0.0, row.head or 0.0))
    times_ms.pop(UNATTRIBUTED, None)
    longest = sorted(times_ms, key=lambda name: (-times_ms[name], name))[: len(_PLAIN)]
    names = sorted(times_ms, key=lambda name: (name not in longest, name))
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
    return {**colours, UNATTRIBUTED: UNATTRIBUTED_COLOUR}


def _add_time(times_ms: dict[str, float], key: str, time_ms: float) -> None:
    """Keep the longest time of a metric's tier, if it is that of a tier."""
    tier = tier_name(key)
    if tier is not None:
        times_ms[tier] = max(time_ms, times_ms.get(tier, 0.0))
