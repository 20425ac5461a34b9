import pytest

from bench.core.limits.expression import parse
from bench.core.limits.judge import ThresholdResult, aggregate, judge
from bench.core.samples.metric import MetricKind
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values.observations import Estimate, Observations
from tests.core.limits.limits import TEN, thresholds
from tests.factories import make_sample


def judge_one(key: str, text: str, samples: list[RequestSample], elapsed_s: float = 10.0) -> ThresholdResult:
    """Return the result of one threshold."""
    (result,) = judge(thresholds(**{key: [text]}), Samples.of(samples), elapsed_s)
    return result


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
def test_a_trend_has_the_textbook_statistics(text: str, value: float) -> None:
    """Each statistic of response times is the textbook's."""
    assert judge_one("e2e_ms", text, TEN).value == pytest.approx(value)


@pytest.mark.parametrize(("text", "crossed"), [("count<10", True), ("count<=10", False), ("count>9", False)])
def test_a_threshold_is_crossed_if_it_does_not_hold(text: str, crossed: bool) -> None:
    """The expression is the condition that must hold."""
    assert judge_one("requests", text, TEN).crossed is crossed


def test_a_result_has_the_threshold_and_the_measured_value() -> None:
    """A result carries its metric, its threshold and the measured value."""
    result = judge_one("success_ratio", "rate > 0.5", TEN)
    assert result == ThresholdResult(
        metric="success_ratio", expression=parse("rate > 0.5"), value=1.0, requests=10, crossed=False
    )


def test_the_rate_of_a_counter_is_per_second() -> None:
    """Ten requests in four seconds are 2.5 per second."""
    assert judge_one("requests", "rate>2", TEN, elapsed_s=4.0).value == 2.5


def test_success_is_the_share_of_requests_that_succeeded() -> None:
    """Every request that did not succeed lowers the rate."""
    samples = [*TEN[:3], make_sample(3, outcome=Outcome.TIMEOUT)]
    assert judge_one("success_ratio", "rate>0.9", samples).value == 0.75


@pytest.mark.parametrize(
    ("key", "text"),
    [("e2e_ms", "p(95)<5000"), ("success_ratio", "rate>0.1"), ("tier.decode_ms", "avg<9000")],
)
def test_missing_data_crosses(key: str, text: str) -> None:
    """Without data the value is None and the threshold is crossed."""
    result = judge_one(key, text, [])
    assert result.value is None
    assert result.crossed


def test_a_run_of_zero_seconds_has_no_rate() -> None:
    """Requests per second are not defined for zero seconds."""
    result = judge_one("requests", "rate>0", [], elapsed_s=0.0)
    assert result.value is None
    assert result.crossed


def test_a_count_without_requests_is_zero() -> None:
    """The count of no requests is 0, not missing."""
    assert judge_one("requests", "count>=1", []).value == 0.0


def test_failed_requests_have_no_latency() -> None:
    """A failed request has no response time, even if it failed fast."""
    samples = [make_sample(seq, outcome=Outcome.HTTP_ERROR, latency_ms=1.0) for seq in range(5)]
    assert judge_one("e2e_ms", "avg<5000", samples).crossed


def test_cancelled_requests_do_not_count() -> None:
    """A request that the VU cancelled is neither a failure nor a request."""
    samples = [*TEN, *(make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(10, 30))]
    assert judge_one("success_ratio", "rate>=1", samples).value == 1.0
    assert judge_one("requests", "count==10", samples).value == 10.0


def test_thresholds_are_judged_in_the_order_of_the_file() -> None:
    """Each threshold of each metric has one result."""
    limits = thresholds(success_ratio=["rate>0.9"], e2e_ms=["avg<1", "max<5000"])
    results = judge(limits, Samples.of(TEN), 10.0)
    assert [(result.metric, result.expression.source, result.crossed) for result in results] == [
        ("success_ratio", "rate>0.9", False),
        ("e2e_ms", "avg<1", True),
        ("e2e_ms", "max<5000", False),
    ]


def test_a_counter_is_the_sum_of_its_values() -> None:
    """The counter of tokens adds the tokens of all answers; its rate is tokens per second."""
    samples = [make_sample(0, tokens=7), make_sample(1, tokens=5), make_sample(2)]
    assert judge_one("tokens", "count>=12", samples) == ThresholdResult(
        metric="tokens", expression=parse("count>=12"), value=12.0, crossed=False
    )
    assert judge_one("tokens", "rate<1.2", samples, elapsed_s=10.0).value == pytest.approx(1.2)
    assert judge_one("requests", "count==3", samples).value == 3.0


def test_a_threshold_skips_requests_without_a_value() -> None:
    """Time to first token exists for streamed answers only; if no answer was streamed, it is crossed."""
    streamed, plain = make_sample(0, first_token_s=0.2), make_sample(1)
    assert judge_one("ttft_ms", "max<300", [streamed, plain]).value == pytest.approx(200.0)
    assert judge_one("ttft_ms", "max<300", [plain]) == ThresholdResult(
        metric="ttft_ms", expression=parse("max<300"), value=None, crossed=True
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [("p(50)<5", 2.0), ("avg<5", 2.0), ("med<5", 2.0), ("min<5", 1.0), ("max<5", 3.0)],
)
def test_statistics_are_those_of_k6(expression: str, value: float) -> None:
    """Each method is the statistic of its name."""
    observed = Observations.of_complete([1.0, 3.0])
    assert aggregate(parse(expression), MetricKind.TREND, observed, 0.0) == Estimate(value)


def test_a_result_survives_json() -> None:
    """A stored result holds the text of its threshold, and reading it gives the parsed threshold."""
    result = judge_one("e2e_ms", "p( 95 ) < 5", TEN)
    assert '"threshold":"p( 95 ) < 5"' in result.model_dump_json()
    assert ThresholdResult.model_validate_json(result.model_dump_json()) == result
