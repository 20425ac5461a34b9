from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.tiers.otlp import OtlpError, ReceivedSpan, read_json, read_protobuf
from tests.core.tiers.otlp_messages import as_json, message
from tests.laws import READING_LAW

TRACE = b"0123456789abcdef"
SPAN = {
    "trace_id": TRACE,
    "span_id": b"12345678",
    "parent_span_id": b"87654321",
    "name": "GET /",
    "kind": 3,
    "start_time_unix_nano": 1_800_000_000_123_456_789,
    "end_time_unix_nano": 1_800_000_001_000_000_000,
    "attributes": {"db.system": "sqlite", "server.port": 5432, "ratio": 0.5, "is": True},
    "flags": 257,
}


def wants_all(trace: bytes) -> bool:
    """Every trace is wanted."""
    return bool(trace)


def read_both(service: str | None, *spans: dict[str, Any]) -> list[ReceivedSpan]:
    """The spans of a message, which are the same in protobuf and in JSON."""
    sent = message(service, spans)
    received = [*read_protobuf(sent.SerializeToString(), wants_all)]
    assert [*read_json(as_json(sent), wants_all)] == received
    return received


def test_a_span_is_read_in_both_formats() -> None:
    """Ids, times, the service and attributes of texts and whole numbers are read."""
    (received,) = read_both("backend", SPAN)
    assert (received.trace, received.id, received.parent) == (TRACE, b"12345678", b"87654321")
    assert (received.kind, received.service) == (3, "backend")
    assert received.end_ns - received.start_ns == 876_543_211
    known = {name: value for name, value in received.attributes.items() if value is not None}
    assert {name: str(value) for name, value in known.items()} == {
        "db.system": "sqlite",
        "server.port": "5432",
    }


def test_missing_fields_have_no_value() -> None:
    """The first span of a trace has no parent, and a resource may have no name."""
    (received,) = read_both(None, {"trace_id": TRACE, "span_id": b"12345678", "end_time_unix_nano": 1})
    assert (received.parent, received.service, received.kind) == (b"", "unknown_service", 0)


def test_other_traces_are_skipped() -> None:
    """Only spans of wanted traces are read."""
    sent = message("a", [SPAN, SPAN | {"trace_id": b"x" * 16}])
    for read, content in ((read_protobuf, sent.SerializeToString()), (read_json, as_json(sent))):
        assert len([*read(content, lambda trace: trace == TRACE)]) == 1


def test_the_kind_may_be_a_name() -> None:
    """JSON may contain the name of the kind in place of its number."""
    content = as_json(message("a", [SPAN])).replace(b'"kind":3', b'"kind":"SPAN_KIND_CLIENT"')
    assert [span.kind for span in read_json(content, wants_all)] == [3]


def test_an_empty_message_has_no_spans() -> None:
    """A message without spans is valid."""
    assert [*read_protobuf(b"", wants_all)] == []
    assert [*read_json(b"{}", wants_all)] == []


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"resourceSpans": 5}', b'{"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}'],
)
def test_damaged_json_is_refused(content: bytes) -> None:
    """A body that is not OTLP in JSON is an error."""
    with pytest.raises(OtlpError, match="not OTLP in JSON"):
        [*read_json(content, wants_all)]


@READING_LAW
@given(st.integers(1, 200))
def test_a_cut_message_is_refused_or_shorter(length: int) -> None:
    """A message that is cut off raises no other error."""
    content = message("backend", [SPAN, SPAN]).SerializeToString()[:length]
    with suppress(OtlpError):
        assert len([*read_protobuf(content, wants_all)]) <= 2


@READING_LAW
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """No bytes raise another error than the one of a damaged message."""
    for read in (read_protobuf, read_json):
        with suppress(OtlpError):
            assert [*read(content, wants_all)] == []


numbers = st.integers(0, 2**63 - 1)


@READING_LAW
@given(st.binary(min_size=16, max_size=16), st.text(max_size=20), st.integers(-(2**63), 2**63 - 1), numbers)
def test_each_value_is_read_as_it_was_sent(trace: bytes, text: str, number: int, start_ns: int) -> None:
    """The values of a span of the official package are read unchanged."""
    span = SPAN | {
        "trace_id": trace,
        "start_time_unix_nano": start_ns,
        "attributes": {"t": text, "n": number},
    }
    sent = message("backend", [span]).SerializeToString()
    (received,) = read_protobuf(sent, lambda _: True)
    assert (received.trace, received.start_ns, received.attributes["t"]) == (trace, start_ns, text)
    assert received.attributes["n"] in {number, number + 2**64}
