import pytest

from bench.core.report.suite import judge_suite
from bench.publish.actions import annotations, command
from tests.render.reports import reports

REPORTS = reports()


@pytest.mark.parametrize(
    ("kind", "level"),
    [("regression", "error"), ("no-baseline", "notice"), ("interrupted", "warning"), ("too-noisy", "notice")],
)
def test_what_did_not_pass_is_shown(kind: str, level: str) -> None:
    """A failure is an error, what could not be measured a warning, and what is inconclusive a notice."""
    said = annotations(judge_suite([REPORTS[kind]]))
    assert said.startswith(f"::{level} title=bench quick::")
    assert said.count("\n") == 1


def test_a_pass_says_nothing() -> None:
    """Who has nothing to do is told nothing."""
    assert annotations(judge_suite([REPORTS["pass"]])) == ""


def test_a_text_is_one_command() -> None:
    """Lines, per cent and what separates the parts of a command stay text."""
    said = command("error", title="a, b: c", text="50 %\r\n::set-env name=PATH::x")
    assert said == "::error title=a%2C b%3A c::50 %25%0D%0A::set-env name=PATH::x\n"
