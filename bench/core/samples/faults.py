"""The faults of the load generator that kept it from sending requests."""

from collections import Counter

from bench.core.samples.sample import GeneratorFault, Outcome
from bench.core.samples.samples import Samples

_MOST_READ = 1000  # a load generator without files may fail millions of times, for the same reason


def most_common_fault(samples: Samples) -> tuple[GeneratorFault, str] | None:
    """Return the most common fault of the requests that were not sent, and the system's words for it.

    Returns:
        None if all requests were sent.
    """
    unsent = samples.where(samples.has_outcome(Outcome.NOT_SENT))
    details = Counter(sample.detail or "" for sample in unsent[:_MOST_READ])
    for detail, _ in details.most_common():
        name, _, message = detail.partition(": ")
        if name in set(GeneratorFault):
            return GeneratorFault(name), message
    return None
