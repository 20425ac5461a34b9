"""Metrics with one value per run: throughput, and the resources that each service uses."""

from dataclasses import replace

import numpy as np

from bench.core.samples.arrays import Floats
from bench.core.samples.metric import Better, Metric, Part, RequestColumns

THROUGHPUT = "requests_rps"
"""Key of the number of successful requests per second."""
_PREFIX = "service."
_MEMORY = ".memory_bytes"
_CPU = ".cpu_ms"


def memory_key(service: str) -> str:
    """Return the key of a service's highest memory use: `gateway` → `service.gateway.memory_bytes`."""
    return f"{_PREFIX}{service}{_MEMORY}"


def cpu_key(service: str) -> str:
    """Return the key of a service's processor time per request: `gateway` → `service.gateway.cpu_ms`."""
    return f"{_PREFIX}{service}{_CPU}"


def cost_service(key: str) -> str | None:
    """Return the service of a metric: `service.gateway.cpu_ms` → `gateway`; None for any other metric."""
    for suffix in (_MEMORY, _CPU):
        if key.startswith(_PREFIX) and key.endswith(suffix):
            return key.removeprefix(_PREFIX).removesuffix(suffix)
    return None


def cost_metric(key: str) -> Metric | None:
    """Return a metric of this kind by its key; None if the key is that of another metric."""
    if key == THROUGHPUT:
        return _THROUGHPUT
    service = cost_service(key)
    if service is None:
        return None
    row = _MEMORY_OF_SERVICE if key.endswith(_MEMORY) else _CPU_OF_SERVICE
    return replace(row, key=key, label=f"{row.label} of {service}")


def _per_run(requests: RequestColumns) -> Floats:
    """Return no value for each request: these metrics have one value per run."""
    return np.full(len(requests), np.nan)


_THROUGHPUT = Metric(
    key=THROUGHPUT,
    label="throughput",
    unit="requests/s",
    description="Successful requests per second.",
    formula="successful requests / seconds",
    values=_per_run,
    better=Better.HIGHER,
    part=Part.COSTS,
    tolerated_change=0.1,
)
_MEMORY_OF_SERVICE = replace(
    _THROUGHPUT,
    label="memory",
    unit="bytes",
    description="Highest resident memory of a service and its processes during a run.",
    formula="max(memory)",
    better=Better.LOWER,
    resolution=1e3,
    tolerated_ratio=0.05,
    tolerated_change=1e6,
)
_CPU_OF_SERVICE = replace(
    _THROUGHPUT,
    label="processor time per request",
    unit="ms",
    description="Processor time of a service and its processes per request.",
    formula="processor time / requests",
    better=Better.LOWER,
    tolerated_ratio=0.15,
    tolerated_change=0.1,
)
