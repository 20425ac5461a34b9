"""Decide how long requests in flight may take after the end of a phase."""

SHORTEST_S = 30.0
"""Shortest graceful stop that a scenario gets without declaring one."""
ANSWERS = 2.0
"""A graceful stop lasts as long as this number of the slowest answers."""


def graceful_stop(declared_s: float | None, slowest_s: float, request_timeout_s: float) -> float:
    """Return the graceful stop in seconds.

    Args:
        declared_s: The scenario's `graceful_stop`, which is used as it is; `None` if it has none.
        slowest_s: The slowest answer of the run so far; 0 without answers.
        request_timeout_s: The scenario's `request_timeout`, which ends each request by itself.
    """
    if declared_s is not None:
        return declared_s
    return min(request_timeout_s, max(SHORTEST_S, ANSWERS * slowest_s))


def longest_graceful_stop(declared_s: float | None, request_timeout_s: float) -> float:
    """Return the longest graceful stop that a scenario can have, in seconds."""
    return request_timeout_s if declared_s is None else declared_s
