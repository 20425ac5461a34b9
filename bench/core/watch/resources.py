"""Resources that a service, a load generator or the machine used over a run."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from bench.core.samples.sample import ResourceSample
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.values.robust import theil_sen_slope

FEWEST_SAMPLES = 8
"""Fewest samples of a slope of memory."""
MOST_SAMPLES = 200
"""Most samples of a slope of memory."""


class ResourceSummary(Record):
    """Resources that one source used over a run. An unknown value is `None`."""

    cpu_pct_mean: Number
    """Mean CPU use, in per cent of one core; for the machine, of all cores."""
    cpu_pct_p95: Number
    """95th percentile of the CPU use, in per cent."""
    memory_bytes_max: Count | None
    """Highest memory use, in bytes."""
    memory_growth_bps: Number | None = None
    """Growth of the memory use, in bytes per second (Theil-Sen slope); null with few samples."""
    memory_ratio_max: NotNegative | None = None
    """Highest share of the memory limit."""
    received_bytes: Count | None = None
    """Bytes received from the network during the run."""
    sent_bytes: Count | None = None
    """Bytes sent to the network during the run."""
    read_bytes: Count | None = None
    """Bytes read from disks during the run."""
    written_bytes: Count | None = None
    """Bytes written to disks during the run."""
    restarts: Count | None = None
    """Number of restarts of the container during the run."""
    oom_kills: Count | None = None
    """Number of times that the kernel killed it because memory ran out."""
    throttled_ms: Count | None = None
    """Milliseconds that it waited because its processor quota was used up."""


def summarise_resources(samples: Iterable[ResourceSample]) -> dict[str, ResourceSummary]:
    """Summarise the samples of each source, by its name."""
    by_source: dict[str, list[ResourceSample]] = {}
    for sample in samples:
        by_source.setdefault(sample.source, []).append(sample)
    return {source: _summarise(of_source) for source, of_source in sorted(by_source.items())}


def _summarise(samples: Sequence[ResourceSample]) -> ResourceSummary:
    cpu_pct: list[float] = []
    memory_bytes: list[int] = []
    memory_over_time: list[tuple[float, float]] = []
    memory_ratios: list[float] = []
    for sample in samples:
        cpu_pct.append(sample.cpu_pct)
        if sample.memory_bytes is None:
            continue
        memory_bytes.append(sample.memory_bytes)
        memory_over_time.append((sample.at_s, float(sample.memory_bytes)))
        if sample.memory_limit_bytes:
            memory_ratios.append(sample.memory_bytes / sample.memory_limit_bytes)
    return ResourceSummary(
        cpu_pct_mean=float(np.mean(cpu_pct)),
        cpu_pct_p95=float(np.quantile(cpu_pct, 0.95)),
        memory_bytes_max=max(memory_bytes, default=None),
        memory_growth_bps=_growth(memory_over_time),
        memory_ratio_max=max(memory_ratios, default=None),
        received_bytes=_increase(samples, "received_bytes"),
        sent_bytes=_increase(samples, "sent_bytes"),
        read_bytes=_increase(samples, "read_bytes"),
        written_bytes=_increase(samples, "written_bytes"),
        restarts=_increase(samples, "restarts"),
        oom_kills=_increase(samples, "oom_kills"),
        throttled_ms=_increase(samples, "throttled_ms"),
    )


def _growth(memory_over_time: Sequence[tuple[float, float]]) -> float | None:
    """Return the slope of the memory use; a long run has more samples than the slope needs."""
    step = math.ceil(len(memory_over_time) / MOST_SAMPLES)
    samples = memory_over_time[:: max(1, step)]
    return theil_sen_slope([samples]) if len(samples) >= FEWEST_SAMPLES else None


def _increase(samples: Sequence[ResourceSample], counter: str) -> int | None:
    """Return the increase of a counter since its first reading. A counter that fell was reset to 0."""
    increase: int | None = None
    before: int | None = None
    for sample in samples:
        now: int | None = getattr(sample, counter)
        if now is None:
            continue
        if increase is None or before is None:
            increase = 0
        else:
            increase += now - before if now >= before else now
        before = now
    return increase
