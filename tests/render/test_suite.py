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
    """The decision on all stands first, then a line for each, then those that did not pass."""
    golden(f"{name}.txt", suite_text(SUITES[name], width=80, colour=False))
    golden(f"{name}.md", suite_markdown(SUITES[name]))


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_survives_its_file(name: str) -> None:
    """What is written as JSON is read as the same."""
    assert SuiteReport.model_validate_json(SUITES[name].model_dump_json()) == SUITES[name]
