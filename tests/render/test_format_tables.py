"""The tables of formats: names, files and the refusal of other names."""

from collections.abc import Mapping
from typing import Any

import pytest

from bench.core.report.series import make_series
from bench.errors import ConfigError, Exit
from bench.render.document.format import Format, RunInput, SuiteInput, Terminal, TrendInput
from bench.render.formats import PAIR_FORMATS, RUN_FORMATS, SUITE_FORMATS, TREND_FORMATS, find_format
from tests.factories import make_recording
from tests.render.reports import reports, suites
from tests.render.test_trend import TRENDS

TABLES: dict[str, Mapping[str, Format[Any]]] = {
    "run": RUN_FORMATS,
    "pair": PAIR_FORMATS,
    "suite": SUITE_FORMATS,
    "trend": TREND_FORMATS,
}


@pytest.mark.parametrize("subject", TABLES)
def test_each_format_has_its_own_name_and_file(subject: str) -> None:
    """The key of the table is the format's name, and no two formats write to one file."""
    table = TABLES[subject]
    assert [form.name for form in table.values()] == list(table)
    assert len({form.file for form in table.values()}) == len(table)


@pytest.mark.parametrize("subject", TABLES)
def test_an_unknown_format_is_refused(subject: str) -> None:
    """A name that the table lacks is a usage error that lists the table's keys. It never becomes text."""
    with pytest.raises(ConfigError, match="unknown format 'pdf'") as error:
        find_format(TABLES[subject], "pdf")
    assert error.value.exit_code == Exit.USAGE
    assert error.value.hint == f"formats: {', '.join(TABLES[subject])}"


@pytest.mark.parametrize("subject", TABLES)
def test_each_format_is_found_by_its_name(subject: str) -> None:
    """The name in `--out` leads to the format."""
    for name, form in TABLES[subject].items():
        assert find_format(TABLES[subject], name) is form


def test_only_runs_have_a_table_of_requests() -> None:
    """CSV contains the requests of one run, so suites, trends and pairs of versions do not have it."""
    assert [subject for subject, table in TABLES.items() if "csv" in table] == ["run"]


@pytest.mark.parametrize("name", RUN_FORMATS)
def test_each_format_renders_a_run(name: str) -> None:
    """Each format of a run yields text that ends in a newline, and reads stored data only if it needs it."""
    report = reports()["regression"]
    read = []

    def series() -> Any:
        read.append("series")
        return make_series(report.result)

    def samples() -> Any:
        read.append("samples")
        return [make_recording().samples]

    text = "".join(RUN_FORMATS[name].render(RunInput(report, series, samples)))
    assert text.endswith("\n")
    assert "e2e_ms" in text or "slower" in text
    assert set(read) == {"html": {"series"}, "csv": {"samples"}}.get(name, set())


@pytest.mark.parametrize("name", SUITE_FORMATS)
def test_each_format_renders_a_suite(name: str) -> None:
    """Each format of a suite contains each scenario."""
    suite = suites()["suite-failed"]
    runs = [make_series(report.result) for report in suite.reports]
    text = "".join(SUITE_FORMATS[name].render(SuiteInput(suite, lambda: runs, Terminal(80, colour=False))))
    assert text.endswith("\n")
    assert all(report.result.scenario.name in text for report in suite.reports)


@pytest.mark.parametrize("name", TREND_FORMATS)
def test_each_format_renders_trends(name: str) -> None:
    """Each format of trends contains each trend."""
    trends = [TRENDS["worse"], TRENDS["steady"]]
    text = "".join(TREND_FORMATS[name].render(TrendInput(trends)))
    assert text.endswith("\n")
    assert text.count("quick on embedded") == 2 or text.count('"scenario": "quick"') == 2
