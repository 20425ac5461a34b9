"""The comment on a pull request: the judgement, what decided it, and how to go on."""

import re
from dataclasses import dataclass

from bench.core.compare import Decision
from bench.core.suite import SuiteReport
from bench.render.document import Document, make_document
from bench.render.markdown import ICONS, escape, template

# GitHub's limit, in characters.
LIMIT = 65_536
_SUITE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
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
    """The comment, shorter than what GitHub takes: first without what is folded, then cut.

    Args:
        report: What was said of all scenarios.
        origin: What it speaks of.
    """
    whole = _rendered(report, origin, folded=True)
    if len(whole) <= LIMIT:
        return whole
    short = _rendered(report, origin, folded=False)
    if len(short) <= LIMIT:
        return short
    # No line opens what another one closes but a fold of what passed, and that comes last.
    end = f"\n\n… the rest is left out here: {origin.run_url or 'see the run'}\n"
    kept = short[: LIMIT - len(end)].rpartition("\n")[0]
    closed = "\n\n</details>" if kept.count("<details>") > kept.count("</details>") else ""
    return kept[: LIMIT - len(end) - len(closed)] + closed + end


def _rendered(report: SuiteReport, origin: Origin, *, folded: bool) -> str:
    documents = [make_document(each) for each in report.reports]
    shown = [each for each in documents if each.decision is not Decision.PASS] or documents[:1]
    headline, lines = _judgement(report, shown[0])
    text = template("comment.md.j2").render(
        suite=origin.suite,
        icon=ICONS[report.decision],
        headline=headline,
        lines=(*lines, *report.reasons),
        shown=shown,
        passed=[each for each in documents if each not in shown],
        folded=folded,
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


def _footer(report: SuiteReport, origin: Origin, worst: Document) -> list[str]:
    """Where it comes from, how to see it oneself, and how to accept it."""
    known = dict(worst.facts)
    measured = [f"Measured `{origin.head_sha[:9]}` beside the baseline: {escape(known['baseline'])}."]
    measured += [
        f"{name.capitalize()}: {escape(known[name])}." for name in ("machine", "control") if name in known
    ]
    first = report.reports[0].result
    again = f"`bench check {first.scenario.name} --target {first.fingerprint.stack}`"
    accept = f"`bench baseline accept RUN --reason '…'` with the [run's]({origin.run_url}) artifacts"
    lines = [*measured, f"To see it yourself: {again}."]
    return [*lines, f"To accept it: {accept}."] if origin.run_url else lines
