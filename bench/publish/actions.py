"""Commands that a job writes to its log for the GitHub Actions runner.

Format: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from bench.core.report.suite import SuiteReport
from bench.core.values.escape import escape_actions
from bench.core.verdict.compare import Decision

_LEVELS = {Decision.FAIL: "error", Decision.INVALID: "error", Decision.INCONCLUSIVE: "notice"}
_MOST = 10  # GitHub's limit for each level of a step


def annotations(report: SuiteReport) -> str:
    """Return an annotation for each run that did not pass; GitHub shows them above the workflow run."""
    lines: list[str] = []
    for failure in report.not_measured:
        lines.append(command("error", title=f"bench {failure.scenario}", text=f"{failure}."))
    for run in report.reports:
        if run.decision in _LEVELS:
            title = f"bench {run.result.scenario.name}"
            lines.append(command(_LEVELS[run.decision], title=title, text=run.headline))
    return "".join(lines[:_MOST])


def command(name: str, *, title: str, text: str) -> str:
    """Return a command for the runner. Text from outside is escaped, so it cannot end or start a command."""
    return f"::{name} title={escape_actions(title, is_property=True)}::{escape_actions(text)}\n"
