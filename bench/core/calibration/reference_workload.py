"""Fixed work around a load. Its time changes with the machine, and never with the tested version."""

import math
from typing import Annotated

from pydantic import Field

from bench.core.values.record import Record

# Increase it if the work changes: times of different versions are not comparable.
VERSION = 2
# A request that a stack declares, to a service that no change of the repository touches. If a run has it, it
# alone is the machine speed.
PINNED = "pinned"


class ReferenceWorkload(Record):
    """Median times of the fixed work, by piece, in milliseconds."""

    version: int = VERSION
    """Version of the work; only equal versions are compared."""
    before_ms: dict[str, Annotated[float, Field(gt=0)]]
    """Times before the load; empty if the stack was already up, because the load then begins at once."""
    after_ms: dict[str, Annotated[float, Field(gt=0)]]
    """Times after the load; empty if the run was interrupted."""

    def log_time(self, piece: str) -> float:
        """Return the mean log time of a piece; a machine with 0.1 more is about 10 % slower."""
        logs = [math.log(times_ms[piece]) for times_ms in (self.before_ms, self.after_ms) if times_ms]
        return math.fsum(logs) / len(logs)

    def log_drift(self, piece: str) -> float:
        """Return the log time of a piece after the load minus that before the load."""
        return math.log(self.after_ms[piece] / self.before_ms[piece])

    def rounded(self, digits: int) -> "ReferenceWorkload":
        """Return a copy with rounded times, in alphabetical order."""
        return self.model_copy(
            update={
                "before_ms": _round_times(self.before_ms, digits),
                "after_ms": _round_times(self.after_ms, digits),
            }
        )

    @property
    def pieces(self) -> frozenset[str]:
        """The pieces with times on each side of the load that was measured; `PINNED` alone if it is one.

        An interrupted run has none: its machine was not measured after the load.
        """
        pieces = frozenset(self.after_ms)
        if self.before_ms:
            pieces = pieces.intersection(self.before_ms)
        return frozenset({PINNED}) if PINNED in pieces else pieces


def _round_times(times_ms: dict[str, float], digits: int) -> dict[str, float]:
    return {piece: round(time_ms, digits) for piece, time_ms in sorted(times_ms.items())}
