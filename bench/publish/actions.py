"""Commands that a job writes to its log for the GitHub Actions runner.

Format: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from bench.core.report.suite import SuiteReport
from bench.core.report.verdict_line import describe_not_measured, describe_run
from bench.core.values.escape import escape_actions
from bench.core.verdict.compare import Decision

_LEVELS = {Decision.FAIL: "error", Decision.INVALID: "error", Decision.INCONCLUSIVE: "notice"}
_MOST = 10  # GitHub's limit for each level of a step


def annotations(report: SuiteReport) -> str:
    """Return an annotation for each run that did not pass; GitHub shows them above the workflow run."""
    lines: list[str] = []
    for failure in report.not_measured:
        text = describe_not_measured([failure], 1)
        lines.append(command("error", title=f"bench {failure.scenario}", text=text))
    for run in report.reports:
        level = _LEVELS.get(report.decision_on(run))
        if level is not None:
            title = f"bench {run.result.scenario.name}"
            lines.append(
                command(
                    level, title=title, text=describe_run(run, report.excused.get(run.result.scenario.name))
                )
            )
    return "".join(lines[:_MOST])


def command(name: str, *, title: str, text: str) -> str:
    """Return a command for the runner. Text from outside is escaped, so it cannot end or start a command."""
    return f"::{name} title={escape_actions(title, is_property=True)}::{escape_actions(text)}\n"
