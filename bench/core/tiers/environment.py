"""The variables that make auto-instrumentation send its spans to bench.

Names: https://opentelemetry.io/docs/languages/sdk-configuration/
"""

from bench.core.config.stack_tiers import OTLP_PORT, OtlpReceiver
from bench.core.config.target import Name

# Exporters send the spans of this many milliseconds together; bench waits for the last of them.
BATCH_DELAY_MS = 500
_QUEUE_SPANS = 16_384  # an exporter drops the spans beyond it; its default of 2,048 is one second of load


def fixed_url(otlp: OtlpReceiver) -> str:
    """Return the address of the receiver for services that are started before bench chooses a port."""
    return otlp.url or url_of(otlp.host, otlp.port or OTLP_PORT)


def url_of(host: str, port: int) -> str:
    """Return the URL of an address; one of IPv6 stands in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def otlp_environment(otlp: OtlpReceiver | None, service: Name, url: str | None) -> dict[str, str]:
    """Return the variables of a service; none if it sends no spans.

    The services record only requests with a `traceparent`: no health checks and no requests of others.

    Args:
        otlp: The declaration of the stack.
        service: Name of the service, which becomes the name of its tier.
        url: Address of the receiver; `None` without one.
    """
    if otlp is None or url is None or (otlp.services is not None and service not in otlp.services):
        return {}
    return {
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PROPAGATORS": "tracecontext,baggage",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        "OTEL_BSP_SCHEDULE_DELAY": str(BATCH_DELAY_MS),
        "OTEL_BSP_MAX_QUEUE_SIZE": str(_QUEUE_SPANS),
    }
