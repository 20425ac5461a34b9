"""The colour of each tier: the same in every drawing of a page."""

from collections.abc import Iterable, Mapping

from bench.core.report.report import Report
from bench.core.samples.metrics import UNATTRIBUTED, tier_name

_COLOURS = 6
"""Number of colours of named tiers; with more tiers, colours repeat."""
UNATTRIBUTED_COLOUR = 6
"""Number of the grey colour for time that no tier reports."""


def colour_tiers(report: Report, others: Iterable[str] = ()) -> Mapping[str, int]:
    """Return the number of each tier's colour: 0 to 6, for `var(--c0)` to `var(--c6)`.

    The names are in alphabetical order, so that two runs of one stack have the same colours. Of more
    tiers than colours, the longest ones come first, so that no two of them have the same colour.

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
    longest = sorted(times_ms, key=lambda name: (-times_ms[name], name))[:_COLOURS]
    names = sorted(times_ms, key=lambda name: (name not in longest, name))
    colours = {name: number % _COLOURS for number, name in enumerate(names)}
    return {**colours, UNATTRIBUTED: UNATTRIBUTED_COLOUR}


def _add_time(times_ms: dict[str, float], key: str, time_ms: float) -> None:
    """Keep the longest time of a metric's tier, if it is that of a tier."""
    tier = tier_name(key)
    if tier is not None:
        times_ms[tier] = max(time_ms, times_ms.get(tier, 0.0))
