"""The comment on a pull request: the verdict and its changes first, all other content folded."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.core.config.target import NAME
from bench.core.report.endings import ENDINGS, Ending, describe_ending
from bench.core.report.fault_words import describe_faults
from bench.core.report.level import describe_level
from bench.core.report.report import LONGEST_REASON, Report, advise, find_claim, is_acceptable
from bench.core.report.suite import SuiteReport
from bench.core.report.words import ICONS, Tone
from bench.core.run.results_digest import PATTERN
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import Document, make_document
from bench.render.markdown import MOST_CHANGES, changes_markdown, escape, template, tidy

LIMIT = 65_400
"""Characters of a comment. GitHub accepts 65,535 as the summary of a check, and one more in a comment; a line
that names the attempt is added."""
_MOST_LEVELS = 3
"""Scenarios that a line about the committed baseline or accepted changes describes; it counts the others."""
_MOST_NOTES = 10
_MOST_LISTED = 100
"""Scenarios with one line each. Their lines are shorter than the comment, whatever their names are."""
_MOST_PEOPLE = 5
_SEPARATOR = 2
"""Characters of the empty line between two parts."""
_SUITE = re.compile(NAME)
_SHA = re.compile(r"[0-9a-f]{40}")
_URL = re.compile(r"https?://[A-Za-z0-9.:/_-]+(#artifacts)?")
LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}(\[bot\])?")
"""Form of a login, also of a managed user or a program."""
_SHORT_SHA = 9


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
            checked += [(login, LOGIN) for login in logins]
        for value, pattern in checked:
            if value is not None and not pattern.fullmatch(value):
                raise ValueError(f"{value!r} does not match {pattern.pattern}")

    @property
    def repository_url(self) -> str | None:
        """Address of the repository."""
        return None if self.run_url is None else self.run_url.partition("/actions/")[0]

    @property
    def server_url(self) -> str | None:
        """Address of GitHub, or of an Enterprise Server."""
        return None if self.run_url is None else "/".join(self.run_url.split("/")[:3])


@dataclass(frozen=True, slots=True)
class _Top:
    """The part of a comment above the numbers of the scenarios."""

    icon: str
    headline: str
    changes: str = ""
    """The rows of changes, the bars and the logs, in Markdown."""
    links: Sequence[str] = ()
    """Links in Markdown."""
    baseline: str = ""
    """The sentence about the committed baseline."""
    accepted: str = ""
    """The sentence about accepted changes, which explains why a slower version passes; empty without one."""
    reproduce: str = ""
    """The command that repeats the measurement on the reader's machine; empty if there is none."""
    accept: str = ""
    """The command that accepts the change; empty if there is nothing to accept."""
    digest: str | None = None
    """Digest of the results."""
    notes: Sequence[str] = ()


def marker(suite: str) -> str:
    """Return the first line of a suite's comment, by which the comment is found later."""
    return f"<!-- bench:{suite} -->"


def render_comment(report: SuiteReport, origin: Origin) -> str:
    """Return the comment in at most `LIMIT` characters.

    A comment that would be too long keeps one line of the last scenarios, instead of all their numbers.

    Args:
        report: The judged suite.
        origin: The suite, the commit and the workflow run.
    """
    documents = [make_document(run) for run in report.reports]
    accept = _accept(report, origin)
    top = _Top(
        icon=ICONS[report.word.tone],
        headline=report.headline,
        changes=changes_markdown(report),
        links=[*_links(origin), *_people(report, origin)],
        baseline=_describe_baseline(report.reports),
        accepted=_describe_accepted(report.reports),
        reproduce=_reproduce(report, origin),
        accept=accept,
        digest=origin.digest,
        notes=_notes(report, documents),
    )
    head = template("comment.md.j2").render(top=top, marker=marker(origin.suite))
    footer = template("footer.md.j2").render(lines=_footer(origin, documents))
    space = LIMIT - len(head) - len(footer) - 2 * _SEPARATOR
    folds = _fold(report, documents, space, can_accept=bool(accept))
    return tidy("\n\n".join([head, *folds, footer]))


def render_ending(ending: Ending, origin: Origin, reason: str | None = None) -> str:
    """Return the comment on a measurement that ended without a verdict.

    Args:
        ending: The end.
        origin: The suite, the commit and the workflow run.
        reason: Why, without a full stop; default: a general reason.
    """
    top = _Top(ICONS[ENDINGS[ending].tone], describe_ending(ending, reason), links=[*_links(origin)])
    head = template("comment.md.j2").render(top=top, marker=marker(origin.suite))
    return tidy(f"{head}\n\n{template('footer.md.j2').render(lines=_spent(origin))}")


def _links(origin: Origin) -> Iterator[str]:
    """Yield the page of the run, the logs, and the commit of the pull request."""
    sha = f"`{origin.head_sha[:_SHORT_SHA]}`"
    if origin.run_url is None:
        yield f"commit {sha}"
        return
    yield f"[page of this run]({origin.page_url or f'{origin.run_url}#artifacts'})"
    yield f"[logs]({origin.run_url})"
    place = "commit" if origin.pull is None else f"pull/{origin.pull}/commits"
    yield f"commit [{sha}]({origin.repository_url}/{place}/{origin.head_sha})"


def _people(report: SuiteReport, origin: Origin) -> Iterator[str]:
    """Yield who changed the files of each tier that the headline names; GitHub notifies none of them."""
    claim = None if report.lead is None else find_claim(report.lead)
    for tier in claim.tier_names if claim is not None else ():
        logins = origin.people.get(tier, ())
        named = [_link_person(login, origin) for login in logins[:_MOST_PEOPLE]]
        rest = len(logins) - len(named)
        if named:
            names = wording.listing([*named, f"{rest} more"] if rest else named)
            yield f"{escape(f'`{tier}`')} was changed here by {names}"


def _link_person(login: str, origin: Origin) -> str:
    is_program = login.endswith("[bot]")
    text = escape(login)
    return text if is_program or origin.server_url is None else f"[{text}]({origin.server_url}/{login})"


def _describe_baseline(reports: Sequence[Report]) -> str:
    """Return the sentence that compares each scenario with the committed baseline."""
    levels = []
    for report in reports:
        level = describe_level(report.comparison) or report.comparison.level
        if level is not None:
            levels.append(f"{wording.shorten(report.result.scenario.name)}: {level.removesuffix('.')}")
    return f"Committed baseline: {_join(levels) or 'no comparable run'}."


def _describe_accepted(reports: Sequence[Report]) -> str:
    """Return the sentence about the changes that a person accepted with the level of each scenario."""
    sentences = []
    for report in reports:
        accepted = report.comparison.accepted
        if accepted is not None:
            sentence = wording.shorten(accepted.removesuffix("."), LONGEST_REASON)
            sentences.append(f"{wording.shorten(report.result.scenario.name)}: {sentence}")
    return f"Accepted on this branch: {_join(sentences)}." if sentences else ""


def _join(sentences: Sequence[str]) -> str:
    """Return the first sentences about scenarios as one, and count the others."""
    shown = [*sentences[:_MOST_LEVELS]]
    rest = len(sentences) - len(shown)
    if rest:
        shown.append(f"{wording.counted(rest, 'more scenario')} below")
    return "; ".join(shown)


def _reproduce(report: SuiteReport, origin: Origin) -> str:
    """Return the command that repeats the measurement in the reader's clone; empty for unusual names."""
    lead = report.lead
    stack = None if lead is None else lead.result.fingerprint.stack
    if lead is None or stack is None or not _SUITE.fullmatch(stack):
        return ""
    commands = []
    if origin.pull is not None:
        commands += [f"git fetch origin pull/{origin.pull}/merge", "git switch --detach FETCH_HEAD"]
    name = lead.result.scenario.name
    if lead.comparison.base_name is not None and origin.pull is not None:
        commands.append(f"bench check --suite {origin.suite} --against HEAD^1 --stack {stack}")
    elif _SUITE.fullmatch(name):
        commands.append(f"bench check {name} --stack {stack}")
    else:
        return ""
    return " && ".join(commands)


def _accept(report: SuiteReport, origin: Origin) -> str:
    """Return the command that accepts the change; empty if nothing can, or needs to, be accepted."""
    lead = report.lead
    if lead is None or not is_acceptable(lead.result):
        return ""
    claim = find_claim(lead)
    is_gain = claim is not None and bool(claim.rows) and claim.rows[0].verdict is Verdict.BETTER
    if report.decision in {Decision.FAIL, Decision.INCONCLUSIVE} or is_gain:
        return f"/bench baseline accept {origin.head_sha} <reason>"
    return ""


def _notes(report: SuiteReport, documents: Sequence[Document]) -> list[str]:
    """Return the reasons of the suite and the alerts of its scenarios, and count those that are too many."""
    in_rows = set(map(str, report.not_measured[:MOST_CHANGES]))
    notes = [reason for reason in report.reasons if reason not in in_rows]
    for run, document in zip(report.reports, documents, strict=True):
        lines = (*describe_faults(run.result.summary), *document.alerts)
        notes += [f"{document.scenario}: {line}" for line in lines]
    shown = notes[:_MOST_NOTES]
    rest = len(notes) - len(shown)
    return [*shown, f"{wording.counted(rest, 'more note')}: see the page of this run"] if rest else shown


def _fold(
    report: SuiteReport, documents: Sequence[Document], space: int, *, can_accept: bool
) -> Iterator[str]:
    """Yield a fold for each scenario that did not pass unchanged, and one fold that lists all others."""
    page = template("scenario.md.j2")
    accept = "comment with the command above" if can_accept else None
    pairs = sorted(zip(report.reports, documents, strict=True), key=lambda pair: _is_quiet(report, pair[0]))
    ordered = [document for _, document in pairs]
    for number, (run, document) in enumerate(pairs):
        next_step = advise(run.result, run.comparison, accept)
        fold = page.render(document=document, icon=ICONS[run.word.tone], next_step=next_step)
        space -= len(fold) + _SEPARATOR
        if _is_quiet(report, run) or space < len(_list(ordered[number + 1 :])) + _SEPARATOR:
            yield _list(ordered[number:])
            return
        yield fold


def _is_quiet(report: SuiteReport, run: Report) -> bool:
    """Return whether a run passed without a change for the worse, and the headline does not describe it."""
    return run.decision is Decision.PASS and run.word.tone is not Tone.CAUTION and run is not report.lead


def _list(documents: Sequence[Document]) -> str:
    """Return a fold with one line for each scenario."""
    if not documents:
        return ""
    shown = documents[:_MOST_LISTED]
    return template("others.md.j2").render(documents=shown, rest=len(documents) - len(shown))


def _spent(origin: Origin) -> list[str]:
    """Return the sentence about the minutes that the measurement cost."""
    if origin.minutes is None:
        return []
    minutes = max(1, round(origin.minutes))
    return [f"Suite `{origin.suite}`, {wording.counted(minutes, 'minute')} of GitHub Actions."]


def _footer(origin: Origin, documents: Sequence[Document]) -> list[str]:
    """Return the sentences about the base, the machine and the cost of the measurement."""
    lines = _spent(origin)
    if documents:
        facts: Mapping[str, str] = dict(documents[0].facts)
        lines.append(f"Compared with: {escape(facts['baseline'])}.")
        if "machine" in facts:
            lines.append(f"Machine: {escape(facts['machine'])}.")
    return lines
