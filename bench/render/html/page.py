"""The format `html`: a report as one file that loads nothing and can be read without its script."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.core.report.suite import SuiteReport
from bench.render.document.format import RunInput, SuiteInput
from bench.render.html.assets import Assets, content_security_policy, embed_json, load_assets
from bench.render.html.charts import Chart
from bench.render.html.parts import ENVIRONMENT, embed_charts
from bench.render.html.run.section import RunSection, make_section


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the page of a run."""
    yield render_page(run.report, run.series()) + "\n"


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the page of a suite."""
    yield render_suite_page(suite.report, suite.series()) + "\n"


def render_page(
    report: Report, series: RunSeries, assets: Assets | None = None, history: str | None = None
) -> str:
    """Return the page of a run.

    Args:
        report: The judged run.
        series: Its curves.
        assets: Style and script; None for those of the package.
        history: Address of the page of its history; None without one.
    """
    title = f"{report.word.text.upper()} {report.result.scenario.name}: {report.headline}"
    return _render(title, [make_section("run", report, series)], assets or load_assets(), history=history)


def render_suite_page(suite: SuiteReport, series: Sequence[RunSeries], assets: Assets | None = None) -> str:
    """Return the page of a suite: the decision on all runs, then each run.

    Args:
        suite: The judged suite.
        series: The curves of each run, in the order of `suite.reports`.
        assets: Style and script; None for those of the package.
    """
    sections = []
    for number, (report, curves) in enumerate(zip(suite.reports, series, strict=True), 1):
        sections.append(make_section(f"run{number}", report, curves, len(suite.reports)))
    title = f"{suite.word.text.upper()} {suite.headline}"
    return _render(title, sections, assets or load_assets(), suite)


def _render(
    title: str,
    sections: Sequence[RunSection],
    assets: Assets,
    suite: SuiteReport | None = None,
    history: str | None = None,
) -> str:
    charts: dict[str, Chart] = {}
    requests = {}
    for section in sections:
        if section.waterfall is not None:
            requests[section.name] = section.waterfall.data
        charts |= section.charts
    return ENVIRONMENT.get_template("page.html.j2").render(
        title=title,
        sections=sections,
        suite=suite,
        history=history,
        style=Markup(assets.style),  # noqa: S704 - the package's own files
        script=Markup(assets.script),  # noqa: S704 - likewise
        policy=content_security_policy(assets),
        charts=embed_charts(charts),
        requests=embed_json(requests),
    )
