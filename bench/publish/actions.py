"""What a job of GitHub Actions says to its log, in the runner's own words.

Format: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from bench.core.report.suite import SuiteReport
from bench.core.values.escape import escape_actions
from bench.core.verdict.compare import Decision

_LEVELS = {Decision.FAIL: "error", Decision.INVALID: "warning", Decision.INCONCLUSIVE: "notice"}
_MOST = 10  # of each level a step may have


def annotations(report: SuiteReport) -> str:
    """A line for each run that did not pass, shown at the top of the workflow run; empty when all did."""
    shown = [each for each in report.reports if each.decision in _LEVELS][:_MOST]
    return "".join(
        command(_LEVELS[each.decision], title=f"bench {each.result.scenario.name}", text=each.headline)
        for each in shown
    )


def command(name: str, *, title: str, text: str) -> str:
    """A line that the runner takes for a command; what a target wrote can neither end it nor begin one."""
    return f"::{name} title={escape_actions(title, is_property=True)}::{escape_actions(text)}\n"
