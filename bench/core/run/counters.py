"""Exact counters: the same prompt and model always make as many tokens, so every change is reported."""

from collections.abc import Mapping, Sequence

import numpy as np

from bench.core.samples.metrics import METRICS, metric
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.record import Record

# Value by metric and prompt.
Counters = Mapping[str, Mapping[str, float]]
_EXACT = ("tokens",)


class CounterChange(Record):
    """A counter that differs from its constant value in the baseline."""

    key: str
    """Key of the metric."""
    changed: int
    """Number of prompts whose counter changed."""
    messages: int
    """Number of prompts whose counter is constant in the baseline."""
    base: float
    """Sum of the constant values in the baseline."""
    head: float
    """Sum of the same prompts' values in the run."""

    def __str__(self) -> str:
        sums = f"{wording.value(self.base, '1')} → {wording.value(self.head, '1')}"
        return f"{metric(self.key).label} of {self.changed} of {self.messages} messages changed: {sums}"


def counters_of(samples: Samples) -> dict[str, dict[str, float]]:
    """Return each counter of each prompt, in alphabetical order, if all requests of the prompt agree."""
    counters: dict[str, dict[str, float]] = {}
    prompts = samples.column("prompt")
    for key in _EXACT:
        values = METRICS[key].values(samples)
        for name, number in sorted(samples.prompts.items()):
            prompt_values = values[(prompts == number) & ~np.isnan(values)]
            if len(prompt_values) and np.all(prompt_values == prompt_values[0]):
                counters.setdefault(key, {})[name] = float(prompt_values[0])
    return counters


def changed_counters(head: Counters, base: Sequence[Counters]) -> tuple[CounterChange, ...]:
    """Return the changed counters, of prompts whose counter is the same in all runs of the baseline."""
    changes: list[CounterChange] = []
    for key, head_values in sorted(head.items()):
        base_values = _constant_values(key, head_values, base)
        changed = sum(head_values[prompt] != value for prompt, value in base_values.items())
        if changed:
            changes.append(
                CounterChange(
                    key=key,
                    changed=changed,
                    messages=len(base_values),
                    base=sum(base_values.values()),
                    head=sum(map(head_values.__getitem__, base_values)),
                )
            )
    return tuple(changes)


def _constant_values(
    key: str, head_values: Mapping[str, float], base: Sequence[Counters]
) -> dict[str, float]:
    """Return the value of each prompt of the head that has the same value in all runs of the base."""
    constant: dict[str, float] = {}
    for prompt in head_values:
        values = {run.get(key, {}).get(prompt) for run in base}
        value = values.pop() if len(values) == 1 else None
        if value is not None:
            constant[prompt] = value
    return constant
