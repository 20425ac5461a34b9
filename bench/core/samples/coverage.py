"""The requests that a metric covers: those of some steps of a journey, or the messages, or all."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.core.samples.metrics import SUCCESS_RATIO, split_tags
from bench.core.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class Coverage:
    """The steps of a run. Without steps, every metric covers all requests."""

    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Declared tags of each step, by its name."""
    messages: frozenset[str] | None = None
    """Names of the steps that send messages; None if metrics cover all steps."""

    def select(self, samples: Samples, key: str) -> Samples:
        """Return the requests that a metric covers.

        A metric with tags covers the steps that have them. Success covers all requests, and other metrics
        the messages, if the journey sends any.
        """
        base, tags = split_tags(key)
        if tags:
            return samples.where(samples.has_step(self._steps_with(samples, tags)))
        if base == SUCCESS_RATIO:
            return samples
        return self.select_messages(samples)

    def select_messages(self, samples: Samples) -> Samples:
        """Return the messages, if the journey sends any, else all requests."""
        return samples if self.messages is None else samples.where(samples.has_step(self.messages))

    def has_tags(self, tags: Mapping[str, str]) -> bool:
        """Return whether a declared step has these tags."""
        return any(self._has_tags(step, tags) for step in self.tags)

    def _steps_with(self, samples: Samples, tags: Mapping[str, str]) -> list[str]:
        return [step for step in samples.steps if step is not None and self._has_tags(step, tags)]

    def _has_tags(self, step: str, tags: Mapping[str, str]) -> bool:
        return tags.items() <= {**self.tags.get(step, {}), "step": step}.items()
