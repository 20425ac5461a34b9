"""The comment on a pull request: the judgement, what decided it, and how to go on."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.config.target import NAME
from bench.core.report.suite import SuiteReport
from bench.core.values.escape import escape_markdown
from bench.core.verdict.compare import Decision
from bench.render.document.document import Document, make_document
from bench.render.markdown import ICONS, template

# In characters: what GitHub takes as the summary of a check, and one less than as a comment.
LIMIT = 65_535
_MOST_ALERTS = 10
_SUITE = re.compile(NAME)
_SHA = re.compile(r"[0-9a-f]{40}")
_RUN_URL = re.compile(r"https?://[A-Za-z0-9.:/_-]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a comment speaks of.

    Attributes:
        suite: The scenarios' common name: there is one comment of each suite.
        head_sha: The commit that was measured.
        run_url: Of the workflow run, where everything is; None outside of one.
    """

    suite: str
    head_sha: str
    run_url: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would be something else than text in a comment."""
        for value, pattern in ((self.suite, _SUITE), (self.head_sha, _SHA), (self.run_url, _RUN_URL)):
            if value is not None and not pattern.fullmatch(value):
                raise ValueError(f"{value!r} is no {pattern.pattern}")


def marker(suite: str) -> str:
    """What the comment of a suite begins with, by which it is found again."""
    return f"<!-- bench:{suite} -->"


def render_comment(report: SuiteReport, origin: Origin) -> str:
    """The comment, as long as GitHub takes it.

    What is too long loses the folded details, the last scenario's first; then all but a line of each scenario
    that did not pass, likewise; and what is still too long is cut.

    Args:
        report: What was said of all scenarios.
        origin: What it speaks of.
    """
    documents = [make_document(each) for each in report.reports]
    shown = [each for each in documents if each.decision is not Decision.PASS] or documents[:1]
    passed = [each for each in documents if each not in shown]
    most = len(shown)

    def shorter(step: int) -> str:
        whole = max(1, min(most, 2 * most - step))
        return _rendered(report, origin, (shown[:whole], shown[whole:], passed), folds=max(0, most - step))

    text = shorter(bisect_left(range(2 * most - 1), x=True, key=lambda step: len(shorter(step)) <= LIMIT))
    return text if len(text) <= LIMIT else _cut(text, origin)


def _cut(text: str, origin: Origin) -> str:
    # No line opens what another one closes but a fold of what passed, and that comes last.
    end = f"\n\n… the rest is left out here: {origin.run_url or 'see the run'}\n"
    kept = text[: LIMIT - len(end)].rpartition("\n")[0]
    closed = "\n\n</details>" if kept.count("<details>") > kept.count("</details>") else ""
    return kept[: LIMIT - len(end) - len(closed)] + closed + end


def _rendered(
    report: SuiteReport, origin: Origin, documents: tuple[Sequence[Document], ...], *, folds: int
) -> str:
    """The comment with so many folds.

    Args:
        report: What was said of all scenarios.
        origin: What it speaks of.
        documents: Those that are shown, those that have a line though they did not pass, and the others.
        folds: How many of those that are shown have their details.
    """
    shown, listed, passed = documents
    headline, lines = _judgement(report, shown[0])
    text = template("comment.md.j2").render(
        suite=origin.suite,
        icon=ICONS[report.decision],
        headline=headline,
        lines=(*lines, *report.reasons, *_alerts([*listed, *passed])),
        shown=shown,
        listed=listed,
        passed=passed,
        folds=folds,
        run_url=origin.run_url,
        footer=_footer(report, origin, shown[0]),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _judgement(report: SuiteReport, worst: Document) -> tuple[str, tuple[str, ...]]:
    """The headline, which names the worst scenario by its own, and what is said below it."""
    if len(report.reports) == 1 and report.decision is worst.decision:
        return f"{worst.scenario}: {worst.headline}", ()
    if report.decision is Decision.FAIL:
        return f"{worst.scenario}: {worst.headline}", (report.headline,)
    return report.headline, ()


def _alerts(documents: Sequence[Document]) -> list[str]:
    """Alerts of the scenarios whose tables are not shown."""
    said = [f"Warning: {each.scenario}: {alert}." for each in documents for alert in each.alerts]
    more = len(said) - _MOST_ALERTS
    rest = f"Warning: {more} more {'alert' if more == 1 else 'alerts'}, see the run."
    return said if more <= 0 else [*said[:_MOST_ALERTS], rest]


def _footer(report: SuiteReport, origin: Origin, worst: Document) -> list[str]:
    """Where it comes from, how to see it oneself, and how to accept it."""
    known = dict(worst.facts)
    measured = [
        f"Measured `{origin.head_sha[:9]}` beside the baseline: {escape_markdown(known['baseline'])}."
    ]
    measured += [
        f"{name.capitalize()}: {escape_markdown(known[name])}."
        for name in ("machine", "reference_workload")
        if name in known
    ]
    first = report.reports[0].result
    again = f"`bench check {first.scenario.name} --stack {first.fingerprint.stack}`"
    lines = [*measured, f"To see it yourself: {again}."]
    if origin.run_url is None:
        return lines
    accept = f"`/bench baseline accept {origin.head_sha[:9]} <reason>`"
    return [*lines, f"To accept it, say so here: {accept}; [the run]({origin.run_url}) has the details."]
