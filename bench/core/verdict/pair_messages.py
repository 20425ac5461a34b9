"""Judge each message, and each class of messages, in pairs of runs."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bench.core.limits.tolerance import Tolerance
from bench.core.verdict.change import log_margin
from bench.core.verdict.margins import margin_of_group
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.messages import MessageGroup, group_messages, judge_groups
from bench.core.verdict.pairs import PAIR_PRIOR_SD, MessagePairs, estimate_groups
from bench.core.verdict.stopping import share_of_look

MESSAGE_ALPHA = 0.005
"""False-alarm rate of all messages of a metric together, over all looks."""
CLASS_ALPHA = 0.005
"""The same of all classes."""


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
    share = share_of_look(len(pairs.base)) / scenarios
    rows: list[MessageComparison] = []
    for kind, alpha in ((MessageKind.CLASS, CLASS_ALPHA), (MessageKind.MESSAGE, MESSAGE_ALPHA)):
        members = group_messages(pairs.messages, kind, classes)
        if members:
            rows += _judge_groups(pairs, members, kind, tolerances, alpha * share)
    return rows


def _judge_groups(
    pairs: MessagePairs,
    members_of: Mapping[str, npt.NDArray[np.bool_]],
    kind: MessageKind,
    tolerances: Mapping[str, Tolerance],
    alpha: float,
) -> list[MessageComparison]:
    """Judge the groups of one kind.

    Args:
        pairs: The metric in pairs of runs.
        members_of: Which messages each group has.
        kind: Whether the groups are messages or classes.
        tolerances: Margins that differ from the default, by class and message.
        alpha: False-alarm rate of all groups together at this look.
    """
    names = list(members_of)
    members = np.array(list(members_of.values()))
    priors = PAIR_PRIOR_SD**2 + pairs.noise_of_requests(members)
    changes = dict(zip(names, estimate_groups(pairs, members, priors), strict=True))
    shares = dict(zip(names, (members @ pairs.weights / pairs.weights.sum()).tolist(), strict=True))
    sizes = dict(zip(names, members.sum(axis=1).tolist(), strict=True))
    groups: list[MessageGroup] = []
    for name, change in changes.items():
        if change is not None:
            margin = margin_of_group(kind, name, tolerances)
            groups.append(MessageGroup(name, kind, change.estimate, margin, sizes[name], shares[name]))
    rows: list[MessageComparison] = []
    for row, group in zip(judge_groups(groups, alpha), groups, strict=True):
        change = changes[row.name]
        if change is not None:
            tolerated = log_margin(row.key, change.estimate.base, group.margin)
            settled = change.is_settled(row.verdict, tolerated, decides=False)
            rows.append(row.model_copy(update={"settled": settled}))
    return rows
