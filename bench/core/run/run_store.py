"""Where a run puts its requests and values while it goes on: a file, or the memory."""

from collections.abc import Collection, Iterable
from typing import Protocol

from bench.core.run.recorded_values import RecordedValues
from bench.core.samples.samples import SampleLog, Samples


class RunStore(Protocol):
    """The requests and other values of a run in progress."""

    def add(self, log: SampleLog) -> None:
        """Add requests that ended."""
        ...

    def note(self, values: RecordedValues) -> None:
        """Add other values."""
        ...

    def replace_tiers(self, samples: Samples) -> None:
        """Replace the tier times of all requests by those of these samples."""
        ...

    def read_samples(self) -> Samples:
        """Return all requests so far."""
        ...

    def read_values(self) -> Iterable[RecordedValues]:
        """Return all values so far."""
        ...

    def drop_if_empty(self) -> None:
        """Delete a run that failed before its first request."""
        ...


class MemoryStore:
    """Keeps a run in memory.

    Args:
        secrets: Texts that details must not contain.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._log = SampleLog(secrets)
        self._values: list[RecordedValues] = []
        self._samples: Samples | None = None

    def add(self, log: SampleLog) -> None:
        """Add requests that ended."""
        self._log.extend(log)

    def note(self, values: RecordedValues) -> None:
        """Add other values."""
        self._values.append(values)

    def replace_tiers(self, samples: Samples) -> None:
        """Replace the tier times of all requests by those of these samples."""
        self._samples = samples

    def read_samples(self) -> Samples:
        """Return all requests so far."""
        return self._log.since(0) if self._samples is None else self._samples

    def read_values(self) -> Iterable[RecordedValues]:
        """Return all values so far."""
        return self._values

    def drop_if_empty(self) -> None:
        """Do nothing: the memory needs no clean-up."""
