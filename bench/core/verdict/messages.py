"""Judge each message, and each class of messages, of a metric.

A slowdown of one kind of message changes the typical value of all messages only little. Each message and each
class therefore has a test of its own, with a wide margin. With many messages, one of them may look worse by
chance. Holm's procedure (Holm, 1979, "A simple sequentially rejective multiple test procedure") keeps the
rate of all tests of a metric together: the smallest of k p values is tested at alpha / k, the next one at
alpha / (k - 1), until one is not significant. All others are tested at the level of that one.

The spread of one message between few runs says little. It is shrunk towards the mean spread of all messages
of the metric, and never below itself (Smyth, 2004, "Linear models and empirical Bayes methods for assessing
differential expression", for many tests of few values).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.core.values import stats
from bench.core.verdict.change import ChangeEstimate, Margin, judge_change
from bench.core.verdict.message_comparison import MessageComparison, MessageKind


@dataclass(frozen=True, slots=True)
class MessageGroup:
    """One message, or one class of messages, of a metric."""

    name: str
    """Id of the message, or name of the class."""
    kind: MessageKind
    estimate: ChangeEstimate
    """Its change."""
    margin: Margin
    """Its tolerated change."""
    messages: int = 1
    """Number of messages."""
    requests_ratio: float | None = None
    """Share of the requests."""


def group_messages(
    messages: Sequence[str], kind: MessageKind, classes: Mapping[str, str]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which messages each group has, by the group's name; empty with fewer than two groups.

    A single group is the metric itself, and a message without a class is in none.
    """
    names = np.array(messages)
    if kind is MessageKind.CLASS:
        names = np.array([classes.get(message, "") for message in messages])
    groups = {str(name): names == name for name in sorted(set(names.tolist())) if name}
    return groups if len(groups) > 1 else {}


def judge_groups(groups: Sequence[MessageGroup], alpha: float) -> list[MessageComparison]:
    """Judge the messages, or the classes, of one metric together, in their order.

    Args:
        groups: The messages or the classes.
        alpha: False-alarm rate of all of them together.
    """
    p_values = {group.name: group.estimate.p_worse for group in groups}
    adjusted = stats.holm(p_values)
    levels = _holm_levels(p_values, alpha)
    return [_judge(group, levels[group.name], adjusted[group.name]) for group in groups]


def _judge(group: MessageGroup, level: float, adjusted: float) -> MessageComparison:
    judged = judge_change(group.estimate, level, group.margin)
    return MessageComparison(
        key=group.estimate.key,
        name=group.name,
        kind=group.kind,
        verdict=judged.verdict,
        base=group.estimate.base,
        head=group.estimate.head,
        change_ratio=judged.change_ratio,
        low_ratio=judged.low_ratio,
        high_ratio=judged.high_ratio,
        confidence=judged.confidence,
        p_value=adjusted,
        margin_ratio=judged.margin_ratio,
        messages=group.messages,
        requests_ratio=group.requests_ratio,
    )


def _holm_levels(p_values: Mapping[str, float], alpha: float) -> dict[str, float]:
    """Return the level at which Holm's procedure tests each p value."""
    levels: dict[str, float] = {}
    level = 0.0
    ends = False
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    for rank, name in enumerate(ordered):
        if not ends:
            level = alpha / (len(ordered) - rank)
        levels[name] = level
        ends = ends or p_values[name] >= level
    return levels
