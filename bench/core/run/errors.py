"""Failed requests of a run, as examples for people."""

from collections.abc import Iterator

import numpy as np

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Number, Record

ERROR_SAMPLES = 10


class ErrorSample(Record):
    """One failed request, as an example for people."""

    outcome: Outcome
    """How the request failed."""
    status: int | None
    """HTTP status; null without a response."""
    detail: str | None
    """Error text; null without one."""
    prompt: str
    """Id of the prompt."""
    culprit: Culprit | None = None
    """The part that caused the failure."""
    at_s: Number
    """End of the request, in seconds since the start of the run."""


def error_samples(failed: Samples) -> Iterator[ErrorSample]:
    """Return the first failed requests of each outcome, in their order."""
    selected = np.zeros(len(failed), dtype=bool)
    for outcome in Outcome:
        selected[np.flatnonzero(failed.has_outcome(outcome))[:ERROR_SAMPLES]] = True
    return map(_error_sample, failed.where(selected))


def _error_sample(sample: RequestSample) -> ErrorSample:
    return ErrorSample(
        outcome=sample.outcome,
        status=sample.status,
        detail=sample.detail,
        prompt=sample.prompt,
        culprit=sample.culprit,
        at_s=sample.finished_s,
    )
