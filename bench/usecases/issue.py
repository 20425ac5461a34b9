"""Keep an issue open while a problem lasts, and close it afterwards."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from bench.core.history.trend import Trend
from bench.core.values.escape import escape_markdown
from bench.core.verdict.compare import Decision
from bench.errors import ConfigError
from bench.publish.check import CheckRun
from bench.publish.github import GitHub
from bench.publish.identity import Identity
from bench.publish.issues import IssueAction, WatchProblem, show_issue
from bench.publish.runs import Runs
from bench.render.markdown import trend_markdown
from bench.store import history as histories
from bench.store import scenarios
from bench.usecases.job import connect_api, read_repository
from bench.usecases.trend import judge_history

INCONCLUSIVE_IN_A_ROW = 3
"""This many inconclusive verdicts in a row open an issue about the gate."""
_MOST_RUNS = 50  # a suite that is measured less often than this has no verdicts in a row
_GATE_HELP = (
    "Measure the noise with `bench baseline noise`, accept more runs into the baseline, or compare the two "
    "versions on one machine with `bench ab`. This issue closes by itself after the next verdict."
)
_SCHEDULE = re.compile(r"([\w-]+\.ya?ml)=([1-9]\d{0,4})")


def keep_trend_issue(suite: str, *, history: Path | str = histories.FOLDER) -> tuple[IssueAction, str]:
    """Keep an issue open while a scenario of a suite is worse; return the action and the issue's title.

    Args:
        suite: The suite whose histories are read.
        history: The folder of histories.

    Raises:
        ConfigError: The suite is unknown.
        PublishError: The token is missing, or GitHub refused.
        StoreError: A history cannot be read.
    """
    names = set(scenarios.of_suite(suite))
    worse = []
    for path in histories.paths(Path(history)):
        if path.stem in names:
            trend = judge_history(path)
            if trend.decision is Decision.FAIL:
                worse.append(trend)
    return _keep_issue(f"trend-{suite}", _describe_trends(suite, worse) if worse else None)


def keep_schedule_issue(workflows: Sequence[str]) -> tuple[IssueAction, str]:
    """Keep an issue open while a scheduled workflow does not run; return the action and the issue's title.

    Args:
        workflows: `FILE=HOURS`: the workflow and the longest time between two runs.

    Raises:
        ConfigError: A text is not `FILE=HOURS`.
        PublishError: The token is missing, or GitHub refused.
    """
    limits = [_parse_schedule(text) for text in workflows]
    runs = Runs(read_repository(), connect_api())
    now = datetime.now(UTC)
    late = []
    for name, limit in limits:
        last = runs.last_started(name, "schedule")
        if now - last > limit:
            hours = limit / timedelta(hours=1)
            late.append(
                f"- `{name}` must run every {hours:.0f} h; its last run started at {last:%Y-%m-%d %H:%M} UTC."
            )
    return _keep_issue("schedule", _describe_schedules(late) if late else None)


def keep_gate_issue(suite: str, workflow: str) -> tuple[IssueAction, str]:
    """Keep an issue open while the newest verdicts are all "cannot tell"; return the action and the title.

    Args:
        suite: The suite of the check.
        workflow: File of the workflow that measures it.

    Raises:
        ConfigError: The suite is unknown.
        PublishError: The token is missing, or GitHub refused.
    """
    scenarios.of_suite(suite)  # refuses an unknown suite
    newest = [*islice(_list_verdicts(suite, workflow), INCONCLUSIVE_IN_A_ROW)]
    inconclusive = [verdict for verdict in newest if verdict[1].is_inconclusive]
    is_blind = len(inconclusive) == INCONCLUSIVE_IN_A_ROW
    return _keep_issue(f"gate-{suite}", _describe_gate(suite, newest) if is_blind else None)


def _list_verdicts(suite: str, workflow: str) -> Iterator[tuple[str, CheckRun]]:
    """Yield the commits that a workflow measured with their checks, the newest first."""
    api = connect_api()
    repository = read_repository()
    github = GitHub(repository, api)
    seen: set[str] = set()
    for run in islice(Runs(repository, api).of_workflow(workflow, {"status": "completed"}), _MOST_RUNS):
        if run.suite == suite and run.head_sha not in seen:
            seen.add(run.head_sha)
            check = github.last_check(run.head_sha, suite)
            if check is not None:
                yield run.head_sha, check


def _parse_schedule(text: str) -> tuple[str, timedelta]:
    match = _SCHEDULE.fullmatch(text)
    if match is None:
        raise ConfigError(f"'{text}' is not FILE=HOURS", "write it like bench-nightly.yml=48")
    return match[1], timedelta(hours=int(match[2]))


def _describe_trends(suite: str, worse: Sequence[Trend]) -> WatchProblem:
    names = ", ".join(sorted({trend.scenario for trend in worse}))
    closes = (
        "This issue closes by itself when the scenario is no longer worse, or when a baseline accepts it."
    )
    body = "\n".join([closes, "", *map(trend_markdown, worse)])
    return WatchProblem(f"bench {suite}: {names} changed for the worse", body)


def _describe_schedules(late: Sequence[str]) -> WatchProblem:
    reason = "GitHub disables the schedules of a repository after 60 days without activity."
    return WatchProblem("bench: a schedule did not run", "\n".join([*late, "", reason]))


def _describe_gate(suite: str, verdicts: Sequence[tuple[str, CheckRun]]) -> WatchProblem:
    lines = [
        f"The last {len(verdicts)} verdicts of suite `{suite}` are inconclusive, so the check stops nothing."
    ]
    lines.append("")
    for sha, check in verdicts:
        lines.append(f"- `{sha[:9]}`: {escape_markdown(check.output.title or check.conclusion or '')}")
    lines += ["", _GATE_HELP]
    return WatchProblem(f"bench {suite}: the gate cannot tell", "\n".join(lines))


def _keep_issue(watch: str, problem: WatchProblem | None) -> tuple[IssueAction, str]:
    api = connect_api()
    repository = read_repository()
    action = show_issue(api, repository, Identity(repository, api), watch, problem)
    return action, problem.title if problem else ""
