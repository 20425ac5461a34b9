"""Pinned work, done before and after a run: what it takes longer is the machine's doing, and no version's."""

import math
from typing import Annotated

from pydantic import Field

from bench.core.values.record import Record

# Another number whenever the work becomes another one: its times do not compare then.
VERSION = 1
# What a stack declares, sent straight to what no change of the repository touches. It speaks for the whole.
PINNED = "pinned"


class ReferenceWorkload(Record):
    """How long the same work took, by piece, in milliseconds.

    Attributes:
        version: Of the work.
        before_ms: Median times before the run.
        after_ms: And after it; empty when the run was interrupted.
    """

    version: int = VERSION
    before_ms: dict[str, Annotated[float, Field(gt=0)]]
    after_ms: dict[str, Annotated[float, Field(gt=0)]]

    def log_pace(self, pieces: frozenset[str]) -> float:
        """Mean of the logarithms of the times of these pieces: 0.1 more is a machine about 10 % slower."""
        times_ms = [trial[piece] for trial in (self.before_ms, self.after_ms) for piece in sorted(pieces)]
        return sum(map(math.log, times_ms)) / len(times_ms)

    def rounded(self, digits: int) -> "ReferenceWorkload":
        """The same with times that a person can read."""
        times = {
            when: {piece: round(each_ms, digits) for piece, each_ms in sorted(trial.items())}
            for when, trial in (("before_ms", self.before_ms), ("after_ms", self.after_ms))
        }
        return self.model_copy(update=times)

    @property
    def pieces(self) -> frozenset[str]:
        """Of which the pace is made: what was done both times; the pinned request alone where it was."""
        both = frozenset(self.before_ms.keys() & self.after_ms.keys())
        return frozenset({PINNED}) if PINNED in both else both
