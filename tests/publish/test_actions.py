import pytest

from bench.core.report.suite import judge_suite
from bench.publish.actions import annotations, command
from tests.render.reports import reports

REPORTS = reports()


@pytest.mark.parametrize(
    ("kind", "level"),
    [("regression", "error"), ("no-baseline", "notice"), ("interrupted", "error"), ("too-noisy", "notice")],
)
def test_a_suite_that_did_not_pass_has_an_annotation(kind: str, level: str) -> None:
    """A failure and an invalid run are errors, and an inconclusive run is a notice."""
    log = annotations(judge_suite([REPORTS[kind]]))
    assert log.startswith(f"::{level} title=bench quick::")
    assert log.count("\n") == 1


def test_a_suite_that_passed_has_no_annotation() -> None:
    """A suite that passed prints no workflow command."""
    assert annotations(judge_suite([REPORTS["pass"]])) == ""


def test_a_text_is_escaped_in_a_workflow_command() -> None:
    """Line breaks, per cent signs and separators cannot start another command."""
    log = command("error", title="a, b: c", text="50 %\r\n::set-env name=PATH::x")
    assert log == "::error title=a%2C b%3A c::50 %25%0D%0A::set-env name=PATH::x\n"
