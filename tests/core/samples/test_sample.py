import pytest

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import EXCLUDED_OUTCOMES, Outcome, is_generator
from bench.core.values.units import ms
from tests.factories import make_sample


def test_a_sample_cannot_be_changed() -> None:
    """A sample is immutable."""
    sample = make_sample()
    with pytest.raises(AttributeError):
        sample.finished_s = 0.0  # type: ignore[misc]


def test_unknown_fields_are_none() -> None:
    """A sample with only its end has None in all other fields, never 0."""
    sample = RequestSample(
        phase=0,
        vu=0,
        iteration=0,
        prompt="one",
        scheduled_s=0.0,
        finished_s=5.0,
        outcome=Outcome.CONNECT_FAILED,
    )
    unknown = [sample.connect_s, sample.sent_s, sample.first_token_s, sample.tokens, sample.status]
    assert unknown == [None] * 5
    assert dict(sample.tier_times) == {}


def test_only_cancelled_and_unsent_requests_are_excluded() -> None:
    """Every outcome except CANCELLED and NOT_SENT describes the target."""
    assert {Outcome.CANCELLED, Outcome.NOT_SENT} == EXCLUDED_OUTCOMES


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ("generator", True),
        ("generator-2", True),
        ("generator-12", True),
        ("generator-x", False),
        ("token-generator", False),
    ],
)
def test_load_generators_are_recognised_by_name(source: str, ours: bool) -> None:
    """Later load generators have a number; a service with a similar name is a service."""
    assert is_generator(source) is ours


def test_a_second_is_a_thousand_milliseconds() -> None:
    """One function converts seconds to milliseconds."""
    assert ms(1.5) == 1500.0
