"""Judge each message, and each class of messages, in pairs of runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.core.limits.tolerance import Tolerance
from bench.core.verdict.change import log_margin
from bench.core.verdict.margins import margin_of_group
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.messages import MessageGroup, group_messages, judge_groups
from bench.core.verdict.pairs import PAIR_PRIOR_SD, MessagePairs, PairedChange, estimate_groups
from bench.core.verdict.stopping import share_of_look

MESSAGE_ALPHA = 0.005
"""False-alarm rate of all messages of a metric together, over all looks."""
CLASS_ALPHA = 0.005
"""The same of all classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRule:
    """The rule for the classes and the messages of one metric in pairs of runs."""

    pairs: MessagePairs
    """The metric in pairs of runs."""
    classes: Mapping[str, str]
    """Class of each message."""
    tolerances: Mapping[str, Tolerance]
    """Margins that differ from the default, by class and message."""
    scenarios: int
    """Number of scenarios that share the false-alarm rates."""
    accepted: Mapping[str, float]
    """By `class.NAME` and `message.ID`, how much worse an accepted level is, as a share of the base."""

    def judge(self) -> list[MessageComparison]:
        """Judge all classes and messages; a single class or message has no row of its own."""
        share = share_of_look(len(self.pairs.base)) / self.scenarios
        rows: list[MessageComparison] = []
        for kind, alpha in ((MessageKind.CLASS, CLASS_ALPHA), (MessageKind.MESSAGE, MESSAGE_ALPHA)):
            members = group_messages(self.pairs.messages, kind, self.classes)
            if members:
                rows += self._judge_groups(kind, members, alpha * share)
        return rows

    def _judge_groups(
        self, kind: MessageKind, members_of: Mapping[str, npt.NDArray[np.bool_]], alpha: float
    ) -> list[MessageComparison]:
        """Judge the groups of one kind.

        Args:
            kind: Whether the groups are messages or classes.
            members_of: Which messages each group has.
            alpha: False-alarm rate of all groups together at this look.
        """
        weights = self.pairs.weights
        members = np.array(list(members_of.values()))
        shares = dict(zip(members_of, (members @ weights / weights.sum()).tolist(), strict=True))
        sizes = dict(zip(members_of, members.sum(axis=1).tolist(), strict=True))
        changes = self._estimate(kind, members_of, members)
        groups: list[MessageGroup] = []
        for name, change in changes.items():
            margin = margin_of_group(kind, name, self.tolerances)
            groups.append(MessageGroup(name, kind, change.estimate, margin, sizes[name], shares[name]))
        rows: list[MessageComparison] = []
        for row, group in zip(judge_groups(groups, alpha), groups, strict=True):
            change = changes[row.name]
            tolerated = log_margin(row.key, change.estimate.base, group.margin)
            settled = change.is_settled(row.verdict, tolerated, decides=False)
            rows.append(row.model_copy(update={"settled": settled}))
        return rows

    def _estimate(
        self, kind: MessageKind, names: Iterable[str], members: npt.NDArray[np.bool_]
    ) -> dict[str, PairedChange]:
        """Return the change of each group that enough pairs have."""
        priors = PAIR_PRIOR_SD**2 + self.pairs.noise_of_requests(members)
        changes: dict[str, PairedChange] = {}
        for name, change in zip(names, estimate_groups(self.pairs, members, priors), strict=True):
            if change is not None:
                changes[name] = change.beyond(self.accepted.get(f"{kind}.{name}"))
        return changes
