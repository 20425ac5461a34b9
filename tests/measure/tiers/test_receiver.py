import gzip
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from bench.core.config.stack_tiers import OTLP_PORT, OtlpReceiver
from bench.core.tiers.request_trace import RequestTrace
from bench.core.tiers.trace_ids import BENCH_SPAN, RequestKey, trace_id
from bench.errors import ConfigError
from bench.measure.tiers.receiver import JSON, PROTOBUF, TraceReceiver, open_receiver
from tests.core.tiers.otlp_messages import as_json, message

REQUEST = RequestKey(phase=0, vu=1, iteration=2, arm=0)
SECOND_NS = 1_000_000_000
COMPRESSIONS: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


@pytest.fixture
def receiver() -> Iterator[TraceReceiver]:
    """A receiver on a free port, before a load."""
    with open_receiver(OtlpReceiver(), "run") as opened:
        yield opened


def spans(prefix: bytes) -> list[Mapping[str, Any]]:
    """The span of a backend and of its call of a model."""
    trace = trace_id(prefix, REQUEST)
    own = {"trace_id": trace, "span_id": b"a" * 8, "parent_span_id": BENCH_SPAN, "kind": 2}
    call = {"trace_id": trace, "span_id": b"b" * 8, "parent_span_id": b"a" * 8, "kind": 3}
    return [
        own | {"start_time_unix_nano": 10 * SECOND_NS, "end_time_unix_nano": 11 * SECOND_NS},
        call
        | {
            "start_time_unix_nano": int(10.1 * SECOND_NS),
            "end_time_unix_nano": int(10.9 * SECOND_NS),
            "attributes": {"url.full": "http://127.0.0.1:11434/v1/chat/completions"},
        },
    ]


def post(receiver: TraceReceiver, content: bytes, **headers: str) -> httpx.Response:
    """Send a message as an exporter does."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{receiver.url}/v1/traces", content=content, headers=named)


def expect_trace(receiver: TraceReceiver) -> None:
    """The request has its tiers and one call of a model."""
    assert receiver.count_complete() == 1
    trace: RequestTrace = receiver.finish()[REQUEST]
    assert trace.tier_times == pytest.approx({"backend": 200.0, "model": 800.0})
    assert trace.calls == {"model_calls": 1}


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_spans_are_received_in_each_format(receiver: TraceReceiver, content_type: str, encoding: str) -> None:
    """Protobuf and JSON are received with and without compression, and answered in their own format."""
    prefix = receiver.begin({"model": "http://localhost:11434"})
    sent = message("backend", spans(prefix))
    content = sent.SerializeToString() if content_type == PROTOBUF else as_json(sent)
    answer = post(
        receiver, COMPRESSIONS[encoding](content), content_type=content_type, content_encoding=encoding
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert answer.content == (b"" if content_type == PROTOBUF else b"{}")
    expect_trace(receiver)


def test_a_new_load_forgets_the_spans_before_it(receiver: TraceReceiver) -> None:
    """Spans of an earlier load of the same stack do not count for the next one."""
    before = receiver.begin({})
    assert receiver.begin({}) != before
    post(receiver, message("backend", spans(before)).SerializeToString(), content_type=PROTOBUF)
    assert receiver.finish() == {}


@pytest.mark.parametrize("path", ["metrics", "logs"])
def test_metrics_and_logs_are_accepted(receiver: TraceReceiver, path: str) -> None:
    """An exporter whose metrics are refused would send them again and again."""
    answer = httpx.post(f"{receiver.url}/v1/{path}", content=b"x", headers={"content-type": PROTOBUF})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content", "content_type", "encoding", "words"),
    [
        (b"\xff", PROTOBUF, "identity", "400 not OTLP in protobuf"),
        (b"{", JSON, "identity", "400 not OTLP in JSON"),
        (b"no gzip", JSON, "gzip", "400 the compression is damaged"),
        (gzip.compress(b"{}", mtime=0)[:-9], JSON, "gzip", "400 the message is too long or cut off"),
        (b"{}", JSON, "br", "400 the compression br is not supported"),
        (b"{}", "text/plain", "identity", "415 the format text/plain is not OTLP"),
    ],
)
def test_a_damaged_message_is_refused(
    receiver: TraceReceiver, content: bytes, content_type: str, encoding: str, words: str
) -> None:
    """A message that cannot be read is refused with its reason, and the receiver goes on."""
    answer = post(receiver, content, content_type=content_type, content_encoding=encoding)
    assert f"{answer.status_code} {answer.text}".startswith(words)
    assert [*receiver.refused.values()] == [1]
    prefix = receiver.begin({"model": "http://127.0.0.1:11434"})
    post(receiver, as_json(message("backend", spans(prefix))), content_type=JSON)
    expect_trace(receiver)


def test_a_message_that_grows_too_large_is_refused(
    receiver: TraceReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small compressed message cannot fill the memory."""
    monkeypatch.setattr("bench.measure.tiers.receiver._MOST_BYTES", 1000)
    bomb = gzip.compress(b" " * 100_000)
    assert post(receiver, bomb, content_type=JSON, content_encoding="gzip").status_code == 400
    assert post(receiver, b" " * 2000, content_type=JSON).status_code == 400


def test_a_port_in_use_is_an_error() -> None:
    """The error names the address and the cure."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        opening = open_receiver(OtlpReceiver(port=port), "run")
        with pytest.raises(ConfigError, match=f"cannot receive spans at 127.0.0.1:{port}") as caught:
            opening.__enter__()
    assert caught.value.hint is not None
    assert "--otlp" in caught.value.hint


def test_services_may_see_another_address() -> None:
    """A container reaches this machine by another name."""
    with open_receiver(OtlpReceiver(url="http://host.docker.internal:4318"), "run") as opened:
        assert opened.url == "http://host.docker.internal:4318"
    assert OTLP_PORT == 4318
