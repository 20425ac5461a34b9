"""A scenario that was not measured, and the effect of accepted runs."""

from bench.core.report.not_measured import NotMeasured
from bench.core.report.suite import judge_suite
from bench.core.verdict.compare import Decision
from bench.render.effect import effect_markdown
from bench.render.markdown import suite_markdown
from bench.render.text import suite_text

FAILED = NotMeasured(
    scenario="quick",
    reason="service 'agent' did not start",
    log=("agent | Traceback", "agent | <b>KeyError</b>"),
)
SUITE = judge_suite([], expected=("quick",), failed=[FAILED])


def test_the_text_has_the_end_of_the_log() -> None:
    """A reader sees why the stack did not start, and the suite does not pass."""
    assert SUITE.decision is Decision.INVALID
    text = suite_text(SUITE, width=100, colour=False)
    assert "service 'agent' did not start" in text
    assert "The end of the log of quick:\n  agent | Traceback\n  agent | <b>KeyError</b>\n" in text


def test_markdown_has_the_end_of_the_log_in_a_block_of_code() -> None:
    """The log comes from a service, so its markup is text, and the fold is open."""
    text = suite_markdown(SUITE)
    assert "<details open><summary>quick: the last 2 lines of its log</summary>" in text
    assert "\n```text\nagent | Traceback\nagent | <b>KeyError</b>\n```\n" in text


def test_a_failed_service_is_named_once() -> None:
    """The explanation adds the service and the exit code that the reason does not name."""
    failed = FAILED.model_copy(update={"service": "agent", "exit_code": 3})
    assert failed.explanation == "service 'agent' did not start (exit code 3)"
    other = failed.model_copy(update={"reason": "the stack ended with exit code 3"})
    assert other.explanation == "the stack ended with exit code 3 (service 'agent')"
    assert "<summary>agent, exit code 3: the last 2 lines of its log" in suite_markdown(
        judge_suite([], failed=[failed])
    )


def test_a_suite_without_a_log_has_none() -> None:
    """A scenario without a result has a reason only."""
    suite = judge_suite([], expected=("quick",))
    assert "end of the log" not in suite_text(suite, width=100, colour=False)
    assert "of its log" not in suite_markdown(suite)


def test_the_effect_of_accepted_runs_is_a_list() -> None:
    """Lines about a metric are below the line about their baseline."""
    lines = ["quick: new level, 1 run", "  response time: new level <609> → 731 ms"]
    text = effect_markdown(lines)
    assert text.startswith("- quick: new level, 1 run\n  - response time")
    assert "<609>" not in text
