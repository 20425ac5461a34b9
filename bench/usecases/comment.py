"""Judge runs and comment on the pull request."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.core.report.suite import SuiteReport
from bench.core.verdict.baseline import Baseline, baseline_path
from bench.errors import ConfigError
from bench.publish.accepted import AcceptedFiles
from bench.publish.check import check_of
from bench.publish.context import SUITE, Context
from bench.publish.github import GitHub
from bench.publish.plan import Skip
from bench.render.comment import Origin, render_comment
from bench.store import baselines
from bench.usecases.compare import FindBaseline
from bench.usecases.job import connect, connect_api
from bench.usecases.merge import judge_together
from bench.usecases.stored_runs import load_suite


@dataclass(frozen=True, slots=True)
class PublishedComment:
    """A pull request that has the comment."""

    repository: str
    """`owner/name`."""
    number: int
    """Number of the pull request."""
    changed: bool
    """The comment was created or updated; False if it had the same text before."""


def comment(
    runs: Sequence[Path | str] = (),
    *,
    from_run: int | None = None,
    suite: str | None = None,
    author: str | None = None,
    check: bool = True,
    strict: bool = False,
) -> tuple[PublishedComment, ...]:
    """Judge runs, show a check on the measured commit, and comment on its open pull requests.

    The job needs GITHUB_TOKEN and must not have the pull request's files. Result files are treated as
    untrusted input: this function judges and renders them itself, and finds the pull request by the commit.

    Args:
        runs: The folders of the runs, or their result.json files.
        from_run: The number of the workflow run that keeps the runs, instead of folders.
        suite: The measured suite; default: the suite that the job names. Each suite has one comment.
        author: Login of the comment's author; default: the token's own login.
        check: Show a check on the commit too.
        strict: An inconclusive result is a failure of the check instead of neutral.

    Raises:
        ConfigError: Neither runs nor a workflow run are given, or the suite is not a name.
        PublishError: This is not a trusted job of GitHub Actions, or GitHub refused.
        StoreError: A result or a baseline cannot be read.
    """
    context, github = connect()
    suite = suite or context.suite
    origin = _make_origin(suite, context.head_sha, context.run_url)
    report = _judge(runs, from_run, suite, _accepted_baselines(context, github))
    body = render_comment(report, origin)
    if check:
        wanted = check_of(report, suite, body, strict=strict)
        github.show(context.head_sha, wanted, context.run_url)
    published = []
    for pull in github.pull_requests(context.head_sha, context.head_repository, context.head_branch):
        action = github.say(pull, body, author)
        published.append(PublishedComment(context.repository, pull.number, not isinstance(action, Skip)))
    return tuple(published)


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
    suite = suite or SUITE
    report = _judge(runs, from_run, suite)
    commit = report.reports[0].result.provenance.commit if report.reports else None
    return render_comment(report, _make_origin(suite, commit or "0" * 40))


def _judge(
    runs: Sequence[Path | str],
    from_run: int | None,
    suite: str,
    find_baseline: FindBaseline = baselines.load,
) -> SuiteReport:
    stored = load_suite(runs, from_run)
    return judge_together(stored.results, suite, stored.failures, stored.pairs, find_baseline=find_baseline)


def _accepted_baselines(context: Context, github: GitHub) -> FindBaseline:
    """Return where to find the baseline of a run.

    It is the one that `/bench baseline accept` committed to the branch of the pull request, or that of the
    default branch, whose files are here.
    """
    if context.fork:
        return baselines.load
    accepted = AcceptedFiles(
        repository=context.repository,
        head_sha=context.head_sha,
        default_branch=github.default_branch(),
        bot=github.login(),
        folder=baselines.FOLDER,
        api=connect_api(),
    )

    @cache
    def find_at(place: str) -> Baseline | None:
        path = f"{baselines.FOLDER}/{place}"
        text = accepted.text(path)
        return baselines.of(place) if text is None else baselines.parse_own(text, place)

    return lambda result: find_at(baseline_path(result))


def _make_origin(suite: str, head_sha: str, run_url: str | None = None) -> Origin:
    try:
        return Origin(suite, head_sha, run_url)
    except ValueError as error:
        raise ConfigError(f"--suite: {error}", "--suite pr") from error
