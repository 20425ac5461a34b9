"""The counters of the cache."""

from typing import Literal

from prometheus_client import Counter

from chatstack.measures import Measures

Outcome = Literal["hit", "miss", "shared", "bypass"]
"""How a question was answered, as in the header `X-Cache`.

`hit` from the store, `miss` by the model, `shared` together with an equal question at the same time, and
`bypass` by the model because the message has an effect.
"""


class CacheCounts:
    """Counters of the cache.

    Args:
        measures: Measures of the backend.
    """

    def __init__(self, measures: Measures) -> None:
        registry = measures.registry
        self._by_outcome: dict[Outcome, Counter] = {
            "hit": Counter("chatstack_cache_hits", "Answers from the cache.", registry=registry),
            "miss": Counter("chatstack_cache_misses", "Answers that were not stored.", registry=registry),
            "shared": Counter(
                "chatstack_cache_shared", "Answers of an equal question at the same time.", registry=registry
            ),
            "bypass": Counter(
                "chatstack_cache_bypasses", "Questions that are never cached.", registry=registry
            ),
        }
        self._errors = Counter("chatstack_cache_errors", "Errors of the store.", registry=registry)
        self._removed = Counter("chatstack_cache_removed", "Answers removed on request.", registry=registry)

    def count(self, outcome: Outcome) -> None:
        """Count a question."""
        self._by_outcome[outcome].inc()

    def count_error(self) -> None:
        """Count an error of the store."""
        self._errors.inc()

    def count_removed(self, number: int) -> None:
        """Count answers that an administrator removed."""
        self._removed.inc(number)
