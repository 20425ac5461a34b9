"""What messages make the services of a stack do, which has no noise either: any change is said."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.core.samples.sample import GaugeSample, Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Record

_DIGITS = 6  # of what is kept per message, so that it reads as a number and not as a fraction


class Work(NamedTuple):
    """What one run made the services do.

    Attributes:
        answers: How many messages were answered.
        per_message: By the counter's name.
    """

    answers: int
    per_message: Mapping[str, float]


class WorkChange(Record):
    """A counter that is not what it always was, per message.

    Attributes:
        key: The counter's name in the stack's declaration.
        base: In every run before.
        head: In the run.
    """

    key: str
    base: float
    head: float

    def __str__(self) -> str:
        return f"{label(self.key)} per message: {number(self.base)} → {number(self.head)}"


def label(key: str) -> str:
    """`model_calls` → `model calls`."""
    return key.replace("_", " ")


def number(value: float) -> str:
    """All of its digits: a change of the last one is a change."""
    return f"{value:,.12g}"


def work_between(before: Sequence[GaugeSample], after: Sequence[GaugeSample]) -> dict[str, float]:
    """What services counted between two readings, by the counter's name, added up over the services.

    A series that was not there before begins at 0, for it comes with the first that is counted; one that runs
    backwards was begun anew, and its counter is left out.
    """
    begun = {(each.service, each.name): each.value for each in before}
    done: dict[str, float] = {}
    anew = set()
    for each in after:
        more = each.value - begun.get((each.service, each.name), 0.0)
        done[each.name] = done.get(each.name, 0.0) + more
        if more < 0:
            anew.add(each.name)
    return {name: count for name, count in sorted(done.items()) if name not in anew}


def added_work(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of several runs together, what all of them counted."""
    return {name: sum(run[name] for run in runs) for name in runs[0] if all(name in run for run in runs)}


def work_per_message(work: Mapping[str, float], samples: Samples) -> dict[str, float]:
    """What a message made the services do; empty unless every request was answered as it should be.

    Args:
        work: In the whole run.
        samples: All its requests: half an answer is half the work, and no exact number of anything.
    """
    if not len(samples) or not samples.ended(Outcome.OK).all():
        return {}
    return {name: round(count / len(samples), _DIGITS) for name, count in work.items()}


def changed_work(head: Sequence[Work], base: Sequence[Work]) -> tuple[WorkChange, ...]:
    """The counters that changed, of those on which all runs of each side agree.

    What is no whole number depends on which messages were sent, and those are the same where as many were.
    """
    same_messages = len({run.answers for run in (*head, *base)}) == 1
    changes = []
    for key in sorted({key for run in head for key in run.per_message}):
        own, usual = _agreed(key, head), _agreed(key, base)
        if own is None or usual is None or own == usual:
            continue
        if same_messages or usual.is_integer():
            changes.append(WorkChange(key=key, base=usual, head=own))
    return tuple(changes)


def _agreed(key: str, runs: Sequence[Work]) -> float | None:
    """What all runs have, or None."""
    values = {run.per_message.get(key) for run in runs}
    return values.pop() if len(values) == 1 else None
