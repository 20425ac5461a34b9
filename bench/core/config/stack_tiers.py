"""Sources of tier times that a stack declares: OpenTelemetry, histograms of its services, and layers."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints, model_validator

from bench.core.config.target import Name, Target, UrlPath
from bench.core.config.tier_sources import TierName, TimeUnit
from bench.core.config.watching import Series
from bench.core.samples.metrics import UNATTRIBUTED
from bench.core.values.duration import PositiveDuration
from bench.core.values.record import FieldError, Record

OTLP_PORT: Final = 4318
"""The port of OTLP over HTTP that exporters use by default."""
# Fields of a request's body that select the work of a model.
_WORK_FIELDS = (
    "model",
    "options",
    "temperature",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "num_predict",
)


class StackLayer(Record):
    """A layer: a tier, and the interface that reaches it without the tiers in front of it."""

    tier: TierName
    """Name of the tier."""
    target: Target
    """Interface of the tier."""


class Layers(Record):
    """Requests to each tier separately, for stacks whose answers do not report tier times."""

    message: str
    """Message that every tier gets."""
    tiers: Annotated[tuple[StackLayer, ...], Field(min_length=2)]
    """Tiers from the outermost one inwards. Each tier calls the next one."""
    rounds: Annotated[int, Field(ge=1, le=1000)] = 10
    """Number of rounds; in each round every tier gets one request."""
    limit_s: Annotated[PositiveDuration, Field(alias="limit")] = 60.0
    """Longest time of all rounds together. The rounds until then are used."""

    @model_validator(mode="after")
    def _require_same_work(self) -> "Layers":
        for name in _WORK_FIELDS:
            values: dict[str, Any] = {}
            for layer in self.tiers:
                if name in layer.target.body:
                    values[layer.tier] = layer.target.body[name]
            different = [tier for tier, value in values.items() if value != next(iter(values.values()))]
            if different:
                first = next(iter(values))
                raise FieldError(
                    ("tiers",),
                    f"all tiers must get the same work, but '{name}' differs between the tiers "
                    f"'{first}' and '{different[0]}'",
                )
        return self


class ServiceHistogram(Record):
    """A Prometheus histogram or summary in which a service counts the durations of its requests."""

    service: Name
    """Service that offers the metrics."""
    path: UrlPath = "/metrics"
    """Path of the text."""
    series: Series
    """Name of the histogram without `_sum` and `_count`, such as
    `http_request_duration_seconds{route="/chat"}`. It is added up over the labels that it does not name."""
    unit: TimeUnit = "s"
    """Unit of its sum."""
    includes: tuple[TierName, ...] = ()
    """Other tiers whose time is part of these durations. It is subtracted."""


class OtlpReceiver(Record):
    """Spans of OpenTelemetry: each request carries a `traceparent`, and the services send their spans."""

    port: Annotated[int | None, Field(ge=1, le=65535)] = None
    """Port that receives the spans. By default it is a free port, and 4318 for a stack that runs elsewhere or
    stays up between commands."""
    host: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"
    """Address that receives the spans, for example `0.0.0.0` for containers."""
    url: Annotated[str | None, StringConstraints(pattern=r"^https?://")] = None
    """Address that the services send their spans to, if it is not that of `host` and `port`."""
    services: tuple[Name, ...] | None = None
    """Services that get the variables of OpenTelemetry. By default all get them; a service without
    instrumentation ignores them."""
    last_batch_s: Annotated[PositiveDuration, Field(alias="last_batch")] = 10.0
    """Longest time after the load to wait for the last spans."""


class StackTiers(Record):
    """Sources of tier times that the services of a stack offer."""

    otlp: OtlpReceiver | None = None
    """Receive spans of OpenTelemetry. `otlp: {}` is enough for services that `bench` starts."""
    histograms: dict[TierName, ServiceHistogram] = {}
    """Histograms of the services, by tier. They give one mean per run."""

    @model_validator(mode="after")
    def _check_names(self) -> "StackTiers":
        for tier, histogram in self.histograms.items():
            if tier == UNATTRIBUTED:
                raise FieldError(("histograms", tier), "is the name of the remainder; choose another name")
            for included in histogram.includes:
                if included == tier or included not in self.histograms:
                    raise FieldError(
                        ("histograms", tier, "includes"), f"'{included}' is not another tier of `histograms`"
                    )
        return self


def layers_behind(layers: Sequence[StackLayer], service: str) -> tuple[StackLayer, ...]:
    """Return the layers from the one of a service inwards; all of them if no layer is of this service."""
    for index, layer in enumerate(layers):
        if layer.target.service == service:
            return tuple(layers[index:])
    return tuple(layers)
