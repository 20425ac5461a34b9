"""Work that messages cause in the services of a stack. It has no noise, so every change is reported."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.core.samples.sample import GaugeSample, Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Record

_DIGITS = 6
"""Digits of the work per message."""


class Work(NamedTuple):
    """Work of one run."""

    answers: int
    """Number of answered messages."""
    per_message: Mapping[str, float]
    """Work per message, by the counter's name."""


class WorkChange(Record):
    """A counter whose value per message differs from all earlier runs."""

    key: str
    """Name of the counter in the stack's declaration."""
    base: float
    """Value per message in every earlier run."""
    head: float
    """Value per message in this run."""

    def __str__(self) -> str:
        return f"{label(self.key)} per message: {number(self.base)} → {number(self.head)}"


def label(key: str) -> str:
    """Return a counter's name for people: `model_calls` → `model calls`."""
    return key.replace("_", " ")


def number(value: float) -> str:
    """Write a value with all of its digits, because a change of the last one is a change."""
    return f"{value:,.12g}"


def work_between(before: Sequence[GaugeSample], after: Sequence[GaugeSample]) -> dict[str, float]:
    """Return the increase of each counter between two readings, summed over the services.

    A series that is missing in the first reading begins at 0. A counter with a series that fell was reset,
    and is left out.
    """
    first = {(sample.service, sample.name): sample.value for sample in before}
    work: dict[str, float] = {}
    reset: set[str] = set()
    for sample in after:
        increase = sample.value - first.get((sample.service, sample.name), 0.0)
        work[sample.name] = work.get(sample.name, 0.0) + increase
        if increase < 0:
            reset.add(sample.name)
    for name in reset:
        del work[name]
    return dict(sorted(work.items()))


def sum_work(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Sum the counters that every run has."""
    total = dict(runs[0])
    for run in runs[1:]:
        total = {name: count + run[name] for name, count in total.items() if name in run}
    return total


def work_per_message(work: Mapping[str, float], samples: Samples) -> dict[str, float]:
    """Return the work per message; empty unless every request succeeded.

    Args:
        work: Work of the complete run, by counter.
        samples: All requests of the run. Half an answer is half the work, so a failure makes it inexact.
    """
    if not len(samples) or not samples.has_outcome(Outcome.OK).all():
        return {}
    return {name: round(count / len(samples), _DIGITS) for name, count in work.items()}


def changed_work(head: Sequence[Work], base: Sequence[Work]) -> tuple[WorkChange, ...]:
    """Return the counters that changed, of those on which all runs of each side agree.

    A value that is not an integer depends on the mix of messages. It is compared only if all runs answered
    the same number of messages, which then are the same messages.
    """
    same_messages = len({run.answers for run in (*head, *base)}) == 1
    keys: set[str] = set()
    for run in head:
        keys |= run.per_message.keys()
    changes = []
    for key in sorted(keys):
        head_value = _common_value(key, head)
        base_value = _common_value(key, base)
        if head_value is None or base_value is None or head_value == base_value:
            continue
        if same_messages or base_value.is_integer():
            changes.append(WorkChange(key=key, base=base_value, head=head_value))
    return tuple(changes)


def _common_value(key: str, runs: Sequence[Work]) -> float | None:
    """Return the value of a counter if all runs have the same; `None` otherwise."""
    values = {run.per_message.get(key) for run in runs}
    return values.pop() if len(values) == 1 else None
