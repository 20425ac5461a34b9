"""Trials of a capacity search that show nothing about the stack: they do not count."""

from bench.core.run.recording import Recording
from bench.core.run.summary import RunSummary
from bench.core.run.validity import find_disturbance, find_generator_limit

MOST_DISTURBED = 2
"""Disturbed trials that a search repeats. On a machine that is never quiet, later ones count, and the search
is invalid."""


class ExcludedTrials:
    """Decides which trials count, in their order.

    Attributes:
        limit: Why the load generator could not send the newest load in time; `None` if it could.
    """

    def __init__(self) -> None:
        self.limit: str | None = None
        self._disturbed = 0

    def find_reason(self, recording: Recording, summary: RunSummary) -> str | None:
        """Return why the next trial does not count; `None` if it counts.

        Args:
            recording: Its recording without warm-up phases.
            summary: Its summary.
        """
        self.limit = find_generator_limit(recording, summary)
        if self.limit is not None:
            return self.limit
        disturbance = find_disturbance(recording)
        if disturbance is None or self._disturbed == MOST_DISTURBED:
            return None
        self._disturbed += 1
        return disturbance
