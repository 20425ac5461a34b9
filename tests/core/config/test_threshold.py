from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bench.core.config.threshold import Threshold, ThresholdResult, Thresholds, judge, parse
from bench.core.load.abort import AbortWatch
from bench.core.samples.sample import Outcome, RequestSample
from bench.core.samples.samples import Samples
from tests.factories import make_sample, make_scenario


def thresholds(**limits: Any) -> Thresholds:
    """Thresholds as a scenario's file would say them, by metric."""
    return TypeAdapter(Thresholds).validate_python(limits)


def judged(key: str, text: str, samples: list[RequestSample], elapsed_s: float = 10.0) -> ThresholdResult:
    """The result of one threshold."""
    (result,) = judge(thresholds(**{key: [text]}), Samples.of(samples), elapsed_s)
    return result


# Response times of 100, 200, ... 1000 ms.
TEN = [make_sample(seq, latency_ms=100.0 * (seq + 1)) for seq in range(10)]


@pytest.mark.parametrize("method", ["avg", "min", "max", "med", "rate", "count"])
@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "===", "!="])
def test_every_method_goes_with_every_operator(method: str, sign: str) -> None:
    """The grammar is method, operator, limit, in every combination."""
    expression = parse(f"{method}{sign}12.5")
    assert (expression.method, expression.operator, expression.limit) == (method, sign, 12.5)
    assert expression.percentile is None


@pytest.mark.parametrize(
    ("text", "percentile"),
    [("p(95)<5", 95.0), ("p(99.9)<5", 99.9), ("p( 50 )<5", 50.0), ("p(0)<5", 0.0), ("p(100)<5", 100.0)],
)
def test_percentiles_are_numbers_in_brackets(text: str, percentile: float) -> None:
    """`p(N)` holds a number from 0 to 100, whole or not."""
    expression = parse(text)
    assert (expression.method, expression.percentile) == ("p", percentile)


def test_spaces_mean_nothing() -> None:
    """Spaces around the parts of a threshold change nothing."""
    assert parse("  p( 95 )  <=  5000  ") == parse("p(95)<=5000")


def test_a_limit_may_be_negative() -> None:
    """A send lag may be asked to be above a negative number."""
    assert parse("min>-1.5").limit == -1.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p95<5",
        "avg",
        "avg<",
        "<5",
        "avg=5",
        "avg<5ms",
        "avg<1e3",
        "p(x)<5",
        "p(-1)<5",
        "mean<5",
        "avg<5<6",
    ],
)
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    """A text that is not the grammar's is quoted, and the message says what to write."""
    with pytest.raises(ValueError, match="is not a threshold") as caught:
        parse(text)
    said = f"'{text}' is not a threshold; write for example p(95)<5000, avg<800 or rate>0.95"
    assert str(caught.value) == said


def test_a_percentile_above_a_hundred_is_refused() -> None:
    """There is no 101st percentile."""
    with pytest.raises(ValueError, match=r"^'p\(101\)<5': a percentile is between 0 and 100$"):
        parse("p(101)<5")


@given(st.text(max_size=30))
def test_no_text_is_half_understood(text: str) -> None:
    """Any text is either a threshold or refused with a sentence."""
    try:
        expression = parse(text)
    except ValueError as error:
        assert text in str(error)  # noqa: PT017 - most texts do not get here
    else:
        assert expression.operator in text


def test_a_threshold_may_be_a_text_or_a_table() -> None:
    """`p(95)<5` is short for a threshold that does not abort."""
    limits = thresholds(e2e_ms=["p(95)<5", {"threshold": "avg<3", "abort_on_fail": True}])
    assert limits["e2e_ms"] == (
        Threshold(threshold="p(95)<5"),
        Threshold(threshold="avg<3", abort_on_fail=True, delay_abort_eval_s=5.0),
    )
    assert not limits["e2e_ms"][0].abort_on_fail


@pytest.mark.parametrize("limit", ["p95<5", {"threshold": "avg<5", "delay_abort_eval_s": -1}, 5])
def test_a_threshold_that_is_none_is_refused_where_it_is_written(limit: object) -> None:
    """A bad text, a negative delay and a bare number do not get into a scenario."""
    with pytest.raises(ValidationError):
        thresholds(e2e_ms=[limit])


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("e2e_ms", "rate>0.9", "'rate>0.9': e2e_ms is a trend, which has avg, min, max, med or p(N)"),
        (
            "tier.auth_ms",
            "count>1",
            "'count>1': tier.auth_ms is a trend, which has avg, min, max, med or p(N)",
        ),
        ("success_ratio", "p(95)<1", "'p(95)<1': success_ratio is a rate, which has rate"),
        ("requests", "avg>1", "'avg>1': requests is a counter, which has count or rate"),
    ],
)
def test_a_method_must_be_the_metrics(key: str, text: str, said: str) -> None:
    """A method that the metric's kind does not have is refused, naming those it has."""
    with pytest.raises(ValidationError) as caught:
        make_scenario(thresholds={key: [text]})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *(("e2e_ms", text) for text in ("avg<1", "min<1", "max<1", "med<1", "p(90)<1")),
        ("success_ratio", "rate>0.9"),
        ("requests", "count>1"),
        ("requests", "rate>1"),
        ("tier.decode_ms", "p(50)<1"),
    ],
)
def test_each_kind_of_metric_has_its_methods(key: str, text: str) -> None:
    """Trends have statistics, rates a rate, counters a count and a rate."""
    assert make_scenario(thresholds={key: [text]}).thresholds[key][0].threshold == text


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    """A metric that does not exist could never be crossed, so it is refused."""
    with pytest.raises(ValidationError) as caught:
        make_scenario(thresholds={"e2e": ["avg<1"]})
    said = "there is no metric 'e2e'; there are e2e_ms, success_ratio, "
    assert said in str(caught.value)
    assert "and tier.<tier>_ms" in str(caught.value)
    with pytest.raises(ValidationError, match=r"there is no metric 'tier\._ms'"):
        make_scenario(thresholds={"tier._ms": ["avg<1"]})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("avg<1", 550.0),
        ("min<1", 100.0),
        ("max<1", 1000.0),
        ("med<1", 550.0),
        ("p(90)<1", 910.0),
        ("p(0)<1", 100.0),
        ("p(100)<1", 1000.0),
    ],
)
def test_a_trend_is_measured_over_its_requests(text: str, value: float) -> None:
    """Each statistic of response times is the textbook's."""
    assert judged("e2e_ms", text, TEN).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "crossed"),
    [
        ("count<10", True),
        ("count<11", False),
        ("count<=10", False),
        ("count<=9", True),
        ("count>10", True),
        ("count>9", False),
        ("count>=10", False),
        ("count>=11", True),
        ("count==10", False),
        ("count==9", True),
        ("count===10", False),
        ("count===9", True),
        ("count!=10", True),
        ("count!=9", False),
    ],
)
def test_a_threshold_is_crossed_when_it_does_not_hold(text: str, crossed: bool) -> None:
    """The expression is what must hold, to the very border."""
    assert judged("requests", text, TEN).crossed is crossed


def test_a_result_says_what_was_asked_and_measured() -> None:
    """A judged threshold carries its metric, its text and the measured value."""
    result = judged("success_ratio", "rate > 0.5", TEN)
    assert result == ThresholdResult(metric="success_ratio", threshold="rate > 0.5", value=1.0, crossed=False)


def test_a_counters_rate_is_per_second() -> None:
    """Ten requests in four seconds are 2.5 per second."""
    assert judged("requests", "rate>2", TEN, elapsed_s=4.0).value == 2.5


def test_success_is_the_share_of_requests_that_succeeded() -> None:
    """Every request that did not succeed lowers the rate."""
    samples = [*TEN[:3], make_sample(3, outcome=Outcome.TIMEOUT)]
    assert judged("success_ratio", "rate>0.9", samples).value == 0.75


@pytest.mark.parametrize(
    ("key", "text"),
    [("e2e_ms", "p(95)<5000"), ("success_ratio", "rate>0.1"), ("tier.decode_ms", "avg<9000")],
)
def test_no_data_crosses(key: str, text: str) -> None:
    """Where nothing was measured nothing held: no data is None, and crossed."""
    result = judged(key, text, [])
    assert result.value is None
    assert result.crossed


def test_a_run_that_took_no_time_has_no_rate() -> None:
    """Requests per second of no seconds are not known."""
    result = judged("requests", "rate>0", [], elapsed_s=0.0)
    assert result.value is None
    assert result.crossed


def test_no_requests_are_counted_as_none() -> None:
    """A count of nothing is 0, for that is what was counted."""
    assert judged("requests", "count>=1", []).value == 0.0


def test_only_failures_are_no_latency() -> None:
    """Requests that failed have no response time, however fast they did."""
    samples = [make_sample(seq, outcome=Outcome.HTTP_ERROR, latency_ms=1.0) for seq in range(5)]
    assert judged("e2e_ms", "avg<5000", samples).crossed


def test_what_we_cancelled_does_not_count() -> None:
    """A request that we took back is neither a failure nor a request."""
    samples = [*TEN, *(make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(10, 30))]
    assert judged("success_ratio", "rate>=1", samples).value == 1.0
    assert judged("requests", "count==10", samples).value == 10.0


def test_all_thresholds_are_judged_in_the_order_in_which_they_are_written() -> None:
    """Each limit of each metric has one result."""
    limits = thresholds(success_ratio=["rate>0.9"], e2e_ms=["avg<1", "max<5000"])
    said = [(each.metric, each.threshold, each.crossed) for each in judge(limits, Samples.of(TEN), 10.0)]
    assert said == [
        ("success_ratio", "rate>0.9", False),
        ("e2e_ms", "avg<1", True),
        ("e2e_ms", "max<5000", False),
    ]


def urgent(text: str, delay_s: float = 5.0) -> dict[str, Any]:
    """A threshold that stops the run."""
    return {"threshold": text, "abort_on_fail": True, "delay_abort_eval_s": delay_s}


def abort_reason(limits: Thresholds, samples: Sequence[RequestSample], elapsed_s: float) -> str | None:
    """Why a run with these requests should stop."""
    watch = AbortWatch(limits, make_scenario().phases)
    for sample in samples:
        watch.add(Samples.of([sample]))
    return watch.reason(elapsed_s)


def test_a_run_is_stopped_when_an_urgent_threshold_is_crossed() -> None:
    """The reason names the threshold and what was measured."""
    reason = abort_reason(thresholds(e2e_ms=[urgent("avg<500")]), TEN, 6.0)
    assert reason == "threshold e2e_ms avg<500 was crossed (550 ms)"


def test_a_run_is_not_stopped_while_its_thresholds_hold() -> None:
    """A threshold that holds stops nothing."""
    assert abort_reason(thresholds(e2e_ms=[urgent("avg<600")]), TEN, 6.0) is None


def test_a_run_is_not_stopped_by_a_threshold_that_is_not_urgent() -> None:
    """Without abort_on_fail a crossed threshold is a matter for the end."""
    assert abort_reason(thresholds(e2e_ms=["avg<1"]), TEN, 6.0) is None


@pytest.mark.parametrize(("elapsed_s", "stops"), [(4.9, False), (5.0, True), (5.1, True)])
def test_a_run_is_not_stopped_before_the_delay(elapsed_s: float, stops: bool) -> None:
    """The first moments of a run may be bad: nothing is stopped before the delay is over."""
    reason = abort_reason(thresholds(e2e_ms=[urgent("avg<1", 5.0)]), TEN, elapsed_s)
    assert (reason is not None) is stops


def test_each_threshold_waits_for_its_own_delay() -> None:
    """A limit whose delay is not over hides behind no other of the same metric."""
    limits = thresholds(e2e_ms=[urgent("avg<1", 60.0), urgent("max<2", 1.0)])
    assert abort_reason(limits, TEN, 6.0) == "threshold e2e_ms max<2 was crossed (1,000 ms)"


def test_a_threshold_without_data_stops_nothing() -> None:
    """Before the first answer nothing is known, so nothing is stopped."""
    assert (
        abort_reason(thresholds(e2e_ms=[urgent("avg<1")], success_ratio=[urgent("rate>0.9")]), [], 6.0)
        is None
    )


def test_what_we_took_back_aborts_nothing() -> None:
    """Requests that we cancelled say nothing of the target, and what has no value counts nowhere."""
    taken_back = [make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(5)]
    assert abort_reason(thresholds(success_ratio=[urgent("rate>0.9")]), taken_back, 6.0) is None
    failed = [make_sample(seq, outcome=Outcome.TIMEOUT) for seq in range(5)]
    assert abort_reason(thresholds(e2e_ms=[urgent("avg<1")]), failed, 6.0) is None


def test_a_target_beside_aborts_nothing() -> None:
    """Thresholds are the target's; what the one beside it does crosses none."""
    compare_with = [make_sample(seq, arm=1, outcome=Outcome.HTTP_ERROR) for seq in range(5)]
    assert abort_reason(thresholds(success_ratio=[urgent("rate>0.9")]), compare_with, 6.0) is None


def test_a_warm_up_aborts_nothing() -> None:
    """What is left out of all figures cannot end a run either."""
    phase = {"executor": "constant-vus", "vus": 1, "duration_s": 1, "think_time_s": (0, 0)}
    phases = make_scenario(phases=[{**phase, "warm_up": True}, phase]).phases
    watch = AbortWatch(thresholds(success_ratio=[urgent("rate>0.9")]), phases)
    watch.add(Samples.of([make_sample(0, phase=0, outcome=Outcome.HTTP_ERROR)]))
    assert watch.reason(6.0) is None
    watch.add(Samples.of([make_sample(1, phase=1, outcome=Outcome.HTTP_ERROR)]))
    assert watch.reason(6.0) is not None


def test_a_counter_is_the_sum_of_its_values() -> None:
    """Tokens are counted one by one, not by answer; their rate is tokens per second."""
    samples = [make_sample(0, tokens=7), make_sample(1, tokens=5), make_sample(2)]
    assert judged("tokens", "count>=12", samples) == ThresholdResult(
        metric="tokens", threshold="count>=12", value=12.0, crossed=False
    )
    assert judged("tokens", "rate<1.2", samples, elapsed_s=10.0).value == pytest.approx(1.2)
    assert judged("requests", "count==3", samples).value == 3.0


def test_what_an_answer_lacks_is_in_no_threshold() -> None:
    """Time to first token is of the answers that were streamed; where none was, the limit is crossed."""
    streamed, whole = make_sample(0, first_token_s=0.2), make_sample(1)
    assert judged("ttft_ms", "max<300", [streamed, whole]).value == pytest.approx(200.0)
    assert judged("ttft_ms", "max<300", [whole]) == ThresholdResult(
        metric="ttft_ms", threshold="max<300", value=None, crossed=True
    )
