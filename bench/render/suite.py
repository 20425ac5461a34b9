"""Several judged runs of one version: the decision on all, then each."""

from bench.core.report.report import Report
from bench.core.report.suite import SuiteReport
from bench.core.verdict.compare import Decision
from bench.render.markdown import ICONS, escape, render_markdown
from bench.render.terminal import clean, render_terminal


def render_suite_terminal(suite: SuiteReport, *, width: int, colour: bool) -> str:
    """The decision and a line for each run; the runs that did not pass stand below as a whole.

    Args:
        suite: What to say.
        width: Columns of the terminal.
        colour: Whether to use ANSI colours.
    """
    lines = [f"{suite.decision.upper()} {suite.headline}"]
    lines += [f"  - {clean(reason)}" for reason in suite.reasons]
    lines += ["", *(f"{each.decision:<9} {_line(each)}" for each in suite.reports)]
    whole = [
        f"\n{clean(each.result.scenario.name)}\n{render_terminal(each, width=width, colour=colour)}"
        for each in suite.reports
        if each.decision is not Decision.PASS
    ]
    return "\n".join(lines) + "\n" + "".join(whole)


def render_suite_markdown(suite: SuiteReport) -> str:
    """The decision, then each run's own report."""
    lines = [f"# {ICONS[suite.decision]} {escape(suite.headline)}", ""]
    lines += [f"- {escape(reason)}" for reason in suite.reasons]
    return "\n".join(lines) + "\n\n" + "\n".join(render_markdown(each) for each in suite.reports)


def _line(report: Report) -> str:
    return f"{clean(report.result.scenario.name)}: {clean(report.headline)}"
