from typing import Any

import pytest

from bench.core.report.report import TOLERATED_STEP, make_report
from bench.core.report.sentences import explaining_tiers
from bench.core.report.words import Tone
from bench.core.verdict.compare import Decision
from bench.core.verdict.message_comparison import MessageComparison
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.report.compared_rows import compared, comparison, message, tier
from tests.factories import NOON, run_at

WORSE, SAME, TOLERATED = Verdict.WORSE, Verdict.UNCHANGED, Verdict.WITHIN_TOLERANCE
SLOWER_LONG = "Long messages are 48 % slower (1.9 → 2.8 s, 3 of 13 messages)"
LONG = message("long", WORSE, 1_900.0, 0.48, messages=3)
SHORT = message("short", SAME, 420.0, 0.01, messages=10)
SLOWER_SHORT = message("short", TOLERATED, 420.0, 0.19, messages=10)
SLOWER = compared("e2e_ms", WORSE, 609.0, 0.2)
PREFILL = tier("prefill", WORSE, 48.0)
FORM = message("create_form", WORSE, 612.0, 2.1)
OTHERS = tuple(message(f"m{number}", SAME, 400.0, 0.0) for number in range(12))


def headline(decision: Decision, *rows: MetricComparison | MessageComparison, **more: Any) -> str:
    """Return the first sentence of a report on these rows."""
    return make_report(run_at(), comparison(decision, *rows, **more)).headline


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ((LONG, SHORT, PREFILL), f"{SLOWER_LONG}, in `prefill`."),
        ((SLOWER, LONG, SHORT), f"{SLOWER_LONG}."),
        (
            (SLOWER, LONG, SLOWER_SHORT, tier("decode", WORSE, 90.0)),
            "All messages are 20 % slower (609 → 731 ms), in `decode`.",
        ),
        ((FORM, *OTHERS), "One message is 3.1 times as slow: create_form (0.6 → 1.9 s)."),
        ((SLOWER, FORM, *OTHERS), "One message is 3.1 times as slow: create_form (0.6 → 1.9 s)."),
        ((SLOWER, FORM), "Responses are 20 % slower (609 → 731 ms)."),
        (
            (FORM, message("sum", WORSE, 100.0, 0.8), *OTHERS),
            ("2 messages are slower: create_form is 3.1 times as slow (0.6 → 1.9 s) "
            "and sum is 80 % slower (100 → 180 ms)."),
        ),
        (
            (message("forms", WORSE, 100.0, 0.5, messages=1), *OTHERS),
            "Messages of class forms are 50 % slower (100 → 150 ms, 1 of 12 messages).",
        ),
        (
            (message("refusal", WORSE, 100.0, 0.5, messages=2), *OTHERS),
            "Refusals are 50 % slower (100 → 150 ms, 2 of 12 messages).",
        ),
        (
            (message("long", WORSE, 100.0, 0.5, messages=2, key="ttft_ms"), *OTHERS),
            "Long messages are 50 % slower in time to first token (100 → 150 ms, 2 of 12 messages).",
        ),
        ((compared("ttft_ms", WORSE, 120.0, 0.25),), "Time to first token is 25 % slower (120 → 150 ms)."),
        (
            (compared("p95.e2e_ms", WORSE, 900.0, 0.4), compared("e2e_ms", SAME, 500.0, 0.0)),
            "p95 response time is 40 % slower (0.9 → 1.3 s); response time: no change.",
        ),
        (
            (tier("queue", WORSE, 40.0), compared("e2e_ms", TOLERATED, 500.0, 0.05)),
            "The tier `queue` is 40 % slower (100 → 140 ms); response time: slower, within tolerance.",
        ),
        (
            (compared("service.agent.memory_bytes", WORSE, 48e6, 0.31),),
            "`agent` needs 31 % more memory (48.0 MB → 62.9 MB).",
        ),
        (
            (compared("service.agent.cpu_ms", WORSE, 12.0, 1.5),),
            "`agent` needs 2.5 times as much processor time per request (12 → 30 ms).",
        ),
        (
            (compared("requests_rps", WORSE, 10.0, -0.5),),
            "Throughput is 50 % lower (10 requests/s → 5 requests/s).",
        ),
        (
            (compared("success_ratio", WORSE, 1.0, -0.1, base_requests=40, head_requests=20),),
            "Fewer requests succeeded: 90 % of 20 requests, compared with 100 % of 40 requests.",
        ),
    ],
)  # fmt: skip
def test_a_failure_names_what_is_worse(rows: Any, sentence: str) -> None:
    """The first sentence names the messages or the metric, the size, both values and the tier."""
    assert headline(Decision.FAIL, *rows) == sentence


def test_vanished_messages_are_named() -> None:
    """At most three are named, and the others are counted."""
    one = headline(Decision.FAIL, vanished_messages=("greeting",))
    assert one == "One message has no answer any more, but the baseline has answers: greeting."
    many = headline(Decision.FAIL, vanished_messages=tuple("abcde"), base_name="main")
    assert many == "5 messages have no answer any more, but main has answers: a, b, c and 2 more."


def test_drift_is_a_sentence_of_its_own() -> None:
    """It names the pinned baseline, the metric, the size and both values."""
    pinned = (compared("e2e_ms", WORSE, 400.0, 0.24),)
    sentence = headline(Decision.FAIL, against_pinned=pinned, pinned_at=NOON)
    expected = (
        f"Drift since the pinned baseline of {NOON:%Y-%m-%d}: response time is 24 % slower (400 → 496 ms)."
    )
    assert sentence == expected


def test_a_tolerated_change_has_its_own_sentence_and_tone() -> None:
    """The run passes, but it is not the same as no change."""
    slower = compared("e2e_ms", TOLERATED, 609.0, 0.041)
    report = make_report(run_at(), comparison(Decision.PASS, slower))
    assert report.headline == "Responses are 4.1 % slower (609 → 634 ms); 10 % is tolerated."
    assert (report.word.text, report.word.tone) == ("pass, but slower", Tone.CAUTION)
    assert report.next_step == TOLERATED_STEP
    messages = make_report(
        run_at(), comparison(Decision.PASS, message("long", TOLERATED, 200.0, 0.15, messages=2))
    )
    expected = "Long messages are 15 % slower (200 → 230 ms, 2 of 2 messages); 20 % is tolerated."
    assert (messages.headline, messages.word.tone) == (expected, Tone.CAUTION)
    assert make_report(run_at(), comparison(Decision.PASS, SHORT)).word.tone is Tone.GOOD


def test_a_change_without_the_machine_has_the_values_that_belong_to_it() -> None:
    """On a slower machine, the printed value leaves the machine out, as the change does."""
    slower = compared("e2e_ms", WORSE, 400.0, 0.25, head=550.0, machine_ratio=0.1)
    sentence = headline(Decision.FAIL, slower)
    assert sentence == "Responses are 25 % slower (400 → 500 ms, without the machine's +10 %)."


def test_a_proven_change_never_looks_like_none() -> None:
    """The size is not 0, and both values differ."""
    assert headline(Decision.FAIL, compared("e2e_ms", WORSE, 1_000.0, 0.0004)) == (
        "Responses are less than 0.1 % slower (1.0000 → 1.0004 s)."
    )


def test_a_saturated_machine_stands_in_the_first_sentence() -> None:
    """Also if something else decided; it is named once."""
    words = "the machine was saturated"
    crossed = comparison(Decision.FAIL, SLOWER, saturation=words)
    assert make_report(run_at(), crossed).headline.endswith(f"(609 → 731 ms); {words}.")
    unsure = crossed.model_copy(update={"decision": Decision.INCONCLUSIVE, "reasons": (words,)})
    assert make_report(run_at(), unsure).headline == f"Cannot tell: {words}."


def test_the_tiers_of_a_sentence_explain_the_growth() -> None:
    """Each shows a change by its own test and has a fifth of the growth; unattributed time is never named."""
    rows = (
        tier("unattributed", WORSE, 100.0),
        tier("decode", WORSE, 60.0),
        tier("prefill", TOLERATED, 50.0),
        tier("agent", SAME, 50.0),
        tier("queue", Verdict.INCONCLUSIVE, 50.0),
        tier("auth", WORSE, 5.0),
        tier("backend", Verdict.BETTER, -50.0),
    )
    assert [row.key for row in explaining_tiers(rows)] == []
    assert [row.key for row in explaining_tiers(rows[1:3])] == ["tier.decode_ms", "tier.prefill_ms"]
    assert explaining_tiers(rows[:1]) == ()
    assert explaining_tiers(()) == ()
