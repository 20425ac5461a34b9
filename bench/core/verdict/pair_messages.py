"""Judge each message, and each class of messages, in pairs of runs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.core.limits.tolerance import Tolerance
from bench.core.verdict.change import Margin, log_margin
from bench.core.verdict.margins import margin_of_group
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.messages import MessageGroup, judge_groups
from bench.core.verdict.pairs import (
    PAIR_PRIOR_SD,
    QUIET_SD,
    MessagePairs,
    PairedChange,
    estimate_distances,
)
from bench.core.verdict.stopping import share_of_look

MESSAGE_ALPHA = 0.005
"""False-alarm rate of all messages of a metric together, over all looks."""
CLASS_ALPHA = 0.005
"""The same of all classes."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind of groups is judged."""

    kind: MessageKind
    alpha: float
    tolerances: Mapping[str, Tolerance]

    def margin(self, name: str) -> Margin:
        """Return the margin of a group."""
        return margin_of_group(self.kind, name, self.tolerances)


def judge_messages_of_pairs(
    pairs: MessagePairs, classes: Mapping[str, str], tolerances: Mapping[str, Tolerance], scenarios: int
) -> list[MessageComparison]:
    """Judge the classes and the messages of a metric; a single class or message has no row of its own.

    Args:
        pairs: The metric in pairs of runs.
        classes: Class of each message.
        tolerances: Margins that differ from the default, by class and message.
        scenarios: Number of scenarios that share the false-alarm rates.
    """
    rows: list[MessageComparison] = []
    for kind in (
        _Kind(MessageKind.CLASS, CLASS_ALPHA, tolerances),
        _Kind(MessageKind.MESSAGE, MESSAGE_ALPHA, tolerances),
    ):
        rows += _judge_kind(pairs, _members(kind.kind, pairs, classes), kind, scenarios)
    return rows


def _members(
    kind: MessageKind, pairs: MessagePairs, classes: Mapping[str, str]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which messages each group has."""
    if kind is MessageKind.MESSAGE:
        names = np.array(pairs.messages)
    else:
        names = np.array([classes.get(message, "") for message in pairs.messages])
    return {str(name): names == name for name in sorted(set(names.tolist())) if name}


def _judge_kind(
    pairs: MessagePairs, members: Mapping[str, npt.NDArray[np.bool_]], kind: _Kind, scenarios: int
) -> list[MessageComparison]:
    if len(members) < 2:  # noqa: PLR2004 - a single group is the metric itself
        return []
    variances = pairs.message_variances()
    mean_variance = float(np.mean(variances))
    changes: dict[str, PairedChange] = {}
    groups: list[MessageGroup] = []
    for name, selected in members.items():
        shares = pairs.weights[selected] / pairs.weights[selected].sum()
        noise = mean_variance * float(shares @ shares)
        change = estimate_distances(pairs.select(selected), PAIR_PRIOR_SD**2 + noise, QUIET_SD**2 + noise)
        if change is None:
            continue
        changes[name] = change
        requests_ratio = float(pairs.weights[selected].sum() / pairs.weights.sum())
        count = int(selected.sum())
        groups.append(
            MessageGroup(name, kind.kind, change.estimate, kind.margin(name), count, requests_ratio)
        )
    if not groups:
        return []
    level = kind.alpha * share_of_look(len(pairs.base)) / scenarios
    rows = judge_groups(groups, level)
    return [_settle(row, changes[row.name], kind.margin(row.name)) for row in rows]


def _settle(row: MessageComparison, change: PairedChange, margin: Margin) -> MessageComparison:
    tolerated = log_margin(row.key, change.estimate.base, margin)
    settled = change.is_settled(row.verdict, tolerated, decides=False)
    return row.model_copy(update={"settled": settled})
