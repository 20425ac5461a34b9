import pytest
from pydantic import ValidationError

from bench.core.limits.expression import parse
from bench.core.limits.metric_names import require_figures
from bench.core.limits.threshold import Threshold
from tests.core.limits.limits import thresholds
from tests.factories import make_scenario


def test_a_threshold_may_be_text_or_an_object() -> None:
    """`p(95)<5` is short for a threshold that does not abort the run."""
    limits = thresholds(e2e_ms=["p(95)<5", {"threshold": "avg<3", "abort_on_fail": True}])
    assert limits["e2e_ms"] == (
        Threshold(expression=parse("p(95)<5")),
        Threshold(expression=parse("avg<3"), abort_on_fail=True, delay_abort_eval_s=5.0),
    )
    assert not limits["e2e_ms"][0].abort_on_fail


@pytest.mark.parametrize("limit", ["p95<5", {"threshold": "avg<5", "delay_abort_eval_s": -1}, 5])
def test_a_wrong_threshold_is_refused_when_the_file_is_read(limit: object) -> None:
    """A text outside the grammar, a negative delay and a number are not accepted in a scenario."""
    with pytest.raises(ValidationError):
        thresholds(e2e_ms=[limit])


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("e2e_ms", "rate>0.9", "'rate>0.9': e2e_ms is a trend, which has avg, min, max, med, p(N)"),
        ("e2e_ms", "value>1", "'value>1': e2e_ms is a trend, which has avg, min, max, med, p(N)"),
        ("tier.auth_ms", "count>1", "'count>1': tier.auth_ms is a trend, which has avg, min, max, med, p(N)"),
        ("success_ratio", "p(95)<1", "'p(95)<1': success_ratio is a rate, which has rate"),
        ("requests", "avg>1", "'avg>1': requests is a counter, which has count, rate"),
    ],
)
def test_a_method_must_be_one_of_the_metrics_kind(key: str, text: str, message: str) -> None:
    """The error lists the methods that the metric's kind has."""
    with pytest.raises(ValidationError) as caught:
        make_scenario(thresholds={key: [text]})
    assert message in str(caught.value)


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
    assert make_scenario(thresholds={key: [text]}).thresholds[key][0].expression.source == text


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    """A threshold on a metric that does not exist could never be crossed, so it is refused."""
    with pytest.raises(ValidationError) as caught:
        make_scenario(thresholds={"e2ee": ["avg<1"]})
    message = "there is no metric 'e2ee'; did you mean 'e2e'? metrics: e2e_ms, success_ratio, "
    assert message in str(caught.value)
    assert "tier.<tier>_ms, " in str(caught.value)
    with pytest.raises(ValidationError, match=r"there is no metric 'tier\._ms'"):
        make_scenario(thresholds={"tier._ms": ["avg<1"]})


def test_a_metric_without_a_similar_name_gets_the_list() -> None:
    """Without a near name the error lists the metrics only."""
    with pytest.raises(ValidationError, match=r"there is no metric 'cost'; metrics: e2e_ms, "):
        thresholds(cost=["avg<1"])


def test_figures_must_be_on_the_scale_of_comparisons() -> None:
    """A comparison takes log(x + c), so a figure of -c or less is refused with the prompt's name."""
    require_figures("send_lag_ms", {"greeting": -9.9})
    with pytest.raises(ValueError, match=r"^send_lag_ms of 'greeting' is -10, and must be above -10$"):
        require_figures("send_lag_ms", {"greeting": -10.0})
    with pytest.raises(ValueError, match="there is no metric 'e2e'"):
        require_figures("e2e", {})
