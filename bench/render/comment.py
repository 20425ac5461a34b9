"""The comment on a pull request: the judgement, the metrics that decided it, and the next step."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.core.config.target import NAME
from bench.core.report.suite import SuiteReport
from bench.core.report.words import ICONS
from bench.core.run.results_digest import PATTERN
from bench.core.values import wording
from bench.core.values.escape import escape_markdown
from bench.core.verdict.compare import Decision
from bench.render.document.document import Document, make_document
from bench.render.markdown import template

LIMIT = 65_535
"""Characters that GitHub accepts as the summary of a check; a comment may have one more."""
_MOST_ALERTS = 10
_SUITE = re.compile(NAME)
_SHA = re.compile(r"[0-9a-f]{40}")
_URL = re.compile(r"https?://[A-Za-z0-9.:/_-]+(#artifacts)?")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}(\[bot\])?")


@dataclass(frozen=True, slots=True)
class Origin:
    """The suite, the commit and the workflow run of a comment. None of them needs escaping."""

    suite: str
    """Name of the suite; a pull request has one comment for each."""
    head_sha: str
    """The newest commit of the pull request when it was measured, not the merge commit."""
    run_url: str | None = None
    """Address of the workflow run; None outside of GitHub Actions."""
    pull: int | None = None
    """Number of the pull request; None if it is unknown."""
    page_url: str | None = None
    """Address of the page of this run; default: the artifacts of the workflow run."""
    minutes: float | None = None
    """Minutes that the workflow run spent; None if they are unknown."""
    people: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Logins of the people who changed the files of a tier in this pull request, by tier."""
    digest: str | None = None
    """Digest of the stored results, which `/bench baseline accept` takes after 12 digits of the commit."""

    def __post_init__(self) -> None:
        """Refuse values that are not plain text in a comment."""
        checked = [(self.suite, _SUITE), (self.head_sha, _SHA), (self.run_url, _URL), (self.page_url, _URL)]
        checked.append((self.digest, PATTERN))
        for logins in self.people.values():
            checked += [(login, _LOGIN) for login in logins]
        for value, pattern in checked:
            if value is not None and not pattern.fullmatch(value):
                raise ValueError(f"{value!r} does not match {pattern.pattern}")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The scenarios of a comment, by the space that they get."""

    full: Sequence[Document]
    """Scenarios with their tables."""
    listed: Sequence[Document]
    """Other scenarios that did not pass: one line each."""
    passed: Sequence[Document]
    """Scenarios that passed: one line each, folded."""
    with_details: int
    """Number of scenarios, of the first ones of `full`, that also have folded details."""


def marker(suite: str) -> str:
    """Return the first line of a suite's comment, by which the comment is found later."""
    return f"<!-- bench:{suite} -->"


def render_comment(report: SuiteReport, origin: Origin) -> str:
    """Return the comment in at most `LIMIT` characters.

    A comment that is too long first loses the folded details, from the last scenario to the first. Then it
    keeps one line of each scenario that did not pass, again from the last one. At last it is cut.

    Args:
        report: The judged suite.
        origin: The suite, the commit and the workflow run.
    """
    failed: list[Document] = []
    passed: list[Document] = []
    for document in map(make_document, report.reports):
        same = passed if document.decision is Decision.PASS else failed
        same.append(document)
    if not failed:
        failed = passed[:1]
        passed = passed[1:]
    count = max(1, len(failed))

    def shorten(step: int) -> str:
        with_details = max(0, count - step)
        full = max(1, min(count, 2 * count - step))
        return _render(report, origin, _Parts(failed[:full], failed[full:], passed, with_details))

    # The steps are ordered by length, so the longest text that fits is found by bisection.
    steps = range(2 * count - 1)
    step = bisect_left(steps, x=True, key=lambda step: len(shorten(step)) <= LIMIT)
    text = shorten(step)
    return text if len(text) <= LIMIT else _cut(text, origin)


def _cut(text: str, origin: Origin) -> str:
    """Cut a text at the end of a line. Only the fold of the passed scenarios, the last part, can be open."""
    end = f"\n\n… the rest is omitted: {origin.run_url or 'see the run'}\n"
    kept = text[: LIMIT - len(end)].rpartition("\n")[0]
    is_open = kept.count("<details>") > kept.count("</details>")
    closing = "\n\n</details>" if is_open else ""
    return kept[: LIMIT - len(end) - len(closing)] + closing + end


def _render(report: SuiteReport, origin: Origin, parts: _Parts) -> str:
    headline, *subtitles = _judgement(report, parts.full)
    alerts = _alerts([*parts.listed, *parts.passed])
    text = template("comment.md.j2").render(
        marker=marker(origin.suite),
        icon=ICONS[report.word.tone],
        headline=headline,
        lines=(*subtitles, *report.reasons, *alerts),
        parts=parts,
        not_measured=report.not_measured,
        run_url=origin.run_url,
        footer=_footer(report, origin, parts.full),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _judgement(report: SuiteReport, documents: Sequence[Document]) -> tuple[str, ...]:
    """Return the headline, and the suite's sentence if the headline is that of the worst scenario."""
    if not documents:
        return (report.headline,)
    worst = documents[0]
    one_scenario = len(report.reports) == 1 and report.decision is worst.decision
    if one_scenario:
        return (f"{worst.scenario}: {worst.headline}",)
    if report.decision is Decision.FAIL:
        return f"{worst.scenario}: {worst.headline}", report.headline
    return (report.headline,)


def _alerts(documents: Sequence[Document]) -> list[str]:
    """Return the first ten alerts of scenarios without tables."""
    lines = []
    for document in documents:
        for alert in document.alerts:
            lines.append(f"Warning: {document.scenario}: {alert}.")
    more = len(lines) - _MOST_ALERTS
    if more <= 0:
        return lines
    return [*lines[:_MOST_ALERTS], f"Warning: {wording.counted(more, 'more alert')}, see the run."]


def _footer(report: SuiteReport, origin: Origin, documents: Sequence[Document]) -> list[str]:
    """Return the origin of the result, and the commands that reproduce and accept it."""
    sha = origin.head_sha[:9]
    if not documents:
        details = f"; [the run]({origin.run_url}) has the logs" if origin.run_url else ""
        return [f"Commit `{sha}` was not measured{details}."]
    facts = dict(documents[0].facts)
    lines = [f"Commit `{sha}` compared with the baseline: {escape_markdown(facts['baseline'])}."]
    for label in ("machine", "reference workload"):
        if label in facts:
            lines.append(f"{label.capitalize()}: {escape_markdown(facts[label])}.")
    first = report.reports[0].result
    lines.append(
        f"To reproduce this result: `bench check {first.scenario.name} --stack {first.fingerprint.stack}`."
    )
    if origin.run_url is not None:
        accept = f"`/bench baseline accept {sha} <reason>`"
        lines.append(f"To accept it, comment {accept}; [the run]({origin.run_url}) has the details.")
    return lines
