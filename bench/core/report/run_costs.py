"""The costs of a run in a history, of all services together."""

from collections.abc import Callable

from bench.core.history.history import HistoryPoint
from bench.core.samples.cost_metrics import TOKENS_PER_REQUEST, cost_service, cpu_key, memory_key
from bench.core.values.units import MS_PER_UNIT


def cpu_per_request_ms(run: HistoryPoint) -> float | None:
    """Return the processor time of all services per request; None if no service has one."""
    return _sum_of_services(run, cpu_key)


def memory_bytes(run: HistoryPoint) -> float | None:
    """Return the sum of the highest memory of each service; None if no service has one."""
    return _sum_of_services(run, memory_key)


def tokens_per_cpu_second(run: HistoryPoint) -> float | None:
    """Return the output tokens for each second of processor time; None without tokens or time."""
    tokens = run.figures.get(TOKENS_PER_REQUEST)
    cpu_ms = cpu_per_request_ms(run)
    return tokens / cpu_ms * MS_PER_UNIT["s"] if tokens is not None and cpu_ms else None


def _sum_of_services(run: HistoryPoint, make_key: Callable[[str], str]) -> float | None:
    values: list[float] = []
    for key, value in run.figures.items():
        service = cost_service(key)
        if service is not None and key == make_key(service):
            values.append(value)
    return sum(values) if values else None
