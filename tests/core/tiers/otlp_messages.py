"""Messages of OTLP, made by the official package."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_IDS = ("traceId", "spanId", "parentSpanId")


def attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    """Return attributes of each type of value."""
    pairs = []
    for name, value in values.items():
        match value:
            case str():
                content = AnyValue(string_value=value)
            case bool():
                content = AnyValue(bool_value=value)
            case int():
                content = AnyValue(int_value=value)
            case _:
                content = AnyValue(double_value=value)
        pairs.append(KeyValue(key=name, value=content))
    return pairs


def message(service: str | None, spans: Iterable[Mapping[str, Any]]) -> ExportTraceServiceRequest:
    """Return a message with spans of one service. A span has fields of OTLP, and attributes by name."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    names = {"host.name": "here"} if service is None else {"host.name": "here", "service.name": service}
    resource.resource.attributes.extend(attributes(names))
    scope = resource.scope_spans.add()
    scope.scope.name = "instrumentation"
    for fields in spans:
        span = scope.spans.add()
        for name, value in fields.items():
            if name == "attributes":
                span.attributes.extend(attributes(value))
            else:
                setattr(span, name, value)
    return request


def as_json(request: ExportTraceServiceRequest) -> bytes:
    """Return a message in JSON, with ids in hexadecimal digits as OTLP demands."""
    document = MessageToDict(request, use_integers_for_enums=True)
    for sent, resource in zip(request.resource_spans, document["resourceSpans"], strict=True):
        for scope, scope_document in zip(sent.scope_spans, resource["scopeSpans"], strict=True):
            for span, span_document in zip(scope.spans, scope_document["spans"], strict=True):
                ids = (span.trace_id, span.span_id, span.parent_span_id)
                for name, value in zip(_IDS, ids, strict=True):
                    span_document[name] = value.hex()
    return orjson.dumps(document)
