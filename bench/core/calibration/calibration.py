"""The load generator's own certificate: what it measures of a server whose timing is known.

Every run is framed by two trials at its own concurrency: what they show of lateness is the generator's and
the machine's, never the target's.
"""

import numpy as np

from bench.core.samples.arrays import Floats
from bench.core.samples.samples import Samples
from bench.core.values.record import Record
from bench.core.values.units import ms

# What the server of known timing says it really took, as tiers of its answers.
FIRST, TOTAL = "first", "total"


class Bias(Record):
    """What was measured less what the server says, in milliseconds.

    Attributes:
        p50_ms: The median: the bias.
        p95_ms: The 95th percentile: how far one request may be off.
        max_ms: The largest.
    """

    p50_ms: float
    p95_ms: float
    max_ms: float


class Trial(Record):
    """One second with the server of known timing.

    Attributes:
        requests: That were answered.
        failed: That were not, which is the generator's or the machine's fault.
        ttft: Of the time to first token; None when nothing was answered.
        e2e: Of the response time, likewise.
    """

    requests: int
    failed: int
    ttft: Bias | None
    e2e: Bias | None


class Calibration(Record):
    """What the generator is worth on this machine, at this load.

    Attributes:
        load: In words: `200 users`.
        before: The trial before the run.
        after: The trial after it; None when the run was interrupted.
    """

    load: str
    before: Trial
    after: Trial | None


def trial(samples: Samples) -> Trial:
    """What the requests to the server of known timing show."""
    scheduled_s = samples.column("scheduled_s")
    first_ms = ms(samples.column("first_token_s") - scheduled_s) - samples.tier_time(FIRST)
    whole_ms = ms(samples.column("finished_s") - scheduled_s) - samples.tier_time(TOTAL)
    known = ~np.isnan(first_ms + whole_ms)
    return Trial(
        requests=int(known.sum()),
        failed=int((~known).sum()),
        ttft=_bias(first_ms[known]),
        e2e=_bias(whole_ms[known]),
    )


def _bias(errors_ms: Floats) -> Bias | None:
    if not len(errors_ms):
        return None
    p50_ms, p95_ms = np.quantile(errors_ms, [0.5, 0.95])
    return Bias(p50_ms=float(p50_ms), p95_ms=float(p95_ms), max_ms=float(errors_ms.max()))
