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
from bench.core.verdict.pairs import PAIR_PRIOR_SD, MessagePairs, PairedChange, estimate_groups
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
    names = np.array(pairs.messages)
    class_names = np.array([classes.get(message, "") for message in pairs.messages])
    by_class = _Kind(MessageKind.CLASS, CLASS_ALPHA, tolerances)
    by_message = _Kind(MessageKind.MESSAGE, MESSAGE_ALPHA, tolerances)
    return [
        *_judge_kind(pairs, class_names, by_class, scenarios),
        *_judge_kind(pairs, names, by_message, scenarios),
    ]


def _judge_kind(
    pairs: MessagePairs, group_of: npt.NDArray[np.str_], kind: _Kind, scenarios: int
) -> list[MessageComparison]:
    """Judge the groups of one kind.

    Args:
        pairs: The metric in pairs of runs.
        group_of: Name of the group of each message; empty if it has none.
        kind: The kind.
        scenarios: Number of scenarios that share the false-alarm rates.
    """
    names = [name for name in dict.fromkeys(group_of.tolist()) if name]
    if len(names) < 2:  # noqa: PLR2004 - a single group is the metric itself
        return []
    members = np.array([group_of == name for name in names])
    priors = PAIR_PRIOR_SD**2 + pairs.noise_of_requests(members)
    changes: dict[str, PairedChange] = {}
    groups: list[MessageGroup] = []
    shares = members @ pairs.weights / pairs.weights.sum()
    for name, change, share, of_group in zip(
        names, estimate_groups(pairs, members, priors), shares.tolist(), members, strict=True
    ):
        if change is not None:
            changes[name] = change
            margin = kind.margin(name)
            count = int(of_group.sum())
            groups.append(MessageGroup(name, kind.kind, change.estimate, margin, count, share))
    level = kind.alpha * share_of_look(len(pairs.base)) / scenarios
    rows = judge_groups(groups, level)
    return [_settle(row, changes[row.name], kind.margin(row.name)) for row in rows]


def _settle(row: MessageComparison, change: PairedChange, margin: Margin) -> MessageComparison:
    tolerated = log_margin(row.key, change.estimate.base, margin)
    settled = change.is_settled(row.verdict, tolerated, decides=False)
    return row.model_copy(update={"settled": settled})
