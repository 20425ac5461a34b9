"""The panel of the failed requests: what the server said, how often, when, and for which messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.core.report.failures import FAILURE_SLICES, FailureGroup, Failures
from bench.core.report.series import RunSeries
from bench.core.values import wording
from bench.render.document.document import list_culprits
from bench.render.document.table import Table

_SHORT_DETAIL = 140
"""Characters of the server's words outside of a fold."""
_LEAST_HEIGHT = 25.0
"""Height of a mark of a single request, in per cent of the strip."""


@dataclass(frozen=True, slots=True)
class FailureMark:
    """The failures in a part of the run."""

    at: float
    """Left end, in per cent of the width."""
    height: float
    """Height in per cent."""


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Failed requests with the same words."""

    name: str
    """Outcome and status."""
    detail: str
    """The server's words, shortened."""
    full_detail: str
    """All words, if they are longer; else empty."""
    count: str
    """Number of requests."""
    share: str
    """Their share of all requests."""
    marks: tuple[FailureMark, ...]
    """When they ended."""
    when: str
    """The same in words."""
    culprit: str
    """The part that caused them."""
    messages: str
    """Messages with the most failures."""
    phases: str
    """Loads at which they failed; empty if the run has one phase."""


@dataclass(frozen=True, slots=True)
class FailurePanel:
    """The panel of the failed requests."""

    summary: str
    """Number and share of failed requests."""
    rows: tuple[FailureRow, ...]
    """Groups, the largest first; empty if no request failed."""
    note: str
    """What the rows leave out; may be empty."""
    has_phases: bool
    """A row names loads."""
    examples: Table | None
    """The first failed requests of each outcome."""


def make_failures(series: RunSeries, examples: Table | None) -> FailurePanel:
    """Return the panel.

    Args:
        series: The curves of the run, with its failures.
        examples: Table of the first failed requests.
    """
    failures = series.failures
    if failures is None:
        return FailurePanel("No request failed.", (), "", has_phases=False, examples=examples)
    rows = tuple(_make_row(group, failures) for group in failures.groups)
    share = wording.share(failures.count / failures.requests, failures.requests) if failures.requests else ""
    return FailurePanel(
        summary=f"{wording.counted(failures.count, 'request')} failed: {share}.",
        rows=rows,
        note=_describe_rest(failures),
        has_phases=any(row.phases for row in rows),
        examples=examples,
    )


def _describe_rest(failures: Failures) -> str:
    if not failures.are_complete:
        return "The requests are not stored: these are the words of the first failure of each outcome."
    rest = failures.count - sum(group.count for group in failures.groups)
    return f"{wording.counted(rest, 'more request')} failed with other words." if rest else ""


def _make_row(group: FailureGroup, failures: Failures) -> FailureRow:
    detail = group.detail or wording.DASH
    shortened = wording.shorten(detail, _SHORT_DETAIL)
    return FailureRow(
        name=group.outcome.value if group.status is None else f"{group.outcome.value} {group.status}",
        detail=shortened,
        full_detail=detail if shortened != detail else "",
        count=f"{group.count:,}",
        share=wording.percent(group.count / failures.requests) if failures.requests else wording.DASH,
        marks=tuple(_draw_marks(group)),
        when=_describe_time(group),
        culprit=list_culprits(group.culprits),
        messages=_count_names(group.messages, group.message_count),
        phases=_count_names(group.phases, len(group.phases)),
    )


def _draw_marks(group: FailureGroup) -> Iterable[FailureMark]:
    most = max(group.slices, default=0)
    for number, count in enumerate(group.slices):
        if count:
            height = _LEAST_HEIGHT + (100.0 - _LEAST_HEIGHT) * count / most
            yield FailureMark(round(100.0 * number / FAILURE_SLICES, 2), round(height, 1))


def _describe_time(group: FailureGroup) -> str:
    if group.first_s is None or group.last_s is None:
        return wording.DASH
    if group.count == 1:
        return f"{group.first_s:.1f} s"
    return f"{group.first_s:.1f} to {group.last_s:.1f} s"


def _count_names(counts: Mapping[str, int], total: int) -> str:
    """Return names with their counts, and the number of further names."""
    names = [f"{wording.shorten(name)} ({count:,})" for name, count in counts.items()]
    rest = total - len(counts)
    if rest > 0:
        names.append(f"{rest} more")
    return ", ".join(names)
