"""Metrics with one value per run: throughput, tokens, overhead, availability, work, resources, safe load."""

from dataclasses import replace

import numpy as np

from bench.core.samples.arrays import Floats
from bench.core.samples.metric import Better, Metric, Part, RequestColumns

THROUGHPUT = "requests_rps"
"""Key of the number of successful requests per second."""
TOKENS_PER_REQUEST = "tokens_per_request"
"""Key of the mean number of output tokens of a successful request."""
AVAILABILITY = "availability_ratio"
"""Key of the share of all requests of a run that succeeded."""
RECOVERY_TIME = "recovery_ms"
"""Key of the longest time to recover from a fault of the scenario."""
LOST_REQUESTS = "lost_requests"
"""Key of the number of requests that were lost because of the faults of the scenario."""
SAFE_LOAD = "safe_load"
"""Key of the safe load of a closed loop, in users. A tolerance with this name also covers `SAFE_RATE`."""
SAFE_RATE = "safe_load_rps"
"""Key of the safe load of an open loop, in requests per second."""
SAFE_LOADS = frozenset({SAFE_LOAD, SAFE_RATE})
"""Keys of the safe load, which only capacity searches have."""
RUN_METRICS = (
    THROUGHPUT,
    TOKENS_PER_REQUEST,
    AVAILABILITY,
    RECOVERY_TIME,
    LOST_REQUESTS,
    SAFE_LOAD,
    SAFE_RATE,
)
"""Keys of the metrics that need no name of a service, a counter or another metric."""
NEEDS_FAULTS = frozenset({RECOVERY_TIME, LOST_REQUESTS})
"""Metrics that only scenarios with faults have."""
OVERHEADS = ("e2e_ms", "ttft_ms", "tpot_ms")
"""Metrics that have an overhead over a compared target."""
_SERVICE = "service."
_OVERHEAD = "overhead."
_WORK = "work."
_MEMORY = ".memory_bytes"
_GROWTH = ".memory_growth_bytes"
_CPU = ".cpu_ms"


def memory_key(service: str) -> str:
    """Return the key of a service's highest memory use: `gateway` → `service.gateway.memory_bytes`."""
    return f"{_SERVICE}{service}{_MEMORY}"


def growth_key(service: str) -> str:
    """Return the key of a service's memory growth: `gateway` → `service.gateway.memory_growth_bytes`."""
    return f"{_SERVICE}{service}{_GROWTH}"


def cpu_key(service: str) -> str:
    """Return the key of a service's processor time per request: `gateway` → `service.gateway.cpu_ms`."""
    return f"{_SERVICE}{service}{_CPU}"


def overhead_key(key: str) -> str:
    """Return the key of a metric's overhead: `ttft_ms` → `overhead.ttft_ms`."""
    return f"{_OVERHEAD}{key}"


def is_overhead(key: str) -> bool:
    """Return whether a key is that of an overhead over a compared target."""
    return key.startswith(_OVERHEAD) and key.removeprefix(_OVERHEAD) in OVERHEADS


def work_key(counter: str) -> str:
    """Return the key of the work per message: `model_calls` → `work.model_calls`."""
    return f"{_WORK}{counter}"


def cost_service(key: str) -> str | None:
    """Return the service of a metric: `service.gateway.cpu_ms` → `gateway`; None for any other metric."""
    for suffix in (_MEMORY, _GROWTH, _CPU):
        service = key.removeprefix(_SERVICE).removesuffix(suffix)
        if key.startswith(_SERVICE) and key.endswith(suffix) and service:
            return service
    return None


def cost_metric(key: str) -> Metric | None:
    """Return a metric of this kind by its key; None if the key is that of another metric."""
    if key in _OF_RUN:
        return _OF_RUN[key]
    if is_overhead(key):
        return _overhead_metric(key)
    counter = key.removeprefix(_WORK)
    if key.startswith(_WORK) and counter:
        return replace(_WORK_PER_MESSAGE, key=key, label=f"{counter.replace('_', ' ')} per message")
    service = cost_service(key)
    if service is None:
        return None
    row = next(row for suffix, row in _OF_SERVICE.items() if key.endswith(suffix))
    return replace(row, key=key, label=row.label.format(service=service))


def _per_run(requests: RequestColumns) -> Floats:
    """Return no value for each request: these metrics have one value per run."""
    return np.full(len(requests), np.nan)


def _overhead_metric(key: str) -> Metric:
    of = key.removeprefix(_OVERHEAD)
    return replace(
        _OVERHEAD_OF[of],
        key=key,
        description=f"Median difference of `{of}` between the target and the compared target, by message.",
        formula=f"median({of} - {of} of the compared target)",
    )


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
_TOKENS_PER_REQUEST = replace(
    _THROUGHPUT,
    key=TOKENS_PER_REQUEST,
    label="tokens per request",
    unit="1",
    description="Mean number of output tokens of a successful request.",
    formula="mean(tokens)",
    better=Better.LOWER,
    tolerated_change=1.0,
)
_OVERHEAD_TIME = replace(
    _THROUGHPUT,
    label="overhead",
    unit="ms",
    better=Better.LOWER,
    resolution=0.1,
    tolerated_change=0.5,
)
_OVERHEAD_OF = {
    "e2e_ms": replace(_OVERHEAD_TIME, label="overhead of the response time"),
    "ttft_ms": replace(_OVERHEAD_TIME, label="overhead of the time to first token"),
    "tpot_ms": replace(
        _OVERHEAD_TIME, label="overhead per output token", resolution=0.01, tolerated_change=0.05
    ),
}
_WORK_PER_MESSAGE = replace(
    _THROUGHPUT,
    unit="1",
    description="Increase of a counter of the stack's services, divided by the number of messages.",
    formula="work / messages",
    better=Better.LOWER,
    tolerated_change=None,
)
_RECOVERY_TIME = replace(
    _THROUGHPUT,
    key=RECOVERY_TIME,
    label="time to recover",
    unit="ms",
    description="Longest time from the start of a fault of the scenario to answers as before.",
    formula="max(recovery time of each fault)",
    better=Better.LOWER,
    tolerated_ratio=0.2,
    tolerated_change=500.0,
)
_LOST_REQUESTS = replace(
    _THROUGHPUT,
    key=LOST_REQUESTS,
    label="lost requests",
    unit="1",
    description="Number of requests that failed because of the faults of the scenario.",
    formula="failed requests of each fault - those that fail without it",
    better=Better.LOWER,
    resolution=1.0,
    tolerated_ratio=0.2,
    tolerated_change=2.0,
)
_AVAILABILITY = replace(
    _THROUGHPUT,
    key=AVAILABILITY,
    label="availability",
    unit="ratio",
    description="Share of all requests of a run with the outcome `ok`.",
    formula="successful requests / requests",
    part=Part.COSTS,
    tolerated_change=None,
)
_SAFE_LOAD = replace(
    _THROUGHPUT,
    key=SAFE_LOAD,
    label="safe load",
    unit="users",
    description="Largest number of VUs that meets all objectives of a capacity search.",
    formula="capacity search",
    part=Part.DECIDES,
    tolerated_change=1.0,
)
_SAFE_RATE = replace(
    _SAFE_LOAD,
    key=SAFE_RATE,
    unit="requests/s",
    description="Largest request rate that meets all objectives of a capacity search.",
    resolution=1e-3,
    tolerated_change=None,
)
_OF_RUN = {
    row.key: row
    for row in (
        _THROUGHPUT,
        _TOKENS_PER_REQUEST,
        _AVAILABILITY,
        _RECOVERY_TIME,
        _LOST_REQUESTS,
        _SAFE_LOAD,
        _SAFE_RATE,
    )
}
_OF_SERVICE = {
    _MEMORY: replace(
        _THROUGHPUT,
        label="memory of {service}",
        unit="bytes",
        description="Highest resident memory of a service and its processes during a run.",
        formula="max(memory)",
        better=Better.LOWER,
        resolution=1e3,
        tolerated_ratio=0.05,
        tolerated_change=1e6,
    ),
    _GROWTH: replace(
        _THROUGHPUT,
        label="memory growth of {service}",
        unit="bytes",
        description="Growth of the resident memory of a service per 1,000 requests, at least 0.",
        formula="Theil-Sen slope of memory · seconds / requests · 1000",
        better=Better.LOWER,
        resolution=1e6,
        tolerated_ratio=0.2,
        tolerated_change=4e6,
    ),
    _CPU: replace(
        _THROUGHPUT,
        label="processor time per request of {service}",
        unit="ms",
        description="Processor time of a service and its processes per request.",
        formula="processor time / requests",
        better=Better.LOWER,
        tolerated_ratio=0.15,
        tolerated_change=0.1,
    ),
}
