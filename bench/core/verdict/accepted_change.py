"""The change from one version to another that a person accepted.

A pull request that is slower on purpose stays slower than its base in each new measurement, until the merge.
Accepting it stores how much worse the head was. Later pairs of the same pull request are compared with the
accepted level instead of the base: base · (1 + accepted).
"""

from typing import Annotated

from pydantic import Field

from bench.core.samples.metric import Better
from bench.core.samples.metrics import metric, sentence_name
from bench.core.values import wording
from bench.core.values.record import Record

Share = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class AcceptedChange(Record):
    """A change for the worse between two versions, as pairs of runs measured it when a person accepted it."""

    base: str | None = None
    """Commit of the version that the change starts from."""
    changes: dict[str, Share] = {}
    """How much worse the head was, as a share of the base, by metric."""
    messages: dict[str, dict[str, Share]] = {}
    """The same of messages and classes, by metric and `message.ID` or `class.NAME`."""
    missing: tuple[str, ...] = ()
    """Metrics and messages that the base had and the head had not."""

    @property
    def sentence(self) -> str:
        """The accepted change in words, such as `response time +28 %`; tiers only without another metric."""
        deciding = [key for key in self.changes if not key.startswith("tier.")]
        parts: list[str] = []
        for key in deciding or self.changes:
            sign = -1.0 if metric(key).better is Better.HIGHER else 1.0
            parts.append(f"{sentence_name(key)} {wording.change(sign * self.changes[key])}")
        if not parts:
            for shares in self.messages.values():
                for name, share in shares.items():
                    parts.append(f"{name.replace('.', ' ', 1)} {wording.change(share)}")
        parts += [f"no {name}" for name in self.missing]
        return wording.listing(parts)
