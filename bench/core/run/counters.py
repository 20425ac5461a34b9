"""What has no noise: the same message to the same model makes as many tokens as ever. Any change is said."""

from collections.abc import Mapping, Sequence

import numpy as np

from bench.core.samples.metrics import METRICS, metric
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.record import Record

# By metric and message.
Counters = Mapping[str, Mapping[str, float]]
_EXACT = ("tokens",)


class CounterChange(Record):
    """A counter that is not what it always was.

    Attributes:
        key: The metric.
        changed: Of how many messages.
        messages: Of how many that were always the same in the baseline's runs.
        base: Their sum in each of them.
        head: In the run.
    """

    key: str
    changed: int
    messages: int
    base: float
    head: float

    def __str__(self) -> str:
        sums = f"{wording.value(self.base, '1')} → {wording.value(self.head, '1')}"
        return f"{metric(self.key).label} of {self.changed} of {self.messages} messages changed: {sums}"


def counters_of(samples: Samples) -> dict[str, dict[str, float]]:
    """Each counter of each message that all its requests agree on."""
    found: dict[str, dict[str, float]] = {}
    for key in _EXACT:
        values, prompt = METRICS[key].values(samples), samples.column("prompt")
        for name, number in samples.prompts.items():
            own = values[(prompt == number) & ~np.isnan(values)]
            if len(own) and np.all(own == own[0]):
                found.setdefault(key, {})[name] = float(own[0])
    return {key: dict(sorted(each.items())) for key, each in found.items()}


def changed_counters(head: Counters, base: Sequence[Counters]) -> tuple[CounterChange, ...]:
    """The counters that changed, of those messages on which all runs of the baseline agree."""
    changes = []
    for key, own in sorted(head.items()):
        usual = {name: {run.get(key, {}).get(name) for run in base} for name in own}
        exact = {name: value for name, values in usual.items() if len(values) == 1 for value in values}
        known = {name: value for name, value in exact.items() if value is not None}
        changed = sum(own[name] != value for name, value in known.items())
        if changed:
            changes.append(
                CounterChange(
                    key=key,
                    changed=changed,
                    messages=len(known),
                    base=sum(known.values()),
                    head=sum(own[name] for name in known),
                )
            )
    return tuple(changes)
