"""Tier times of one request, from its spans.

Each moment of a request belongs to the innermost spans that are active then, so a tier's time excludes the
calls that it waits for. Tiers that work at the same time each get this time. A call belongs to the service
that answers it, also the part that this service does not report: the network, and the queue before it.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.core.tiers.span import TraceSpan

_MS_PER_NS = 1e-6
_MOST_PERIODS = 20
_DEEPEST = 200  # spans within spans; a deeper one, or a circle, ends here


class TierPeriod(NamedTuple):
    """A time in which a tier works."""

    tier: str
    """Name of the tier."""
    start_ms: float
    """Start, since the start of the trace."""
    length_ms: float
    """Length."""


class RequestTrace(NamedTuple):
    """The services' work for one request."""

    tier_times: Mapping[str, float]
    """Own time of each tier in milliseconds."""
    calls: Mapping[str, int]
    """Number of calls by counter."""
    length_ms: float = 0.0
    """Time from the start to the end of the request, on the services' clock."""
    periods: tuple[TierPeriod, ...] = ()
    """Times in which the tiers work, in the order of their start; empty if they are not kept."""


class _Period(NamedTuple):
    start_ns: int
    end_ns: int


@dataclass(slots=True)
class _Node:
    """A span at its place in the trace."""

    span: TraceSpan
    parent: "_Node | None"
    tier: str
    start_ns: int
    end_ns: int
    active: int = 0
    """Number of active spans below it."""


def is_complete(spans: Sequence[TraceSpan], root: bytes) -> bool:
    """Return whether the first span of a request is among its spans."""
    return any(span.parent == root for span in spans)


def trace_request(spans: Sequence[TraceSpan], root: bytes) -> RequestTrace:
    """Return tier times and calls of a request.

    Args:
        spans: Its spans in any order. Spans may be missing or occur twice.
        root: Id of the span that bench sent as the parent of all.
    """
    nodes = _place(spans, root)
    calls = _count_calls(nodes)
    tops = [node for node in nodes if node.span.parent == root] or nodes
    if not tops:
        return RequestTrace({}, calls)
    begin_ns = min(node.start_ns for node in tops)
    end_ns = max(node.end_ns for node in tops)
    periods = _find_periods(nodes, begin_ns, end_ns)
    return RequestTrace(
        _sum_times(periods), calls, (end_ns - begin_ns) * _MS_PER_NS, _list_periods(periods, begin_ns)
    )


def _place(spans: Sequence[TraceSpan], root: bytes) -> list[_Node]:
    """Return all spans with their parents first, on the clock of the first span.

    A span whose parent is missing is placed below the first span.
    """
    by_id = {span.id: span for span in spans}
    children: dict[bytes, list[TraceSpan]] = {}
    waiting: deque[tuple[TraceSpan, _Node | None]] = deque()
    orphans: deque[TraceSpan] = deque()
    for span in by_id.values():
        if span.parent == root:
            waiting.append((span, None))
        elif span.parent in by_id:
            children.setdefault(span.parent, []).append(span)
        else:
            orphans.append(span)
    nodes: list[_Node] = []
    while waiting or orphans:
        span, parent = waiting.popleft() if waiting else (orphans.popleft(), nodes[0] if nodes else None)
        nodes.append(_make_node(span, parent, children.get(span.id, ())))
        for child in children.pop(span.id, ()):
            waiting.append((child, nodes[-1]))
    return nodes


def _make_node(span: TraceSpan, parent: _Node | None, children: Sequence[TraceSpan]) -> _Node:
    is_orphan = parent is not None and span.parent != parent.span.id
    start_ns = span.start_ns + (0 if is_orphan else _clock_offset(span, parent))
    end_ns = start_ns + max(0, span.end_ns - span.start_ns)
    return _Node(span, parent, _tier(span, children), start_ns, end_ns)


def _tier(span: TraceSpan, children: Sequence[TraceSpan]) -> str:
    """Return the tier of a span: for a call, that of the service that answered it."""
    if not span.is_client:
        return span.service
    for child in children:
        if child.is_client and child.peer is not None:
            return span.service  # an SDK around the call itself
        if child.service != span.service:
            return child.service
    return span.peer or span.service


def _clock_offset(span: TraceSpan, parent: _Node | None) -> int:
    """Return how far the clock of a span's machine is behind that of the trace.

    A request cannot arrive before it is sent, or after the call has ended, so such a span of another service
    is moved into the middle of its parent. A service may end later than the call: the answer is a stream. A
    message of a queue may be read at any time after it was sent.
    """
    if parent is None:
        return 0
    offset_ns = parent.start_ns - parent.span.start_ns
    if span.service == parent.span.service:
        return offset_ns
    for possible_ns in (offset_ns, 0):
        start_ns = span.start_ns + possible_ns
        if parent.start_ns <= start_ns and (start_ns <= parent.end_ns or not parent.span.is_client):
            return possible_ns
    spare_ns = (parent.end_ns - parent.start_ns) - (span.end_ns - span.start_ns)
    return parent.start_ns + max(0, spare_ns // 2) - span.start_ns


def _ancestors(node: _Node) -> list[_Node]:
    ancestors: list[_Node] = []
    parent = node.parent
    while parent is not None and len(ancestors) < _DEEPEST:
        ancestors.append(parent)
        parent = parent.parent
    return ancestors


def _count_calls(nodes: Sequence[_Node]) -> dict[str, int]:
    """Count the innermost calls: an SDK around a call, or a proxy that passes it on, adds no call."""
    calls: dict[str, int] = {}
    counted: set[tuple[int, str]] = set()
    for node in reversed(nodes):  # children first
        call = node.span.call
        if call is None or (id(node), call) in counted:
            continue
        calls[call] = calls.get(call, 0) + 1
        counted.update((id(ancestor), call) for ancestor in _ancestors(node))
    return calls


def _find_periods(nodes: Sequence[_Node], begin_ns: int, end_ns: int) -> dict[str, list[_Period]]:
    """Return the periods in which each tier has an innermost active span, within the time of the request."""
    changes: list[tuple[int, int, _Node]] = []
    for node in nodes:
        start_ns = max(begin_ns, node.start_ns)
        stop_ns = min(end_ns, node.end_ns)
        if start_ns < stop_ns:
            changes += [(start_ns, 1, node), (stop_ns, -1, node)]
    changes.sort(key=lambda change: change[0])
    periods: dict[str, list[_Period]] = {node.tier: [] for node in nodes}
    active: dict[int, _Node] = {}
    now_ns = begin_ns
    for at_ns, step, node in changes:
        for tier in _innermost_tiers(active) if at_ns > now_ns else ():
            _extend(periods[tier], now_ns, at_ns)
        now_ns = at_ns
        _switch(active, node, step)
    return periods


def _extend(periods: list[_Period], start_ns: int, end_ns: int) -> None:
    """Add a period, which may continue the last one."""
    if periods and periods[-1].end_ns == start_ns:
        start_ns = periods.pop().start_ns
    periods.append(_Period(start_ns, end_ns))


def _sum_times(periods: Mapping[str, Sequence[_Period]]) -> dict[str, float]:
    tier_times: dict[str, float] = {}
    for tier, of_tier in periods.items():
        tier_times[tier] = _MS_PER_NS * sum(period.end_ns - period.start_ns for period in of_tier)
    return tier_times


def _list_periods(periods: Mapping[str, Sequence[_Period]], begin_ns: int) -> tuple[TierPeriod, ...]:
    """Return the longest periods in the order of their start."""
    ordered: list[TierPeriod] = []
    for tier, of_tier in periods.items():
        for start_ns, end_ns in of_tier:
            start_ms = (start_ns - begin_ns) * _MS_PER_NS
            ordered.append(TierPeriod(tier, start_ms, (end_ns - start_ns) * _MS_PER_NS))
    ordered.sort(key=lambda period: -period.length_ms)
    return tuple(sorted(ordered[:_MOST_PERIODS], key=lambda period: period.start_ms))


def _switch(active: dict[int, _Node], node: _Node, step: int) -> None:
    if step > 0:
        active[id(node)] = node
    else:
        del active[id(node)]
    for ancestor in _ancestors(node):
        ancestor.active += step


def _innermost_tiers(active: Mapping[int, _Node]) -> set[str]:
    return {node.tier for node in active.values() if not node.active}
