"""Compare the hit ratio of a service's cache with the share of repeated messages of the load."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from bench.core.config.run_spec import RunSpec
from bench.core.run.recording import Recording
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, NotNegative, Record
from bench.core.values.zipf import expected_repeats, zipf_shares

HITS: Final = "cache_hits"
MISSES: Final = "cache_misses"
SHARED: Final = "cache_shared"
"""Names of a stack's counters: stored answers, generated answers, and answers of equal requests in flight."""


class Repeats(Record):
    """Repeated messages of a complete run with its warm-up, and the hit ratio of the service's cache."""

    requests: Count
    """Number of requests with a message that may repeat."""
    distinct: Count
    """Number of different messages among them."""
    expected_ratio: NotNegative
    """Expected share of repeated messages for this number of requests, by the scenario's Zipf's law: the hit
    ratio of a cache without limit and expiry."""
    repeated_ratio: NotNegative
    """Share of the requests whose message an earlier request of the run had."""
    hit_ratio: NotNegative | None = None
    """Hit ratio by the service's counters: `cache_hits` and `cache_shared`, divided by them and
    `cache_misses`; null if the stack declares no such counters or the run has a second target."""


def count_repeats(spec: RunSpec, recording: Recording, target_samples: Samples) -> Repeats | None:
    """Return the repeated messages of a run; `None` if the scenario has no `repeat`, or sent no message.

    Args:
        spec: The scenario.
        recording: The complete recording, with its warm-up.
        target_samples: Its requests to the scenario's target.
    """
    requests = 0
    expected = 0.0
    texts: set[str] = set()
    sent = _count_by_message(target_samples)
    for part in spec.parts:
        repeat = part.scenario.repeat
        if repeat is None:
            continue
        draws = 0
        for prompt in part.prompts:
            if prompt.id in sent:
                draws += sent[prompt.id]
                texts.add(prompt.text)
        if draws:
            requests += draws
            expected += draws * expected_repeats(zipf_shares(len(part.prompts), repeat.zipf), draws)
    if not requests:
        return None
    return Repeats(
        requests=requests,
        distinct=len(texts),
        expected_ratio=expected / requests,
        repeated_ratio=1.0 - len(texts) / requests,
        hit_ratio=None if spec.compare_with is not None else _hit_ratio(recording.work),
    )


def _count_by_message(samples: Samples) -> dict[str, int]:
    """Return the number of answered and failed requests of each message that was sent, by id."""
    answered = samples.without_cancelled()
    numbers = np.bincount(answered.column("prompt"), minlength=len(answered.prompts))
    return {name: int(numbers[number]) for name, number in answered.prompts.items() if numbers[number]}


def _hit_ratio(work: Mapping[str, float]) -> float | None:
    """Return the hit ratio of the counters; `None` if they are not declared or did not count."""
    if HITS not in work or MISSES not in work:
        return None
    hits = work[HITS] + work.get(SHARED, 0.0)
    total = hits + work[MISSES]
    return hits / total if total > 0 else None
