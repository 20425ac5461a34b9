"""Count the retries of VUs."""

import numpy as np

from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, NotNegative, Record


class RetryCounts(Record):
    """Retries of the requests of a run."""

    requests: Count
    """Number of requests that were sent again."""
    retries: Count
    """Number of further attempts."""
    rescued: Count
    """Number of requests that succeeded after a retry."""
    waited_s: NotNegative
    """Time from the planned start of these requests to their last attempts, in seconds, as a sum. Their
    response times contain it."""


def count_retries(samples: Samples) -> RetryCounts | None:
    """Return the retries of some requests; `None` if the scenario declares none."""
    retries = samples.column("retries")
    if not np.any(retries >= 0):
        return None
    is_retried = retries > 0
    waited_s = (samples.column("retried_s") - samples.column("scheduled_s"))[is_retried]
    return RetryCounts(
        requests=int(is_retried.sum()),
        retries=int(retries[is_retried].sum()),
        rescued=int((is_retried & samples.has_outcome(Outcome.OK)).sum()),
        waited_s=float(waited_s.sum()),
    )
