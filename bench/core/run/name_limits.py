"""Warnings about names that a target invents without end, of which a run keeps some."""

from collections.abc import Iterator

from bench.core.samples.samples import Samples
from bench.core.samples.text_numbers import MORE_DETAILS
from bench.core.values.limited_names import MOST_NAMES, MOST_TIERS, OTHER, are_limited


def warn_of_names(samples: Samples) -> Iterator[str]:
    """Yield a warning for each kind of name with a limit that was reached.

    Args:
        samples: All requests of a run.
    """
    if are_limited(samples.tiers, MOST_TIERS):
        yield f"more than {MOST_TIERS} tiers report times: `{OTHER}` is the sum of the others"
    if are_limited(samples.milestones):
        yield f"there are more than {MOST_NAMES} milestones: `{OTHER}` is the first one of the others"
    if are_limited([*filter(None, samples.steps)]):
        yield f"there are more than {MOST_NAMES} names of requests: `{OTHER}` contains the others"
    if MORE_DETAILS in samples.details:
        yield f"requests failed for more than {MOST_NAMES} different reasons: the first ones are kept"
