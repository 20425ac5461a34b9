from collections.abc import Callable

import pytest

from bench.core.report.suite import SuiteReport
from bench.render.markdown import suite_markdown
from bench.render.text import suite_text
from tests.render.reports import suites

SUITES = suites()
Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_looks_as_it_was_approved(name: str, golden: Golden) -> None:
    """The decision on all comes first, then a line for each, then the runs that did not pass."""
    golden(f"{name}.txt", suite_text(SUITES[name], width=80, colour=False))
    golden(f"{name}.md", suite_markdown(SUITES[name]))


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_survives_json(name: str) -> None:
    """A suite survives a round trip through JSON."""
    assert SuiteReport.model_validate_json(SUITES[name].model_dump_json()) == SUITES[name]


def test_the_reasons_of_a_suite_are_listed() -> None:
    """The reasons why regressions are excused stand below the headline, escaped."""
    suite = SUITES["suite-failed"].model_copy(update={"reasons": ("one: by chance", "two: <b>")})
    assert "\n  - one: by chance\n  - two: <b>\n\n" in suite_text(suite, width=80, colour=False)
    assert "\n- one: by chance\n- two: \\<b\\>\n\n" in suite_markdown(suite)
