"""One message, or one class of messages, compared with the base."""

from enum import StrEnum
from typing import NamedTuple

from bench.core.values.record import Record
from bench.core.verdict.verdict import MetricComparison, Verdict


class MessageKind(StrEnum):
    """What a row of messages covers."""

    MESSAGE = "message"
    """One message."""
    CLASS = "class"
    """All messages of a class, such as `long`."""


class MessageComparison(Record):
    """One message, or one class of messages, compared with the base in one metric and its unit."""

    key: str
    """Key of the metric."""
    name: str
    """Id of the message, or name of the class."""
    kind: MessageKind
    """Whether it is a message or a class."""
    verdict: Verdict
    """The result of the comparison."""
    base: float | None = None
    """Typical value of the base."""
    head: float | None = None
    """Typical value of the head."""
    change_ratio: float | None = None
    """The change as a share of the base, without the effect of the machine."""
    low_ratio: float | None = None
    """Lower end of the interval of the change."""
    high_ratio: float | None = None
    """Upper end of the interval."""
    confidence: float | None = None
    """Confidence of the interval."""
    p_value: float | None = None
    """P value of a change for the worse, adjusted by Holm's procedure."""
    margin_ratio: float | None = None
    """The tolerated change, as a share of the base."""
    messages: int = 1
    """Number of messages that the row covers."""
    requests_ratio: float | None = None
    """Their share of all requests."""
    settled: bool = True
    """More pairs of runs would not change the verdict; always true against a baseline."""


class JudgedRows(NamedTuple):
    """The rows of a comparison."""

    metrics: tuple[MetricComparison, ...]
    messages: tuple[MessageComparison, ...]
