"""The first screen of a run's page: verdict, decisive interval, affected messages, and numbers."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.core.config.load_words import scenario_in_words
from bench.core.report.affected import (
    UNKNOWN,
    TierChange,
    describe_affected,
    describe_growth,
    describe_since,
    find_decisive_row,
    is_worse,
    list_tiers,
)
from bench.core.report.capacity_words import describe_short_load
from bench.core.report.cautions import Caution, list_cautions
from bench.core.report.headline import Claim, Clue
from bench.core.report.report import Report, find_claim
from bench.core.report.series import RunSeries
from bench.core.report.words import PROVEN
from bench.core.run.result import RunResult, environment
from bench.core.samples.sample import GENERATOR, HOST, Culprit
from bench.core.values import wording
from bench.core.verdict.baseline import fewest_runs
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import Document, list_culprits, split_headline
from bench.render.html.run.decisive import draw_decisive
from bench.render.html.run.decisive_parts import Decisive
from bench.render.html.run.failures import FailureRow, make_failures
from bench.render.html.run.tiles import RunTile, make_tiles

_COMMAND = re.compile(r"^(.*\b(?:run|them|load|commits): )((?:bench|git) .*?)(\.?)$", re.DOTALL)
_MOST_REASONS = 3
_LONGEST_REASON = 120
"""A longer reason is folded, so that the numbers stay on the first screen."""
_LONGEST_NOTE = 100
_MOST_NOTES = 2
_MOST_FAILURES = 3
_VERDICT_ENDS = (f" is {Verdict.WORSE}", f" is {Verdict.BETTER}")
"""Ends of reasons that repeat a verdict, which the drawing and the tables have too."""
INTENDED = "If the change is intended, "
"""The start of the sentence about a change that is intended."""
_HEADLINE_SIZES = {60: "", 90: "medium"}
"""CSS class of a headline by its most characters; a longer one is `long`."""
_LONGEST_LOAD = 60
_NO_SERVICES = frozenset({GENERATOR, HOST})
"""Resources that are no service of the stack."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """The reader's next step, and its command as a text to be copied."""

    text: str
    """The sentence up to the command."""
    command: str
    """The command; empty without one."""
    rest: str
    """The sentence behind the command."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The first screen."""

    about: tuple[str, ...]
    """Stack, commit, time and load of the run."""
    cautions: tuple[Caution, ...]
    """What the reader must know before the numbers."""
    decision: str
    """The decision in capitals."""
    headline: str
    """The headline without the decision."""
    size: str
    """CSS class of the headline's size: empty, `medium` or `long`."""
    change: str
    """The change that decided, such as `+35 %`; empty if no change is proven."""
    next_step: NextStep
    """What the reader can do now."""
    accept: NextStep
    """How to accept a change that is intended; without text if there is none."""
    reasons: tuple[str, ...]
    """Short reasons of the decision."""
    more_reasons: tuple[str, ...]
    """The other reasons, which are folded."""
    decisive: Decisive | None
    """The drawing of the change that decided; None if there is nothing to draw."""
    missing: str
    """Why there is no drawing; empty with one."""
    affected: str
    """Whom the change affects; empty if it is unknown."""
    tiers: tuple[TierChange, ...]
    """The tiers that explain the change."""
    growth: str
    """The growth of the response time; empty if it did not grow."""
    since: str
    """The version that the run was compared with; empty if it was compared with nothing."""
    is_worse: bool
    """The run is worse than that version."""
    is_invalid: bool
    """The run was not judged, because its measurement is not valid."""
    unknown_tier: str
    """Words for a tier that the comparison could not find; empty if it found one, or did not look for it."""
    answer: str
    """The safe load of a search without a baseline, for the mark in the bar; else empty."""
    culprits: str
    """The parts that failed the requests, if these decided; else empty."""
    slowest: str
    """How the link to the slowest request looks: `loud`, `quiet`, or empty without a link."""
    failures: tuple[FailureRow, ...]
    """The most frequent failures of a run that failed."""
    failed: int
    """Number of failed requests."""
    tiles: tuple[RunTile, ...]
    """The numbers at the top."""


def make_overview(report: Report, series: RunSeries, document: Document) -> Overview:
    """Return the first screen of a run's page."""
    decision, sentence = split_headline(document.word, document.headline)
    decisive = draw_decisive(report)
    claim = find_claim(report)
    is_proven = claim is not None and bool(claim.rows) and claim.rows[0].verdict in PROVEN
    shown = [reason for reason in document.reasons if _adds_something(reason, report.headline)][
        :_MOST_REASONS
    ]
    has_unknown = report.decision is Decision.INCONCLUSIVE and decisive is not None
    step, accept = _split_intention(document.next_step)
    capacity = report.result.capacity
    is_search = capacity is not None
    is_new = report.decision is Decision.INCONCLUSIVE and not report.comparison.metrics
    answer = "" if capacity is None or not is_new else describe_short_load(capacity)
    return Overview(
        about=tuple(_about(report.result)),
        cautions=(*list_cautions(report), *_count_notes(document)),
        decision=decision,
        headline=sentence.strip(),
        size=headline_size(sentence if document.capacity is None else document.capacity.short_answer),
        change=_shorten_change(decisive, report) if decisive is not None and is_proven else "",
        next_step=split_command(step),
        accept=split_command(accept),
        reasons=tuple(shown),
        more_reasons=tuple(reason for reason in document.reasons if reason not in shown),
        decisive=decisive,
        missing="" if decisive is not None else _explain_missing(report),
        affected=describe_affected(report),
        tiers=list_tiers(report),
        growth=describe_growth(report),
        since=describe_since(report),
        is_worse=is_worse(report),
        is_invalid=report.decision is Decision.INVALID,
        unknown_tier=UNKNOWN if has_unknown and not is_search else "",
        answer=answer,
        culprits=_name_culprits(report),
        slowest=_choose_slowest(report, claim),
        failures=make_failures(series, None).rows[:_MOST_FAILURES]
        if report.decision is Decision.FAIL
        else (),
        failed=report.result.summary.failed,
        tiles=make_tiles(report, series),
    )


def _shorten_change(decisive: Decisive, report: Report) -> str:
    """Return the change for the mark in the bar; of requests, the share that failed."""
    row = find_decisive_row(report)
    if row is None or row.key != SUCCESS or row.head is None:
        return decisive.main.change
    return f"{wording.percent(1.0 - row.head)} failed"


def _name_culprits(report: Report) -> str:
    """Return the parts that failed the requests of a run that failed because of them; else empty."""
    row = find_decisive_row(report)
    if report.decision is not Decision.FAIL or row is None or row.key != SUCCESS:
        return ""
    summary = report.result.summary
    counts: Counter[Culprit] = Counter()
    for culprits in summary.culprits.values():
        counts.update(culprits)
    words = " ".join(error.detail or "" for error in summary.errors)
    services = [name for name in summary.resources if name not in _NO_SERVICES]
    named = [name for name in services if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words)]
    if not counts or len(named) != 1:
        return list_culprits(counts) if counts else ""
    return f"{list_culprits(counts)}; its words name {wording.shorten(named[0])}"


def headline_size(headline: str) -> str:
    """Return the CSS class of a headline: a longer one is smaller."""
    return next((size for most, size in _HEADLINE_SIZES.items() if len(headline) <= most), "long")


def _adds_something(reason: str, headline: str) -> bool:
    """Return whether a reason is short and says more than the headline and the drawing."""
    is_verdict = reason.endswith(_VERDICT_ENDS)
    return len(reason) <= _LONGEST_REASON and not is_verdict and reason not in headline


def _split_intention(text: str) -> tuple[str, str]:
    """Return a next step, and how to accept the change if it is intended."""
    step, words, accept = text.partition(INTENDED)
    return (step.strip(), words + accept) if words and step else (text, "")


def _choose_slowest(report: Report, claim: Claim | None) -> str:
    """Return the look of the link to the slowest request, which explains a slower run."""
    if report.decision not in {Decision.FAIL, Decision.INCONCLUSIVE} or report.result.capacity is not None:
        return ""
    is_slower = claim is not None and claim.clue in {Clue.TIERS, Clue.SLOWEST}
    return "loud" if is_slower else "quiet"


def split_command(text: str) -> NextStep:
    """Return a next step with its command apart: `…, run: bench baseline accept …`."""
    match = _COMMAND.match(text)
    return NextStep(text, "", "") if match is None else NextStep(*match.groups())


def _about(result: RunResult) -> Iterable[str]:
    provenance = result.provenance
    yield f"{result.fingerprint.stack} ({environment(result.fingerprint)})"
    if provenance.commit is not None:
        subject = "" if provenance.subject is None else f" “{wording.shorten(provenance.subject)}”"
        yield f"commit {provenance.commit[:9]}{subject}"
    yield f"{provenance.started_at:%Y-%m-%d %H:%M} UTC"
    if result.capacity is None:
        load = scenario_in_words(result.scenario)
        if len(load) <= _LONGEST_LOAD:
            yield load


def _count_notes(document: Document) -> Iterator[Caution]:
    """Yield the number of alerts, findings and warnings, and the first alert and finding."""
    for word, notes in (("alert", document.alerts), ("finding", document.findings)):
        if notes:
            shown = [wording.shorten(note, _LONGEST_NOTE) for note in notes[:_MOST_NOTES]]
            if len(notes) > len(shown):
                shown.append(f"{len(notes) - len(shown)} more")
            yield Caution(wording.counted(len(notes), word), "; ".join(shown), "notes")
    if document.warnings:
        yield Caution("", wording.counted(len(document.warnings), "warning"), "notes")


def _explain_missing(report: Report) -> str:
    """Return why a page has no drawing of a change."""
    if report.decision is Decision.INVALID:
        return "The run was not compared, because its measurement is not valid."
    if report.comparison.baseline_runs or report.comparison.metrics:
        return "There is no interval to draw, because no compared change decided this run."
    runs = wording.counted(fewest_runs(is_search=report.result.capacity is not None), "accepted run")
    return (
        f"A baseline is missing, so a change is unknown: {runs} of this scenario and environment are needed. "
        "Or compare two versions with bench ab."
    )
