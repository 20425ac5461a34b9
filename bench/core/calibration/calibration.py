"""The error of the load generator's own times, measured against a server that reports its true times.

Each run has trials at its own concurrency: one after the load, and one before it if the run starts the stack
itself. A late time in a trial is the
fault of the load generator or of its machine, never of the target.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from bench.core.samples.arrays import Floats
from bench.core.samples.faults import most_common_fault
from bench.core.samples.sample import GeneratorFault
from bench.core.samples.samples import Samples
from bench.core.values.record import Record
from bench.core.values.units import ms

# The calibration server reports its true times to the first token and to the end as times of these two tiers.
FIRST, TOTAL = "first", "total"


class Bias(Record):
    """Measured time minus true time, in milliseconds."""

    p50_ms: float
    """Median: the systematic error."""
    p95_ms: float
    """95th percentile: the error of a single request."""
    max_ms: float
    """Largest error."""


class Trial(Record):
    """One second of requests to the calibration server."""

    requests: int
    """Number of answered requests."""
    failed: int
    """Number of failed requests; the cause is the load generator or its machine."""
    ttft: Bias | None
    """Error of the time to first token; null without answered requests."""
    e2e: Bias | None
    """Error of the response time; null without answered requests."""
    fault: GeneratorFault | None = None
    """Why the load generator could not send some of the requests; null if it sent all."""
    fault_detail: str | None = None
    """The system's words for that."""


class Calibration(Record):
    """Errors of the load generator on this machine, at the load of the run."""

    load: str
    """The load in words, for example `200 VUs`."""
    before: Trial | None = None
    """The trial before the load; null if the stack was already up, because the load then begins at once."""
    after: Trial | None
    """The trial after the load; null if the run was interrupted."""
    shared_cores: Annotated[float, Field(gt=0)] | None = None
    """Number of cores that the load generators and the calibration server shared, if these were too few for
    one each. The errors then include the time in which they waited for each other, and do not judge the run.
    Null if each had a core."""

    @property
    def competition(self) -> str | None:
        """Why the errors do not judge the run; None if they do."""
        if self.shared_cores is None:
            return None
        cores = "1 core" if self.shared_cores == 1 else f"{self.shared_cores:.3g} cores"
        return f"the load generator and the calibration server shared {cores}"


def trial(samples: Samples) -> Trial:
    """Return the errors of the measured times, from requests to the calibration server."""
    scheduled_s = samples.column("scheduled_s")
    first_error_ms = ms(samples.column("first_token_s") - scheduled_s) - samples.tier_time(FIRST)
    total_error_ms = ms(samples.column("finished_s") - scheduled_s) - samples.tier_time(TOTAL)
    answered = ~np.isnan(first_error_ms + total_error_ms)
    fault, detail = most_common_fault(samples) or (None, None)
    return Trial(
        requests=int(answered.sum()),
        failed=int((~answered).sum()),
        ttft=_bias(first_error_ms[answered]),
        e2e=_bias(total_error_ms[answered]),
        fault=fault,
        fault_detail=detail,
    )


def _bias(errors_ms: Floats) -> Bias | None:
    if not len(errors_ms):
        return None
    p50_ms, p95_ms = np.quantile(errors_ms, [0.5, 0.95])
    return Bias(p50_ms=float(p50_ms), p95_ms=float(p95_ms), max_ms=float(errors_ms.max()))
