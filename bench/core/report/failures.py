"""The failed requests of a run, grouped by outcome, status and the server's words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from bench.core.config.executors import Phase
from bench.core.config.load_words import in_words
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.samples.arrays import Mask
from bench.core.samples.columns import CULPRITS, MISSING, OUTCOMES
from bench.core.samples.sample import Culprit, Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.values.wording import shorten

FAILURE_SLICES = 60
"""Parts of the run in which failures are counted."""
_MOST_GROUPS = 20
_MOST_MESSAGES = 5
_LONGEST_DETAIL = 1_000
_NUMBERS = re.compile(r"\b[0-9a-f]{8,}\b|[0-9a-f]{8}-[0-9a-f-]{27}|\d+", re.IGNORECASE)
"""Parts of a text that differ from request to request."""
_NO_FAILURE = frozenset({Outcome.OK, Outcome.CANCELLED})


class FailureGroup(Record):
    """Failed requests with the same outcome, status and words, apart from numbers in them."""

    outcome: Outcome
    """How they failed."""
    status: int | None
    """HTTP status; null without a response."""
    detail: str | None
    """The words of the first of them; null without words."""
    count: Count
    """Number of requests."""
    culprits: dict[Culprit, Count] = {}
    """Number of requests by the part that caused the failure."""
    slices: tuple[Count, ...]
    """Number of requests that ended in each part of the run; empty if their times were not kept."""
    first_s: NotNegative | None
    """End of the first of them, in seconds since the start of the run."""
    last_s: NotNegative | None
    """End of the last of them."""
    messages: dict[str, Count]
    """Number of requests of the messages with the most failures."""
    message_count: Count
    """Number of messages with a failure."""
    phases: dict[str, Count] = {}
    """Number of requests by the load of their phase; empty if the run has one phase."""


class Failures(Record):
    """The failed requests of a run."""

    groups: tuple[FailureGroup, ...]
    """Groups, the largest first."""
    count: Count
    """Number of failed requests, with those of further groups."""
    requests: Count
    """Number of all requests, without cancelled ones."""
    elapsed_s: Number
    """Duration of the run."""
    are_complete: bool = True
    """All requests are known; else the words are those of the first failures of each outcome."""


@dataclass(slots=True)
class _Group:
    """A group that grows."""

    outcome: Outcome
    status: int | None
    detail: str | None
    count: int = 0
    culprits: Counter[Culprit] = field(default_factory=Counter)
    ends_s: list[float] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    phases: Counter[int] = field(default_factory=Counter)


def group_failures(recording: Recording, phases: Sequence[Phase]) -> Failures | None:
    """Return the failed requests of a recording; None if no request failed.

    Args:
        recording: Recording without warm-up, of the scenario's own target.
        phases: Phases of the scenario; requests refer to them by index.
    """
    samples = recording.samples
    failed = samples.where(_failed(samples))
    if not len(failed):
        return None
    cancelled = int(samples.has_outcome(Outcome.CANCELLED).sum())
    groups = _group(failed)
    labels = [in_words(phases[number : number + 1]) for number in range(len(phases))]
    return Failures(
        groups=tuple(_finish(group, recording.elapsed_s, labels) for group in groups),
        count=len(failed),
        requests=len(samples) - cancelled,
        elapsed_s=recording.elapsed_s,
    )


def list_failures(result: RunResult) -> Failures | None:
    """Return the failed requests of a result without its recording; None if no request failed."""
    summary = result.summary
    groups = []
    for outcome, count in summary.outcomes.items():
        if outcome in _NO_FAILURE:
            continue
        examples = [error for error in summary.errors if error.outcome is outcome]
        first = examples[0] if examples else None
        group = _Group(outcome, first.status if first else None, first.detail if first else None, count)
        for culprit, blamed in summary.culprits.get(outcome, {}).items():
            group.culprits[culprit] += blamed
        if len(examples) == count:
            for error in examples:
                group.ends_s.append(error.at_s)
                group.messages[error.prompt] += 1
        groups.append(_finish(group, summary.elapsed_s, ()))
    if not groups:
        return None
    groups.sort(key=lambda group: -group.count)
    return Failures(
        groups=tuple(groups),
        count=sum(map(attrgetter("count"), groups)),
        requests=sum(summary.outcomes.values()) - summary.outcomes.get(Outcome.CANCELLED, 0),
        elapsed_s=summary.elapsed_s,
        are_complete=False,
    )


def _failed(samples: Samples) -> Mask:
    failed = np.ones(len(samples), dtype=bool)
    for outcome in _NO_FAILURE:
        failed &= ~samples.has_outcome(outcome)
    return failed


def _group(failed: Samples) -> list[_Group]:
    """Return the groups of failed requests, the largest first."""
    details = list(failed.details)
    prompts = list(failed.prompts)
    templates = [_NUMBERS.sub("#", detail or "") for detail in details]
    groups: dict[tuple[int, int, str], _Group] = {}
    names = ("outcome", "status", "detail", "culprit", "prompt", "phase", "finished_s")
    columns = [failed.column(name).tolist() for name in names]
    for outcome, status, detail, culprit, prompt, phase, end_s in zip(*columns, strict=True):
        key = (outcome, status, templates[detail])
        group = groups.get(key)
        if group is None:
            known_status = None if status == MISSING else status
            group = groups.setdefault(key, _Group(OUTCOMES[outcome], known_status, details[detail]))
        group.count += 1
        group.ends_s.append(end_s)
        group.messages[prompts[prompt]] += 1
        group.phases[phase] += 1
        known_culprit = CULPRITS[culprit]
        if known_culprit is not None:
            group.culprits[known_culprit] += 1
    return sorted(groups.values(), key=lambda group: -group.count)[:_MOST_GROUPS]


def _finish(group: _Group, elapsed_s: float, labels: Sequence[str]) -> FailureGroup:
    """Return a group as a record.

    Args:
        group: The group.
        elapsed_s: Duration of the run.
        labels: The load of each phase.
    """
    slices: tuple[int, ...] = ()
    if group.ends_s and elapsed_s > 0:
        places = np.clip(np.array(group.ends_s) / elapsed_s * FAILURE_SLICES, 0, FAILURE_SLICES - 1)
        slices = tuple(np.bincount(places.astype(int), minlength=FAILURE_SLICES).tolist())
    phases: Counter[str] = Counter()
    if len(labels) > 1:
        for number, count in sorted(group.phases.items()):
            phases[labels[number]] += count
    return FailureGroup(
        outcome=group.outcome,
        status=group.status,
        detail=None if group.detail is None else shorten(group.detail, _LONGEST_DETAIL),
        count=group.count,
        culprits=dict(group.culprits),
        slices=slices,
        first_s=max(0.0, min(group.ends_s)) if group.ends_s else None,
        last_s=max(0.0, *group.ends_s) if group.ends_s else None,
        messages=dict(group.messages.most_common(_MOST_MESSAGES)),
        message_count=len(group.messages),
        phases=dict(phases),
    )
