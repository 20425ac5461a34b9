"""The messages of a run: their classes and their requests, and the messages that no longer get an answer."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.config.prompts import REFUSAL_CLASS
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.record import Count, Record

REQUEST_CLASS = "request"
"""Class of a request that is not a declared message, such as a step of a journey."""
MOST_NAMES = 5
"""Most messages that a warning names."""
VANISHED_ALPHA = 0.001
"""A message vanished if its missing answers are less likely than this, by chance and among all messages."""


class MessageUse(Record):
    """The requests of one message in a run."""

    message_class: str
    """Class of the message: its label in the prompts file, or `short`, `long`, `refusal` or `request`."""
    requests: Count
    """Number of answered and failed requests; 0 if the run did not send the message."""
    ok: Count = 0
    """Number of successful requests."""


Uses = Mapping[str, MessageUse]
"""The messages of a run by id."""


def count_messages(answered: Samples, classes: Mapping[str, str]) -> dict[str, MessageUse]:
    """Return the requests of each message by id, in alphabetical order, with those that were never sent.

    Args:
        answered: Requests that were answered or failed.
        classes: Class of each declared message.
    """
    prompts = answered.column("prompt")
    is_ok = answered.has_outcome(Outcome.OK)
    count = len(answered.prompts)
    requests = np.bincount(prompts, minlength=count)
    ok = np.bincount(prompts[is_ok], minlength=count)
    uses: dict[str, MessageUse] = {}
    for name in sorted({*classes, *answered.prompts}):
        number = answered.prompts.get(name)
        sent = 0 if number is None else int(requests[number])
        if sent or name in classes:
            uses[name] = MessageUse(
                message_class=classes.get(name, REQUEST_CLASS),
                requests=sent,
                ok=0 if number is None else int(ok[number]),
            )
    return uses


def never_sent(uses: Uses) -> tuple[str, ...]:
    """Return the ids of the messages that a run did not send."""
    return tuple(name for name, use in uses.items() if not use.requests)


def warn_of_messages(uses: Uses) -> Iterator[str]:
    """Yield a warning that names the messages that a run did not send."""
    names = never_sent(uses)
    if not names or len(names) == len(uses):
        return
    listed = [*names[:MOST_NAMES]]
    if len(names) > MOST_NAMES:
        listed.append(f"{len(names) - MOST_NAMES:,} more")
    yield (
        f"{len(names):,} of {len(uses):,} messages were not sent: {wording.listing(listed)}; "
        "a longer run sends them"
    )


def refusals_of(uses: Uses) -> frozenset[str]:
    """Return the ids of the messages that must be refused."""
    return frozenset(name for name, use in uses.items() if use.message_class == REFUSAL_CLASS)


@dataclass(frozen=True, slots=True)
class MessageMix:
    """The messages of several runs together."""

    classes: Mapping[str, str]
    """Class of each message."""
    requests: Mapping[str, int]
    """Number of requests of each message."""
    refusals: frozenset[str]
    """Messages that must be refused: they are not part of a typical value."""


def mix_messages(runs: Iterable[Uses]) -> MessageMix:
    """Return the messages of some runs together."""
    classes: dict[str, str] = {}
    requests = Counter[str]()
    for uses in runs:
        for name, use in uses.items():
            classes[name] = use.message_class
            requests[name] += use.requests
    refusals = frozenset(name for name, of_name in classes.items() if of_name == REFUSAL_CLASS)
    return MessageMix(classes, requests, refusals)


def vanished_messages(base: Sequence[Uses], head: Sequence[Uses]) -> tuple[str, ...]:
    """Return the messages that got answers in the base and get none in the head, in alphabetical order.

    A slower run sends fewer requests, so a rare message can be absent by chance. A message vanished only if
    chance does not explain it: with p as the base's share of failures, a message that was sent k times fails
    each time with the probability p^k; one that was not sent, of which m requests were expected, is absent
    with the probability exp(-m). The limit is divided by the number of messages.

    Args:
        base: The messages of each run of the base.
        head: The messages of each run of the head.
    """
    before = _add_up(base)
    after = _add_up(head)
    before_requests, before_ok = _total(before)
    before_failed = before_requests - before_ok
    after_requests, _ = _total(after)
    usual_failures = (before_failed + 1) / (before_requests + 2)  # never 0: the rule of succession
    vanished: list[str] = []
    for name, use in before.items():
        now = after.get(name)
        if not use.ok or (now is not None and now.ok):
            continue
        if now is not None and now.requests:
            failures = max(usual_failures, 1.0 - use.ok / use.requests)
            chance = failures**now.requests
        else:
            chance = math.exp(-use.requests / before_requests * after_requests)
        if chance < VANISHED_ALPHA / len(before):
            vanished.append(name)
    return tuple(sorted(vanished))


def _total(uses: Uses) -> tuple[int, int]:
    """Return the number of requests and of successful requests."""
    requests = 0
    ok = 0
    for use in uses.values():
        requests += use.requests
        ok += use.ok
    return requests, ok


def _add_up(runs: Sequence[Uses]) -> dict[str, MessageUse]:
    """Return the requests of each message over all runs."""
    total: dict[str, MessageUse] = {}
    for run in runs:
        for name, use in run.items():
            sum_before = total.get(name)
            if sum_before is None:
                total[name] = use
            else:
                requests = sum_before.requests + use.requests
                changed = {"requests": requests, "ok": sum_before.ok + use.ok}
                total[name] = sum_before.model_copy(update=changed)
    return total
