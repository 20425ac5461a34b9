"""Observations about answers that make no failure: each becomes one warning of the run, with its count."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from bench.core.values import wording
from bench.core.values.limited_names import LimitedNames

MOST_REMARKS = 50
"""Largest number of different remarks, which people read."""
_OTHERS = "had other properties, which are not listed here"
# A stream came in one read if at least this share of its pieces did, of at least this many.
_BUFFERED_RATIO = 0.9
_FEWEST_PIECES = 4


class Remarks:
    """Counts remarks. A remark is the end of a sentence that begins with the number of answers.

    Attributes:
        counts: Number of answers by remark, such as `came compressed with gzip`.
        streamed: Number of complete streamed answers.
        buffered: Number of those that came in one read.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._kept = LimitedNames(MOST_REMARKS, _OTHERS)
        self.streamed = 0
        self.buffered = 0

    def add(self, remark: str, count: int = 1) -> None:
        """Count a remark on an answer."""
        kept = self._kept.keep(remark)
        self.counts[kept] = self.counts.get(kept, 0) + count

    def add_stream(self, times_s: Sequence[float]) -> None:
        """Count a complete streamed answer, given the times at which its pieces were read."""
        self.streamed += 1
        self.buffered += came_in_one_read(times_s)

    def merge(self, other: "Remarks") -> None:
        """Add the counts of another process."""
        for remark, count in other.counts.items():
            self.add(remark, count)
        self.streamed += other.streamed
        self.buffered += other.buffered

    def take(self) -> "Remarks":
        """Return all counts, and begin again at 0."""
        taken = Remarks()
        taken.merge(self)
        self.counts.clear()
        self.streamed = 0
        self.buffered = 0
        return taken

    def sentences(self) -> list[str]:
        """Return one sentence per remark, the most frequent first."""
        sentences = []
        if self.buffered > self.streamed / 2:
            sentences.append(
                f"{self.buffered} of {wording.counted(self.streamed, 'streamed answer')} came in one read "
                "after buffering: this proxy or server buffers, so first token = response time"
            )
        for remark, count in sorted(self.counts.items(), key=lambda item: -item[1]):
            sentences.append(f"{wording.counted(count, 'answer')} {remark}")
        return sentences


def came_in_one_read(times_s: Sequence[float]) -> bool:
    """Return whether nearly all pieces of an answer have the same time, in the order in which they came."""
    count = len(times_s)
    if count < _FEWEST_PIECES:
        return False
    # A share above a half contains the piece in the middle.
    middle_s = times_s[count // 2]
    together = bisect_right(times_s, middle_s) - bisect_left(times_s, middle_s)
    return together >= _BUFFERED_RATIO * count
