"""The measures of the queue at `/metrics`, of this backend alone."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class QueueMeasures:
    """Counters and gauges of the queue.

    Args:
        registry: Registry of the backend.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queued = Gauge(
            "chatstack_requests_queued", "Requests of this backend that wait for a turn.", registry=registry
        )
        self.running = Gauge(
            "chatstack_requests_running", "Requests of this backend that have a turn.", registry=registry
        )
        self.available = Gauge(
            "chatstack_queue_available", "1, or 0 while Redis does not answer.", registry=registry
        )
        self.wait_seconds = Histogram(
            "chatstack_queue_wait_seconds",
            "Time until a turn, by priority.",
            ["priority"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.refused = Counter(
            "chatstack_queue_refused", "Requests refused because the queue was full.", registry=registry
        )
        self.unavailable = Counter(
            "chatstack_queue_unavailable", "Requests refused because Redis did not answer.", registry=registry
        )
        self.abandoned = Counter(
            "chatstack_queue_abandoned", "Requests whose client left before the turn.", registry=registry
        )
        self.retries = Counter("chatstack_queue_retries", "Attempts after a failed one.", registry=registry)
        self.available.set(1)
