"""Collects the spans of a run's requests. Finished requests are reduced to their tier times at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from bench.core.tiers.otlp import CLIENT_KIND, ReceivedSpan
from bench.core.tiers.request_trace import RequestTrace, is_complete, trace_request
from bench.core.tiers.span import Peers, TraceSpan, call_of, peer_of, tier_of
from bench.core.tiers.trace_ids import BENCH_SPAN, RequestKey, request_of
from bench.core.values import wording
from bench.core.values.limited_names import MOST_TIERS, LimitedNames

_MOST_SPANS = 300_000  # of requests that are not reduced; a span has about 400 bytes
_MOST_SPANS_PER_REQUEST = 5_000
_MOST_PERIODS = 1_000  # requests whose periods are kept: a page shows as many
_QUIET_S = 15.0  # a request without a new span for this time is complete


@dataclass(slots=True)
class _OpenTrace:
    """The spans of one request until now."""

    newest_s: float
    spans: list[TraceSpan] = field(default_factory=list)


class TraceLog:
    """Collects the spans of one run.

    Args:
        prefix: The beginning of the trace ids of the run.
        peers: Services of the stack by `host:port`.

    Attributes:
        received: Number of received spans of the run.
        newest_s: When the newest of them was received, on the caller's clock; `None` before it.
    """

    def __init__(self, prefix: bytes, peers: Peers) -> None:
        self.received = 0
        self.newest_s: float | None = None
        self._prefix = prefix
        self._peers = peers
        self._open: dict[RequestKey, _OpenTrace] = {}
        self._open_spans = 0
        self._reduced: dict[RequestKey, RequestTrace] = {}
        self._longest: list[tuple[float, RequestKey]] = []
        self._tiers = LimitedNames(MOST_TIERS)
        self._lost = 0
        self._late = 0
        self._reduced_s = 0.0

    def is_wanted(self, trace: bytes) -> bool:
        """Return whether a trace belongs to the run."""
        return request_of(trace, self._prefix) is not None

    def add(self, spans: Iterable[ReceivedSpan], now_s: float) -> None:
        """Add spans that were received now."""
        for span in spans:
            request = request_of(span.trace, self._prefix)
            if request is not None:
                self.received += 1
                self.newest_s = now_s
                self._add(request, self._convert(span), now_s)
        if now_s - self._reduced_s > _QUIET_S / 2:
            self._reduced_s = now_s
            self._reduce_quiet(now_s - _QUIET_S)

    def count_complete(self) -> int:
        """Return the number of requests whose first span has arrived."""
        complete = sum(is_complete(trace.spans, BENCH_SPAN) for trace in self._open.values())
        return complete + len(self._reduced)

    def finish(self) -> Mapping[RequestKey, RequestTrace]:
        """Return tier times and calls of all requests with spans."""
        for request in [*self._open]:
            self._reduce(request)
        return self._reduced

    def warnings(self) -> list[str]:
        """Return one sentence for each kind of loss."""
        sentences = []
        if self._lost:
            spans = wording.counted(self._lost, "span")
            sentences.append(f"left out {spans}, since too many came: tier times are incomplete")
        if self._late:
            spans = wording.counted(self._late, "span")
            sentences.append(f"left out {spans} that arrived more than {_QUIET_S:g} s after the others")
        return sentences

    def _convert(self, span: ReceivedSpan) -> TraceSpan:
        is_client = span.kind == CLIENT_KIND
        return TraceSpan(
            id=span.id,
            parent=span.parent,
            service=self._tiers.keep(tier_of(span.service)),
            is_client=is_client,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            peer=self._peer(span) if is_client else None,
            call=call_of(span.attributes) if is_client else None,
        )

    def _peer(self, span: ReceivedSpan) -> str | None:
        peer = peer_of(span.attributes, self._peers)
        return None if peer is None else self._tiers.keep(peer)

    def _add(self, request: RequestKey, span: TraceSpan, now_s: float) -> None:
        if request in self._reduced:
            self._late += 1
            return
        trace = self._open.setdefault(request, _OpenTrace(now_s))
        trace.newest_s = now_s
        if self._open_spans >= _MOST_SPANS or len(trace.spans) >= _MOST_SPANS_PER_REQUEST:
            self._lost += 1
            return
        trace.spans.append(span)
        self._open_spans += 1

    def _reduce_quiet(self, before_s: float) -> None:
        quiet = []
        for request, trace in self._open.items():
            if trace.newest_s < before_s and is_complete(trace.spans, BENCH_SPAN):
                quiet.append(request)
        for request in quiet:
            self._reduce(request)

    def _reduce(self, request: RequestKey) -> None:
        trace = self._open.pop(request)
        self._open_spans -= len(trace.spans)
        reduced = trace_request(trace.spans, BENCH_SPAN)
        self._reduced[request] = reduced
        heappush(self._longest, (reduced.length_ms, request))
        if len(self._longest) > _MOST_PERIODS:
            _, shortest = heappop(self._longest)
            self._reduced[shortest] = self._reduced[shortest]._replace(periods=())
