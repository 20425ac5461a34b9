"""Reads the spans in a message of OTLP: in protobuf or in JSON.

Formats: https://github.com/open-telemetry/opentelemetry-proto (trace/v1/trace.proto) and
https://protobuf.dev/programming-guides/encoding. Only the fields of tier times are read.
"""

from collections.abc import Callable, Iterator, Mapping
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class of errors
from typing import Any, NamedTuple

from bench.core.response.json_text import parse_json
from bench.core.tiers.span import UNKNOWN_SERVICE, Attributes

SERVICE_NAME = "service.name"
CLIENT_KIND = 3
_KIND_NAMES = {"SPAN_KIND_CLIENT": CLIENT_KIND}
_ID_BYTES = 8
_LONGEST_VARINT_BITS = 63
_FIXED_64 = Struct("<Q")
_FIXED_32_BYTES = 4
# Wire types of protobuf.
_VARINT = 0
_SIXTY_FOUR_BITS = 1
_BYTES = 2
_THIRTY_TWO_BITS = 5

IsWanted = Callable[[bytes], bool]


class OtlpError(ValueError):
    """A message is not in the format of OTLP."""


class ReceivedSpan(NamedTuple):
    """A span as it was sent."""

    trace: bytes
    """Id of the trace."""
    id: bytes
    """Id of the span."""
    parent: bytes
    """Id of the parent; empty for none."""
    kind: int
    """Role of the span, as a number of OTLP."""
    start_ns: int
    """Start in nanoseconds since 1970, on the sender's clock."""
    end_ns: int
    """End on the same clock."""
    service: str
    """Name of the service, from its resource."""
    attributes: Attributes
    """Attributes of a call with text or a number; empty for other kinds, which need none."""


def read_protobuf(message: bytes, is_wanted: IsWanted) -> Iterator[ReceivedSpan]:
    """Yield the spans of a message in protobuf.

    Args:
        message: An `ExportTraceServiceRequest`.
        is_wanted: Decides by the trace id; other spans are skipped.

    Raises:
        OtlpError: The message is damaged.
    """
    try:
        for number, resource_spans in _fields(message):
            if number == 1:
                yield from _read_resource(resource_spans, is_wanted)
    except (IndexError, TypeError, ValueError, StructError) as error:
        raise OtlpError(f"not OTLP in protobuf: {error}") from error


def read_json(message: bytes, is_wanted: IsWanted) -> Iterator[ReceivedSpan]:
    """Yield the spans of a message in JSON; see `read_protobuf`.

    Raises:
        OtlpError: The message is damaged.
    """
    try:
        for resource_spans in parse_json(message).get("resourceSpans") or ():
            attributes = _json_attributes((resource_spans.get("resource") or {}).get("attributes"))
            service = str(attributes.get(SERVICE_NAME) or UNKNOWN_SERVICE)
            for scope_spans in resource_spans.get("scopeSpans") or ():
                for span in scope_spans.get("spans") or ():
                    trace = bytes.fromhex(span["traceId"])
                    if is_wanted(trace):
                        yield _read_json_span(span, trace, service)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OtlpError(f"not OTLP in JSON: {type(error).__name__}: {error}") from error


def _read_json_span(span: Mapping[str, Any], trace: bytes, service: str) -> ReceivedSpan:
    kind = span.get("kind", 0)
    number = _KIND_NAMES.get(kind, 0) if isinstance(kind, str) else int(kind)
    return ReceivedSpan(
        trace=trace,
        id=bytes.fromhex(span["spanId"]),
        parent=bytes.fromhex(span.get("parentSpanId") or ""),
        kind=number,
        start_ns=int(span.get("startTimeUnixNano", 0)),
        end_ns=int(span.get("endTimeUnixNano", 0)),
        service=service,
        attributes=_json_attributes(span.get("attributes")) if number == CLIENT_KIND else {},
    )


def _json_attributes(pairs: Any) -> dict[str, Any]:
    attributes = {}
    for pair in pairs or ():
        value = pair.get("value") or {}
        number = value.get("intValue")
        attributes[pair["key"]] = value.get("stringValue") if number is None else int(number)
    return attributes


def _read_resource(resource_spans: Any, is_wanted: IsWanted) -> Iterator[ReceivedSpan]:
    service = UNKNOWN_SERVICE
    scopes: list[Any] = []
    for number, value in _fields(resource_spans):
        if number == 1:
            service = _read_service(value)
        elif number == 2:  # noqa: PLR2004 - the field scope_spans
            scopes.append(value)
    for scope_spans in scopes:
        for number, span in _fields(scope_spans):
            if number == 2:  # noqa: PLR2004 - the field spans
                received = _read_span(span, service, is_wanted)
                if received is not None:
                    yield received


def _read_service(resource: Any) -> str:
    for number, pair in _fields(resource):
        if number == 1:
            key, value = _read_pair(pair)
            if key == SERVICE_NAME and value:
                return str(value)
    return UNKNOWN_SERVICE


def _read_span(span: Any, service: str, is_wanted: IsWanted) -> ReceivedSpan | None:
    values: dict[int, Any] = {}
    pairs: list[Any] = []
    for number, value in _fields(span):
        if number == 1 and not is_wanted(bytes(value)):
            return None
        if number == 9:  # noqa: PLR2004 - the field attributes
            pairs.append(value)
        else:
            values[number] = value
    if 1 not in values or len(values.get(2, b"")) != _ID_BYTES:
        raise OtlpError("a span has no id")
    return ReceivedSpan(
        trace=bytes(values[1]),
        id=bytes(values[2]),
        parent=bytes(values.get(4, b"")),
        kind=values.get(6, 0),
        start_ns=values.get(7, 0),
        end_ns=values.get(8, 0),
        service=service,
        attributes=dict(map(_read_pair, pairs)) if values.get(6) == CLIENT_KIND else {},
    )


def _read_pair(pair: Any) -> tuple[str, Any]:
    """Return name and value of an attribute; a value that is neither a text nor a whole number is `None`."""
    name = ""
    content: Any = None
    for number, value in _fields(pair):
        if number == 1:
            name = bytes(value).decode(errors="replace")
        elif number == 2:  # noqa: PLR2004 - the field value
            for kind, inner in _fields(value):
                if kind == 1:
                    content = bytes(inner).decode(errors="replace")
                elif kind == 3:  # noqa: PLR2004 - the field int_value
                    content = inner
    return name, content


def _fields(message: Any) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field: an integer, or a view of bytes."""
    view = memoryview(message)
    at = 0
    end = len(view)
    while at < end:
        tag, at = _varint(view, at)
        wire_type = tag & 7
        if wire_type == _BYTES:
            length, at = _varint(view, at)
            if length > end - at:
                raise OtlpError("the message is cut off")
            yield tag >> 3, view[at : at + length]
            at += length
        elif wire_type == _VARINT:
            value, at = _varint(view, at)
            yield tag >> 3, value
        elif wire_type == _SIXTY_FOUR_BITS:
            yield tag >> 3, _FIXED_64.unpack(view[at : at + _FIXED_64.size])[0]
            at += _FIXED_64.size
        elif wire_type == _THIRTY_TWO_BITS:
            at += _FIXED_32_BYTES
        else:
            raise OtlpError(f"wire type {wire_type} does not exist")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it."""
    value = view[at]
    at += 1
    if value < 0x80:  # noqa: PLR2004 - most numbers have one byte
        return value, at
    value &= 0x7F
    for shift in range(7, _LONGEST_VARINT_BITS + 7, 7):
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
            return value, at
    raise OtlpError("a number is too long")
