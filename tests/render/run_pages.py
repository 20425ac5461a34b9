"""Parsed pages of runs, for the tests of their panels."""

from functools import cache

from bench.core.report.report import Report
from bench.core.report.series import RunSeries, make_series
from bench.render.html.assets import Assets, content_security_policy
from bench.render.html.page import render_page
from tests.render.parsed_page import Element, check_page
from tests.render.reports import reports

_ASSETS = Assets(style="/* the style */", script="/* the library, and the script */")


def parse_run(report: Report, series: RunSeries | None = None) -> Element:
    """Return the page of a run, whose structure is checked."""
    curves = make_series(report.result) if series is None else series
    return check_page(render_page(report, curves, _ASSETS), content_security_policy(_ASSETS))


@cache
def page_of(name: str) -> Element:
    """Return the page of one of the reports, without stored requests."""
    return parse_run(reports()[name])
