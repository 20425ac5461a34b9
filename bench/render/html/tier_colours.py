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

    The names are in alphabetical order, so that two runs of one stack have the same colours.

    Args:
        report: The run, with the tiers of its baseline.
        others: Names of further tiers, such as those of single requests.
    """
    keys = [*report.result.summary.metrics, *(row.key for row in report.comparison.metrics)]
    names = {*others, *filter(None, map(tier_name, keys))} - {UNATTRIBUTED}
    colours = {name: number % _COLOURS for number, name in enumerate(sorted(names))}
    return {**colours, UNATTRIBUTED: UNATTRIBUTED_COLOUR}
