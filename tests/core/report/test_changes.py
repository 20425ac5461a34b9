from bench.core.report.changes import list_changes
from bench.core.report.not_measured import NotMeasured
from bench.core.report.report import make_report
from bench.core.report.suite import judge_suite
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from tests.core.report.compared_rows import compared, comparison, message, tier
from tests.factories import NOON, run_at

WORSE, TOLERATED, BETTER = Verdict.WORSE, Verdict.WITHIN_TOLERANCE, Verdict.BETTER


def subjects(decision: Decision, *rows: object, **more: object) -> list[str]:
    """Return the subject of each change of one scenario."""
    suite = judge_suite([make_report(run_at(), comparison(decision, *rows, **more))])  # type: ignore[arg-type]
    return [change.subject for change in list_changes(suite)]


def test_the_change_of_the_headline_comes_first() -> None:
    """Then worse metrics before tiers, then tolerated ones, then gains."""
    rows = (
        compared("ttft_ms", BETTER, 120.0, -0.5),
        tier("decode", WORSE, 90.0),
        compared("p95.e2e_ms", TOLERATED, 900.0, 0.05),
        compared("ttfat_ms", WORSE, 100.0, 0.3, part="decides"),
        message("long", WORSE, 1_900.0, 0.48, messages=3),
    )
    assert subjects(Decision.FAIL, *rows) == [
        "long messages (3)",
        "time to first answer token",
        "tier decode",
        "p95 response time",
        "time to first token",
    ]


def test_messages_repeat_a_metric_only_if_they_are_worse() -> None:
    """Four messages within their tolerance say no more than the response time."""
    slower = message("greeting", TOLERATED, 300.0, 0.2)
    metric = compared("e2e_ms", WORSE, 609.0, 0.2)
    assert subjects(Decision.FAIL, metric, slower) == ["response time"]
    assert subjects(Decision.PASS, compared("e2e_ms", Verdict.UNCHANGED, 609.0, 0.0), slower) == [
        "message greeting"
    ]


def test_a_tolerated_tier_is_a_change_only_if_the_first_sentence_names_it() -> None:
    """A tier that takes 3 ms instead of 1 ms is no news of a run without a change, and neither is memory."""
    same = compared("e2e_ms", Verdict.UNCHANGED, 600.0, 0.0)
    small = compared("tier.decode_ms", TOLERATED, 0.7, 3.9)
    memory = compared("service.agent.memory_bytes", TOLERATED, 1e8, 0.05)
    assert subjects(Decision.PASS, same, small, memory) == []
    assert subjects(Decision.PASS, compared("ttft_ms", BETTER, 120.0, -0.5), small) == ["time to first token"]
    slower = compared("e2e_ms", TOLERATED, 600.0, 0.05)
    assert subjects(Decision.PASS, slower, small) == ["response time", "tier decode"]
    assert subjects(Decision.PASS, slower, small, tier("prefill", TOLERATED, 27.0)) == [
        "response time",
        "tier prefill",
    ]


def test_missing_data_drift_and_thresholds_are_changes() -> None:
    """Each is a row, and a run without a change has none."""
    more = {"vanished_messages": ("greeting",)}
    assert subjects(Decision.FAIL, compared("ttft_ms", Verdict.MISSING, 1.0, 0.0), **more) == [
        "message greeting",
        "time to first token",
    ]
    pinned = {"against_pinned": (compared("e2e_ms", WORSE, 400.0, 0.24),), "pinned_at": NOON}
    assert subjects(Decision.FAIL, **pinned) == ["response time since the pinned baseline"]
    assert subjects(Decision.PASS, compared("e2e_ms", Verdict.UNCHANGED, 609.0, 0.0)) == []


def test_doubts_are_rows_only_if_they_decide() -> None:
    """An inconclusive metric is a row of an inconclusive run, and of no other."""
    doubt = compared("e2e_ms", Verdict.INCONCLUSIVE, 609.0, 0.2)
    assert subjects(Decision.INCONCLUSIVE, doubt) == ["response time"]
    slower = tier("decode", WORSE, 90.0).model_copy(update={"p_value": 1e-6})
    assert subjects(Decision.FAIL, doubt, slower) == ["tier decode"]


def test_a_scenario_without_a_result_is_a_change() -> None:
    """Its row has the reason."""
    (change,) = list_changes(judge_suite([], failed=[NotMeasured(scenario="quick", reason="no answer")]))
    assert (change.subject, change.verdict, change.values) == ("quick", "not measured", "no answer")
