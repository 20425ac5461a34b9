"""What a service, a load generator or the machine used over a run."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from bench.core.samples.sample import ResourceSample
from bench.core.values.record import Count, NotNegative, Number, Record


class ResourceSummary(Record):
    """What one source used over a run. What it does not say is None.

    Attributes:
        cpu_pct_mean: Per cent of one core; of the machine, of all cores together.
        cpu_pct_p95: Likewise.
        memory_bytes_max: At most.
        memory_ratio_max: Share of its limit, at most.
        received_bytes: From the network during the run.
        sent_bytes: To the network, likewise.
        read_bytes: From disks, likewise.
        written_bytes: To disks, likewise.
        restarts: How often its container was started again during the run.
        oom_kills: How often the kernel ended it for want of memory, likewise.
        throttled_ms: For how long it had to wait because its quota of processor time was used up, likewise.
    """

    cpu_pct_mean: Number
    cpu_pct_p95: Number
    memory_bytes_max: Count
    memory_ratio_max: NotNegative | None = None
    received_bytes: Count | None = None
    sent_bytes: Count | None = None
    read_bytes: Count | None = None
    written_bytes: Count | None = None
    restarts: Count | None = None
    oom_kills: Count | None = None
    throttled_ms: Count | None = None


def summarise_resources(samples: Iterable[ResourceSample]) -> dict[str, ResourceSummary]:
    """What each source used, by its name."""
    by_source: dict[str, list[ResourceSample]] = {}
    for sample in samples:
        by_source.setdefault(sample.source, []).append(sample)
    return {source: _summary(each) for source, each in sorted(by_source.items())}


def _summary(samples: Sequence[ResourceSample]) -> ResourceSummary:
    cpu_pct = [sample.cpu_pct for sample in samples]
    shares = [each.memory_bytes / each.memory_limit_bytes for each in samples if each.memory_limit_bytes]
    return ResourceSummary(
        cpu_pct_mean=float(np.mean(cpu_pct)),
        cpu_pct_p95=float(np.quantile(cpu_pct, 0.95)),
        memory_bytes_max=max(sample.memory_bytes for sample in samples),
        memory_ratio_max=max(shares, default=None),
        received_bytes=_counted([sample.received_bytes for sample in samples]),
        sent_bytes=_counted([sample.sent_bytes for sample in samples]),
        read_bytes=_counted([sample.read_bytes for sample in samples]),
        written_bytes=_counted([sample.written_bytes for sample in samples]),
        restarts=_counted([sample.restarts for sample in samples]),
        oom_kills=_counted([sample.oom_kills for sample in samples]),
        throttled_ms=_counted([sample.throttled_ms for sample in samples]),
    )


def _counted(readings: Sequence[int | None]) -> int | None:
    """What a counter counted from its first reading on; one that is less than before began anew."""
    known = [reading for reading in readings if reading is not None]
    if not known:
        return None
    return sum(now - before if now >= before else now for before, now in pairwise(known))
