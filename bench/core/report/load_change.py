"""A change of the safe load in words: in users or requests per second, and not in per cent."""

from bench.core.report.words import PROVEN
from bench.core.run.safe_load import ComparedLoad
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.values.load_text import (
    USERS,
    load_amount,
    load_change,
    load_interval,
    load_number,
    load_pair,
    load_unit,
)
from bench.core.verdict.verdict import MetricComparison


def describe_load_change(row: MetricComparison, breaks_at: str | None = None) -> str:
    """Return a sentence about a changed safe load, without a full stop.

    For example: `This change costs two users of capacity (17 → 15, 96 % -4 to -1), in `queue``.

    Args:
        row: The compared safe load.
        breaks_at: The tier at which it ends.
    """
    unit = metric(row.key).unit
    change = _change(row) or 0.0
    amount = load_amount(change, unit)
    values = f"({_details(row)})"
    if row.head_below:
        tried = _side(row.head or 0.0, unit)
        sentence = f"This change leaves no safe load: {tried} already break an objective {values}"
        if row.head == 1.0:
            sentence = f"This change leaves no safe load: {tried} already breaks an objective {values}"
    elif change > 0.0:
        number, _, name = amount.partition(" ")
        is_least = row.head_bound or (row.base_below and not _is_none(row.base, unit))
        least = "at least " if is_least else ""
        return f"This change carries {least}{number} more {name} {values}"
    else:
        least = "at least " if row.base_bound else ""
        sentence = f"This change costs {least}{amount} of capacity {values}"
    return sentence if breaks_at is None else f"{sentence}, in `{wording.shorten(breaks_at)}`"


def describe_same_load(row: MetricComparison, *, certainty: bool = False) -> str:
    """Return an unchanged safe load with its interval and the smallest detectable change.

    For example: `safe load 17 → 16 users (-4 to +2; detectable: 4 users)`.

    Args:
        row: The compared safe load.
        certainty: Write the confidence of the interval, too.
    """
    details = []
    interval = load_interval_text(row)
    if interval != wording.DASH:
        details.append(interval)
    if certainty and row.confidence is not None and details:
        details.append(f"{wording.confidence(row.confidence)} certain")
    if row.detectable_ratio is not None:
        details.append(f"detectable: {load_detectable(row)}")
    if row.base_bound and row.head_bound:
        details.append("no larger load was tried")
    more = f" ({'; '.join(details)})" if details else ""
    return f"{metric(row.key).label} {load_values(row)}{more}"


def describe_load_with_interval(safe: ComparedLoad) -> str:
    """Return a safe load: `17 users (15 to 19, 90 % certain)`, `at least 40 users`, `0 users`."""
    load, *interval = list_load_parts(safe)
    return f"{load} ({', '.join(interval)})" if interval else load


def list_load_parts(safe: ComparedLoad) -> tuple[str, ...]:
    """Return a safe load, the ends of its interval and its confidence; only a bound if an end is missing."""
    unit = metric(safe.key).unit
    interval = safe.interval
    number = load_number(safe.load, unit)
    if interval.low is None or interval.high is None:
        # Only the lower end is certain if nothing broke an objective.
        load = safe.load if interval.low is None else interval.low
        number = load_number(load, unit)
        bound = _bound(number, load, unit, at_least=interval.high is None, below=interval.low is None)
        return (f"{bound} {unit}",)
    ends = f"{load_number(interval.low, unit)} to {load_number(interval.high, unit)}"
    load_text = f"{number} {load_unit(safe.load, unit)}"
    return load_text, ends, f"{wording.confidence(interval.confidence)} certain"


def load_size(row: MetricComparison) -> str:
    """Return the size of a change with its direction: `two users lower`."""
    change = _change(row) or 0.0
    return f"{load_amount(change, metric(row.key).unit)} {'higher' if change > 0.0 else 'lower'}"


def load_values(row: MetricComparison) -> str:
    """Return the safe loads of both sides: `17 → 15 users`, `at least 40 → 30 users`."""
    unit = metric(row.key).unit
    return f"{_pair(row)} {unit}"


def load_change_text(row: MetricComparison) -> str:
    """Return the change with its sign: `-2 users`."""
    return load_change(_change(row), metric(row.key).unit)


def load_interval_text(row: MetricComparison) -> str:
    """Return the interval of the change: `-4 to -1`; a dash if a side is a bound."""
    if row.base is None or row.low_ratio is None or row.high_ratio is None or _is_bound(row):
        return wording.DASH
    low = max(-row.base, row.base * row.low_ratio)
    return load_interval(low, row.base * row.high_ratio, metric(row.key).unit, exact=row.verdict in PROVEN)


def load_detectable(row: MetricComparison) -> str:
    """Return the smallest loss that the comparison detects: `4 users`."""
    if row.base is None or row.detectable_ratio is None:
        return wording.DASH
    return load_change(row.detectable_ratio * row.base, metric(row.key).unit).removeprefix("+")


def _details(row: MetricComparison) -> str:
    """Return the values of both sides, and the interval of the change with its confidence."""
    interval = load_interval_text(row)
    if interval == wording.DASH or row.confidence is None:
        return f"{_pair(row)} {metric(row.key).unit}"
    return f"{_pair(row)}, {wording.confidence(row.confidence)} {interval}"


def _pair(row: MetricComparison) -> str:
    if row.base is None or row.head is None:
        return f"{wording.DASH} → {wording.DASH}"
    unit = metric(row.key).unit
    base, head = load_pair(row.base, row.head, unit, exact=row.verdict in PROVEN)
    old = _bound(base, row.base, unit, at_least=row.base_bound, below=row.base_below)
    return f"{old} → {_bound(head, row.head, unit, at_least=row.head_bound, below=row.head_below)}"


def _bound(text: str, load: float, unit: str, *, at_least: bool, below: bool) -> str:
    """Write a load that may be a bound. Fewer users than one are none."""
    if below:
        return "0" if _is_none(load, unit) else f"less than {text}"
    return f"at least {text}" if at_least else text


def _change(row: MetricComparison) -> float | None:
    """Return the change; a search whose smallest load is one user shows that the safe load is 0."""
    if row.base is None or row.head is None or row.change is None or not _is_bound(row):
        return row.change
    unit = metric(row.key).unit
    base = 0.0 if row.base_below and _is_none(row.base, unit) else row.base
    head = 0.0 if row.head_below and _is_none(row.head, unit) else row.head
    return head - base


def _is_none(load: float | None, unit: str) -> bool:
    """Return whether a safe load below this one is none."""
    return unit == USERS and load == 1.0


def _side(load: float, unit: str) -> str:
    return f"{load_number(load, unit)} {load_unit(load, unit)}"


def _is_bound(row: MetricComparison) -> bool:
    return row.base_bound or row.head_bound or row.base_below or row.head_below
