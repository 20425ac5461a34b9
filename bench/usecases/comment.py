"""Judge runs, show the check of the measured commit, and comment on the pull request."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from bench.core.report.endings import Ending
from bench.core.report.not_measured import NotMeasured
from bench.core.report.suite import SuiteReport
from bench.core.run.job import JobOutcome
from bench.core.run.result import RunResult
from bench.core.run.results_digest import results_digest
from bench.core.verdict.baseline import Baseline, baseline_path
from bench.errors import BenchError, ConfigError, PublishError
from bench.publish.accepted import AcceptedFiles
from bench.publish.check import Check, KeepCheck, check_of, check_of_ending, name_state, repeat_verdict
from bench.publish.context import explain_nothing
from bench.publish.github import GitHub, PullRequest
from bench.publish.plan import Skip, stamp
from bench.publish.pulls import Audience, find_audience
from bench.publish.workflow_run import SUITE, RunAttempt
from bench.render.comment import Origin, render_comment
from bench.store import baselines, scenarios
from bench.usecases.changed_limits import describe_changed_limits
from bench.usecases.compare import FindBaseline
from bench.usecases.job import JobConnection, connect
from bench.usecases.merge import judge_together
from bench.usecases.people import find_people
from bench.usecases.skipped import UNCONFIRMED, is_skip_confirmed
from bench.usecases.stored_runs import StoredSuite, fetch_suite, load_suite

_JUDGED = frozenset({None, "success", "failure"})
"""Conclusions of a workflow run whose results are judged; the others are ends without a verdict."""
_OF_BRANCHES = frozenset({"pull_request", "push", "workflow_dispatch"})
_NEWER = "a newer measurement of the commit is published already"


@dataclass(frozen=True, slots=True)
class PublishedComment:
    """A pull request that has the comment."""

    repository: str
    """`owner/name`."""
    number: int
    """Number of the pull request."""
    changed: bool
    """The comment was created or updated; False if it had the same text before."""


@dataclass(frozen=True, slots=True)
class PublishedCheck:
    """The check of a commit."""

    name: str
    """Name of the check, such as `bench pr`."""
    head_sha: str
    """The commit."""
    conclusion: str | None
    """GitHub's word; None while the commit is being measured."""
    title: str
    """The judgement or the end in one sentence."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a job published about a workflow run. An ordinary end without a verdict is no error."""

    checks: tuple[PublishedCheck, ...] = ()
    """The check, if one was wanted and no newer one exists."""
    comments: tuple[PublishedComment, ...] = ()
    """The pull requests that have the comment."""
    notices: tuple[str, ...] = ()
    """Why there is no check or no comment, in one sentence each."""


def comment(
    runs: Sequence[Path | str] = (),
    *,
    from_run: int | None = None,
    suite: str | None = None,
    author: str | None = None,
    check: bool = True,
    strict: bool = False,
    ended: str | None = None,
) -> Publication:
    """Judge runs, show a check on the measured commit, and comment on its open pull requests.

    The job needs GITHUB_TOKEN and must not have the pull request's files. Result files are treated as
    untrusted input: this function judges and renders them itself, and finds the pull request by the commit.

    Args:
        runs: The folders of the runs, or their result.json files; default: those that the workflow run keeps.
        from_run: The number of the workflow run that measured; default: the one that the event names, else
            that of this job.
        suite: The measured suite; default: the suite that the workflow run names. Each suite has one comment.
        author: Login of the comment's author; default: the token's own login.
        check: Show a check on the commit too.
        strict: An inconclusive result is a failure of the check instead of neutral.
        ended: GitHub's word for the end of the measuring job, such as `cancelled`; default: the conclusion of
            the workflow run, which a job of the same run cannot know.

    Raises:
        ConfigError: The suite is not a name.
        PublishError: This is not a trusted job of GitHub Actions, or GitHub refused.
        StoreError: A result or a baseline cannot be read. The check is red, and has the reason.
    """
    _check_suite(suite)
    connection = connect(from_run)
    nothing = explain_nothing(connection.context)
    if nothing is not None:
        return Publication(notices=(nothing,))
    connection.check_trusted()
    publisher = _Publisher(connection, suite, author, has_check=check, strict=strict)
    run = connection.context.run
    if connection.context.has_begun:
        summary = "The verdict appears here when the workflow run is complete."
        return publisher.show(Check(publisher.suite, None, "Measurement in progress.", summary))
    word = ended or run.conclusion
    if word == Ending.SKIPPED:
        return publisher.skip_run()
    if word not in _JUDGED and word in set(Ending):
        return publisher.end(Ending(word))
    try:
        report = publisher.judge(runs, word)
    except BenchError as error:
        with suppress(PublishError):  # the first error is the cause
            publisher.end(Ending.FAILURE, f"Not measured: {error.message}")
        raise
    return publisher.publish(report)


def preview_comment(
    runs: Sequence[Path | str] = (), *, from_run: int | None = None, suite: str | None = None
) -> str:
    """Return the comment as Markdown and publish nothing; needs no token for runs in folders.

    Args:
        runs: The folders of the runs, or their result.json files.
        from_run: The number of the workflow run that keeps the runs, instead of folders.
        suite: The measured suite; default: `pr`.

    Raises:
        ConfigError: Neither runs nor a workflow run are given, or the suite is not a name.
        StoreError: A result or a baseline cannot be read.
    """
    suite = _check_suite(suite) or SUITE
    stored = load_suite(runs, from_run)
    report = _judge(stored, suite, baselines.load)
    commit = report.reports[0].result.provenance.commit if report.reports else None
    return render_comment(report, _make_origin(stored, Origin(suite, commit or "0" * 40)))


@dataclass(frozen=True)
class _Publisher:
    """Publishes what is known about one workflow run."""

    connection: JobConnection
    named_suite: str | None
    author: str | None
    has_check: bool
    strict: bool
    stored: list[StoredSuite] = field(default_factory=list)
    """The results, when they are loaded."""

    @property
    def suite(self) -> str:
        """The suite that the check names."""
        named = self.named_suite or self.connection.context.run.named_suite
        jobs = [stored.job.suite for stored in self.stored if stored.job is not None]
        return named or next(iter(jobs), SUITE)

    def judge(self, runs: Sequence[Path | str], word: str | None) -> SuiteReport | None:
        """Load and judge the results; `None` if the job was skipped on purpose, or cancelled.

        Args:
            runs: The folders of the runs; default: those that the workflow run keeps.
            word: GitHub's word for the end of the measuring job.
        """
        stored = load_suite(runs) if runs else self._fetch(word)
        self.stored.append(stored)
        if _find_ending(stored) is not None:
            return None
        changed = tuple(describe_changed_limits(stored.results))
        return _judge(stored, self.suite, self._find_baselines(), changed)

    def _fetch(self, word: str | None) -> StoredSuite:
        """Return the results of the newest attempt. Those of an older one never replace missing results."""
        run = self.connection.context.run
        only_attempt = run.only_attempt(word)
        stored = fetch_suite(self.connection.runs, run.id, self.named_suite or run.named_suite, only_attempt)
        if only_attempt is None or stored.results or stored.failures or stored.job:
            return stored
        reason = f"attempt {only_attempt} of the workflow run stored no result; the log of its job shows why"
        failed = [NotMeasured(scenario=name, reason=reason) for name in scenarios.of_suite(self.suite)]
        return replace(stored, failures=tuple(failed))

    def publish(self, report: SuiteReport | None) -> Publication:
        """Show the check, and write the comment."""
        (stored,) = self.stored
        run = self.connection.context.run
        audience = self._find_audience()
        ending = _find_ending(stored)
        if report is None or ending is not None:
            reason = stored.job.reason if stored.job else None
            if ending is Ending.SKIPPED and not self._is_skip_confirmed(audience):
                ending, reason = Ending.FAILURE, UNCONFIRMED
            return self.end(ending or Ending.SKIPPED, reason)
        origin = Origin(self.suite, run.head_sha, self.connection.context.run_url)
        if audience.pulls:
            people = find_people(report, self.connection)
            origin = replace(origin, pull=audience.pulls[0].number, people=people)
        body = stamp(render_comment(report, _make_origin(stored, origin)), run.attempt)
        shown = self.show(check_of(report, self.suite, body, strict=self.strict), audience)
        if _NEWER in shown.notices:
            return shown
        return replace(shown, comments=tuple(self._say(audience, body)))

    def end(self, ending: Ending, reason: str | None = None) -> Publication:
        """Show the check of a measurement that ended without a verdict."""
        wanted = check_of_ending(self.suite, ending, self.connection.context.run_url, reason)
        published = self.show(wanted, self._find_audience())
        return replace(published, notices=(*published.notices, wanted.title))

    def skip_run(self) -> Publication:
        """Conclude the check that is in progress for a run whose jobs were all skipped, and create none.

        For example, another label starts such a run. An earlier verdict on the commit stays as it is. Without
        one, only a reason that GitHub confirms is not red: a fork can change its workflow, so that it has
        no job.
        """
        context = self.connection.context
        wanted = check_of_ending(self.suite, Ending.SKIPPED, context.run_url)
        verdict = self.connection.github.last_check(context.run.head_sha, self.suite)
        if verdict is not None:
            shown = repeat_verdict(verdict, wanted)
        elif self._is_skip_confirmed(self._find_audience()):
            shown = wanted
        else:
            shown = check_of_ending(self.suite, Ending.FAILURE, context.run_url, UNCONFIRMED)
        published = self.show(shown, only_open=True)
        return replace(published, notices=(*published.notices, wanted.title))

    def show(
        self, wanted: Check, audience: Audience | None = None, *, only_open: bool = False
    ) -> Publication:
        """Show a check at the commit, unless a newer measurement has one."""
        context = self.connection.context
        notices = [audience.reason] if audience is not None and audience.reason else []
        if not self.has_check:
            return Publication(notices=tuple(notices))
        wanted = replace(wanted, attempt=context.run.attempt)
        if audience is not None and audience.state is not None:
            wanted = name_state(wanted, audience.state)
        action = self.connection.github.show(
            context.run.head_sha, wanted, context.run_url, only_open=only_open
        )
        if isinstance(action, KeepCheck) and action.is_outdated:
            return Publication(notices=(_NEWER,))
        if isinstance(action, KeepCheck) and only_open:
            return Publication(notices=tuple(notices))
        shown = PublishedCheck(wanted.name, context.run.head_sha, wanted.conclusion, wanted.title)
        return Publication((shown,), notices=tuple(notices))

    def _say(self, audience: Audience, body: str) -> Iterator[PublishedComment]:
        context = self.connection.context
        for pull in audience.pulls:
            action = self.connection.github.say(pull, body, self.author)
            yield PublishedComment(context.repository, pull.number, not isinstance(action, Skip))

    def _is_skip_confirmed(self, audience: Audience) -> bool:
        """Return whether GitHub confirms the reason of a skip.

        A branch of this repository without an open pull request has none that could be merged.
        """
        github = self.connection.github
        if not audience.pulls:
            return github.is_own(self.connection.context.run.owner)
        return is_skip_confirmed(self.suite, audience.pulls, github)

    def _find_audience(self) -> Audience:
        """Find the pull requests of the measured commit. A merge queue has none."""
        context = self.connection.context
        run = context.run
        if run.event == "merge_group":
            return Audience()
        if context.pull is not None:
            return find_audience([self.connection.github.pull(context.pull)], run.head_sha)
        branch = run.head_branch if run.event in _OF_BRANCHES else None  # a deployment can have a tag
        pulls = self.connection.github.pull_requests(run.head_sha, run.owner, branch)
        return find_audience(pulls, run.head_sha)

    def _find_baselines(self) -> FindBaseline:
        """Return where to find the baseline of a run.

        It is the one that `/bench baseline accept` committed to the branch of the pull request, or that of
        the default branch, whose files are here.
        """
        context = self.connection.context
        github = self.connection.github
        if not github.is_own(context.run.owner):
            return baselines.load
        accepted = AcceptedFiles(
            repository=context.repository,
            head_sha=context.run.head_sha,
            default_branch=self.connection.default_branch(),
            find_bot=lambda: self.author or github.login(),
            folder=baselines.FOLDER,
            api=self.connection.api,
        )

        @cache
        def find_at(place: str) -> Baseline | None:
            return _parse_or_find(accepted.text(f"{baselines.FOLDER}/{place}"), place)

        return lambda result: find_at(baseline_path(result))


def show_accepted(
    github: GitHub,
    pull: PullRequest,
    stored: StoredSuite,
    *,
    origin: Origin,
    attempt: RunAttempt,
    files: Mapping[str, str],
) -> Check:
    """Judge results with the baselines that accept them; show the check and the comment, return the check.

    The accepting commit changes baselines only, so the results of its parent are its own.

    Args:
        github: The repository.
        pull: The pull request.
        stored: The accepted results.
        origin: The suite, the commit that gets the check, and the measuring workflow run.
        attempt: The attempt that measured.
        files: Texts of the changed baselines by their paths.

    Raises:
        BenchError: A baseline cannot be read, or GitHub refused.
    """

    def find(result: RunResult) -> Baseline | None:
        place = baseline_path(result)
        return _parse_or_find(files.get(f"{baselines.FOLDER}/{place}"), place)

    report = _judge(stored, origin.suite, find)
    body = stamp(render_comment(report, _make_origin(stored, replace(origin, pull=pull.number))), attempt)
    wanted = replace(check_of(report, origin.suite, body), attempt=attempt)
    github.show(origin.head_sha, wanted, origin.run_url or "")
    github.say(pull, body)
    return wanted


def _parse_or_find(text: str | None, place: str) -> Baseline | None:
    """Return the baseline of an accepted file; without one, that of the files here (the default branch)."""
    return baselines.of(place) if text is None else baselines.parse_own(text, place)


def _find_ending(stored: StoredSuite) -> Ending | None:
    """Return the end of a job that was skipped on purpose, or cancelled; `None` if its runs are judged."""
    outcome = stored.job.outcome if stored.job else None
    if outcome is JobOutcome.CANCELLED:
        return Ending.CANCELLED
    is_empty = not stored.results and not stored.failures
    return Ending.SKIPPED if outcome is JobOutcome.SKIPPED and is_empty else None


def _judge(
    stored: StoredSuite, suite: str, find_baseline: FindBaseline, notes: Sequence[str] = ()
) -> SuiteReport:
    notes = (*(stored.job.notes if stored.job else ()), *notes)
    return judge_together(
        stored.results, suite, stored.failures, stored.pairs, find_baseline=find_baseline, notes=notes
    )


def _make_origin(stored: StoredSuite, origin: Origin) -> Origin:
    """Return the origin of a comment with the facts that the stored results add."""
    minutes = stored.job.minutes if stored.job else None
    digest = results_digest(stored.results) if stored.results else None
    return replace(origin, digest=digest, minutes=minutes)


def _check_suite(suite: str | None) -> str | None:
    """Return a suite whose name can stand in the marker of a comment."""
    try:
        Origin(suite or SUITE, "0" * 40)
    except ValueError as error:
        raise ConfigError(f"--suite: {error}", "--suite pr") from error
    return suite
