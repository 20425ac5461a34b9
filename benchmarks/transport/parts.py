"""Parts of streams with their times, stored raw during the measurement and parsed afterwards."""

import re
from collections.abc import Sequence

_STAMP = re.compile(rb'"t":([0-9.]+)')


class Parts:
    """Parts of the streams of one VU."""

    def __init__(self) -> None:
        self._parts: list[tuple[bytes, float]] = []
        self._begins: list[int] = []
        self.take = self._take

    def begin(self) -> None:
        """Begin the next stream."""
        self._begins.append(len(self._parts))

    def _take(self, part: bytes, at_s: float) -> None:
        self._parts.append((part, at_s))

    def errors_ms(self) -> list[float]:
        """Return the delay of each token after the server's time."""
        return [(at_s - float(stamp)) * 1000 for part, at_s in self._parts for stamp in _STAMP.findall(part)]

    def first_errors_ms(self) -> list[float]:
        """Return the delay of the first token of each stream."""
        return [
            (at_s - float(stamp)) * 1000
            for index in self._begins
            for part, at_s in self._parts[index : index + 1]
            for stamp in _STAMP.findall(part)[:1]
        ]

    def first_s(self) -> list[float]:
        """Return the time of the first token of each stream."""
        return [at_s for index in self._begins for _, at_s in self._parts[index : index + 1]]


def percentile(values: Sequence[float], per_cent: float) -> float:
    """Return a quantile by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * per_cent / 100))]
