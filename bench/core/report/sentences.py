"""A sentence about each kind of change: the metric or the messages, the size, the values and the tiers.

A sentence takes every number from one compared row, so it cannot contradict the row's interval and verdict.
Text from outside, such as the name of a message, is escaped by the formats.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bench.core.report.load_change import (
    describe_load_change,
    load_change_text,
    load_detectable,
    load_interval_text,
    load_size,
    load_values,
)
from bench.core.report.words import PROVEN, is_duration
from bench.core.samples.cost_metrics import SAFE_LOADS, cost_service, growth_key, memory_key
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, tier_name
from bench.core.values import wording
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison, Verdict

MAIN_TIER_SHARE = 0.20
"""A tier explains a slower response with at least this share of the growth of all tiers."""
_TIMES_AS_MUCH = 1.0  # from a change of 100 % on, "2.0 times as slow" is easier to read than "100 % slower"
_ROUNDING = 1e-9
"""A smaller share of the base is a rounding error of a change to nothing."""
_MOST_NAMES = 3
"""Messages that a sentence names; it counts the others."""
_CHANGED = frozenset({Verdict.WORSE, Verdict.WITHIN_TOLERANCE})


class ComparedRow(Protocol):
    """A compared metric or message."""

    @property
    def key(self) -> str:
        """Key of the metric."""
        ...

    @property
    def verdict(self) -> Verdict:
        """The result of the comparison."""
        ...

    @property
    def base(self) -> float | None:
        """Typical value of the base."""
        ...

    @property
    def head(self) -> float | None:
        """Typical value of the head, as measured."""
        ...

    @property
    def change_ratio(self) -> float | None:
        """The change as a share of the base, without the effect of the machine."""
        ...


def compared_head(row: ComparedRow) -> float | None:
    """Return the value of the head without the machine's effect, which is the base plus the change."""
    if row.base is None or row.change_ratio is None:
        return row.head
    head = row.base * (1.0 + row.change_ratio)
    return 0.0 if abs(head) < _ROUNDING * abs(row.base) else head


def values_text(row: ComparedRow) -> str:
    """Return the values of both sides: `609 → 731 ms`. They look different if the change is proven."""
    if isinstance(row, MetricComparison) and row.key in SAFE_LOADS:
        return load_values(row)
    is_bound = isinstance(row, MetricComparison) and row.head_bound
    unit = metric(row.key).unit
    exact = row.verdict in PROVEN
    return wording.pair(row.base, compared_head(row), unit, lower_bound=is_bound, exact=exact)


def change_text(row: ComparedRow) -> str:
    """Return the change with its sign: `+21 %`, or `-2 users` of a safe load."""
    if isinstance(row, MetricComparison) and row.key in SAFE_LOADS:
        return load_change_text(row)
    return wording.change(row.change_ratio, exact=row.verdict in PROVEN)


def interval_text(row: MetricComparison | MessageComparison) -> str:
    """Return the interval of the change: `+17 to +23 %`, or `-4 to -1` of a safe load."""
    if isinstance(row, MetricComparison) and row.key in SAFE_LOADS:
        return load_interval_text(row)
    if row.low_ratio is None or row.high_ratio is None:
        return wording.DASH
    return wording.change_interval(row.low_ratio, row.high_ratio, exact=row.verdict in PROVEN)


def detectable_text(row: MetricComparison) -> str:
    """Return the smallest detectable change: `6.0 %`, or `3 users` of a safe load."""
    if row.key in SAFE_LOADS:
        return load_detectable(row)
    return wording.DASH if row.detectable_ratio is None else wording.magnitude(row.detectable_ratio)


def size_text(row: ComparedRow) -> str:
    """Return the size of a change with its direction: `21 % slower`, `3.1 times as slow`, `12 % lower`.

    A row without a ratio has the direction only.
    """
    if isinstance(row, MetricComparison) and row.key in SAFE_LOADS:
        return load_size(row)
    more, less = _directions(row.key)
    ratio = row.change_ratio
    if ratio is None:
        head = compared_head(row)
        return more if head is None or row.base is None or head >= row.base else less
    if ratio == 0.0:
        return "unchanged"
    if ratio >= _TIMES_AS_MUCH:
        return f"{wording.factor(1.0 + ratio)} times as {_ADJECTIVES.get(more, more)}"
    return f"{wording.magnitude(ratio)} {more if ratio > 0 else less}"


_ADJECTIVES = {"slower": "slow", "higher": "high", "more": "much"}


def _directions(key: str) -> tuple[str, str]:
    """Return the words for a larger and for a smaller value of a metric."""
    if is_duration(key):
        return "slower", "faster"
    return ("more", "less") if cost_service(key) is not None else ("higher", "lower")


def describe_metric(row: MetricComparison, tiers: Sequence[MetricComparison] = ()) -> str:
    """Return a sentence about the change of a metric, without a full stop.

    Args:
        row: The compared metric.
        tiers: The tiers that explain the change.
    """
    if row.key in SAFE_LOADS:
        return describe_load_change(row)
    if row.key == SUCCESS:
        change = f"{row.head_text}, compared with {row.base_text}"
        fewer = row.head is not None and row.base is not None and row.head < row.base
        return f"{'Fewer' if fewer else 'More'} requests succeeded: {change}"
    service = cost_service(row.key)
    tier = tier_name(row.key)
    name = wording.shorten(service or tier or "")
    if service is not None and row.key == growth_key(service):
        return f"The memory of `{name}` grows {size_text(row)} per 1,000 requests ({_values(row)})"
    if service is not None:
        what = "memory" if row.key == memory_key(service) else "processor time per request"
        return f"`{name}` needs {size_text(row)} {what} ({_values(row)})"
    if row.key == RESPONSE_TIME:
        subject = "Responses are"
    elif tier is not None:
        subject = f"The tier `{name}` is"
    else:
        label = metric(row.key).label
        verb = "are" if label.partition(" per ")[0].endswith("s") else "is"
        subject = f"{_capitalize(label)} {verb}"
    return f"{subject} {size_text(row)} ({_values(row)}){name_tiers(tiers)}"


def _values(row: MetricComparison) -> str:
    machine = ""
    if row.machine_ratio is not None and row.change_ratio is not None:
        machine = f", without the machine's {wording.change(row.machine_ratio)}"
    return f"{values_text(row)}{machine}"


def name_tiers(tiers: Sequence[MetricComparison]) -> str:
    """Return the end of a sentence that names tiers: `, in `prefill``; empty without tiers."""
    names = [f"`{wording.shorten(tier_name(row.key) or row.key)}`" for row in tiers]
    return f", in {wording.listing(names)}" if names else ""


def explaining_tiers(metrics: Sequence[MetricComparison]) -> tuple[MetricComparison, ...]:
    """Return the tiers that explain a slower response, the largest growth first.

    The test of each shows a change for the worse, and each has at least a fifth of the growth of all tiers.
    The growth includes unattributed time, which is never named: no tier claims it.
    """
    growths: dict[str, float] = {}
    for row in metrics:
        if tier_name(row.key) is not None and row.change is not None and row.change > 0:
            growths[row.key] = row.change
    smallest = MAIN_TIER_SHARE * sum(growths.values())
    tiers: list[MetricComparison] = []
    for row in metrics:
        grew = growths.get(row.key, 0.0) >= smallest and row.key in growths
        if grew and row.part is Part.LOCATES and row.verdict in _CHANGED:
            tiers.append(row)
    return tuple(sorted(tiers, key=lambda row: -growths[row.key]))


def describe_messages(
    rows: Sequence[MessageComparison], total: int, tiers: Sequence[MetricComparison]
) -> str:
    """Return a sentence about classes or messages that changed, without a full stop.

    Args:
        rows: Classes, or messages, of one metric; the largest change first.
        total: Number of messages of the scenario.
        tiers: The tiers that explain the change.
    """
    first, *others = rows
    of_metric = "" if first.key == RESPONSE_TIME else f" in {metric(first.key).label}"
    if first.kind is MessageKind.CLASS:
        share = f", {first.messages} of {wording.counted(total, 'message')}" if total else ""
        sentence = (
            f"{_class_text(first.name)} are {size_text(first)}{of_metric} ({values_text(first)}{share})"
        )
        for row in others[: _MOST_NAMES - 1]:
            name = _class_text(row.name)
            sentence += f", and {name[0].lower()}{name[1:]} are {size_text(row)} ({values_text(row)})"
        rest = len(rows) - _MOST_NAMES
        sentence += f", and {wording.counted(rest, 'more class')}" if rest == 1 else ""
        sentence += f", and {rest} more classes" if rest > 1 else ""
    elif not others:
        name = wording.shorten(first.name)
        sentence = f"One message is {size_text(first)}{of_metric}: {name} ({values_text(first)})"
    else:
        named = []
        for row in rows[:_MOST_NAMES]:
            named.append(f"{wording.shorten(row.name)} is {size_text(row)} ({values_text(row)})")
        rest = len(rows) - len(named)
        names = wording.listing([*named, f"{rest} more"] if rest else named)
        more, less = _directions(first.key)
        direction = more if (first.change_ratio or 0.0) > 0 else less
        sentence = f"{len(rows)} messages are {direction}{of_metric}: {names}"
    return f"{sentence}{name_tiers(tiers)}"


def _class_text(name: str) -> str:
    """Return the subject for a class of messages: `Long messages`, or `Messages of class forms`."""
    if name in {"short", "long"}:
        return f"{name.capitalize()} messages"
    return "Refusals" if name == "refusal" else f"Messages of class {wording.shorten(name)}"


def describe_all_messages(row: MetricComparison, tiers: Sequence[MetricComparison]) -> str:
    """Return a sentence about a change that all messages have, without a full stop."""
    return f"All messages are {size_text(row)} ({_values(row)}){name_tiers(tiers)}"


def describe_tolerated(sentence: str, margin_ratio: float | None) -> str:
    """Return a sentence about a change for the worse that is within the tolerance, without a full stop."""
    if margin_ratio is None:
        return f"{sentence}, within the tolerance"
    return f"{sentence}; {wording.magnitude(margin_ratio)} is tolerated"


def describe_drift(rows: Sequence[MetricComparison], pinned_at: datetime | None) -> str:
    """Return a sentence about drift since the pinned baseline, without a full stop."""
    changes = []
    for row in rows:
        changes.append(f"{metric(row.key).label} is {size_text(row)} ({_values(row)})")
    day = "" if pinned_at is None else f" of {pinned_at:%Y-%m-%d}"
    return f"Drift since the pinned baseline{day}: {wording.listing(changes)}"


def _capitalize(label: str) -> str:
    """Capitalize a label, except names such as `p95 response time`."""
    return label if label[1:2].isdigit() else label.capitalize()
