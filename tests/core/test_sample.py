import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.core.sample import NOT_ANSWERS, Outcome, Recording, RequestSample, Stop, StopCause
from bench.core.units import ms
from tests.factories import make_recording, make_sample


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("field", ["finished_s", "sent_s"])
def test_a_sample_holds_finite_numbers_only(field: str, number: float) -> None:
    """A moment that is no number is refused where it is made, not where it is averaged."""
    with pytest.raises(ValidationError, match=field):
        RequestSample.model_validate(make_sample().model_dump() | {field: number})


def test_a_sample_has_no_field_that_is_not_documented() -> None:
    """An unknown field is refused."""
    with pytest.raises(ValidationError, match="latency"):
        make_sample(latency=1)


def test_a_sample_cannot_be_changed() -> None:
    """What happened stays as it was measured."""
    sample = make_sample()
    with pytest.raises(ValidationError, match="frozen"):
        sample.finished_s = 0.0  # type: ignore[misc]


def test_what_did_not_happen_is_none() -> None:
    """A sample that only knows its end has None for all the rest, never 0."""
    sample = RequestSample(
        stage=0,
        seq=0,
        user=0,
        turn=0,
        prompt="one",
        scheduled_s=0.0,
        finished_s=5.0,
        outcome=Outcome.CONNECT_FAILED,
    )
    unknown = [sample.connect_s, sample.sent_s, sample.first_token_s, sample.tokens, sample.status]
    assert unknown == [None] * 5


def test_only_what_we_took_back_is_no_answer() -> None:
    """Every outcome but a cancelled request says something about the target."""
    assert set(Outcome) - NOT_ANSWERS == set(Outcome) - {Outcome.CANCELLED}


@given(st.sampled_from(Outcome), st.floats(0, 1e6), st.none() | st.text(max_size=30))
def test_a_recording_survives_json(outcome: Outcome, at_s: float, detail: str | None) -> None:
    """A recording that is written and read again is the same."""
    recording = make_recording(
        [make_sample(at_s=at_s, outcome=outcome, detail=detail)],
        stop=Stop(cause=StopCause.TARGET, reason="the agent stopped"),
        warnings=("odd",),
    )
    assert Recording.model_validate_json(recording.model_dump_json()) == recording


def test_a_second_is_a_thousand_milliseconds() -> None:
    """Seconds become milliseconds in one place."""
    assert ms(1.5) == 1500.0


MOMENTS = ("scheduled_s", "sent_s", "first_byte_s", "first_token_s", "last_token_s", "finished_s")


@given(st.floats(-100, 100), st.sets(st.sampled_from(MOMENTS[1:5])))
def test_another_clock_changes_moments_and_nothing_else(by_s: float, unknown: set[str]) -> None:
    """All moments shift together; spans of time, counts and what did not happen stay as they are."""
    sample = make_sample(at_s=7.0, connect_s=0.02, first_token_s=7.2, last_token_s=7.4, tokens=9)
    sample = sample.model_copy(update=dict.fromkeys(unknown))
    shifted = sample.shifted(by_s)
    for name in MOMENTS:
        before, after = getattr(sample, name), getattr(shifted, name)
        assert after == (None if name in unknown else before + by_s)
    rest = set(RequestSample.model_fields) - set(MOMENTS)
    assert shifted.model_dump(include=rest) == sample.model_dump(include=rest)


def test_every_moment_of_a_sample_is_shifted() -> None:
    """A field in seconds is a moment, but for the length of connecting: a new one must be shifted, too."""
    seconds = {name for name in RequestSample.model_fields if name.endswith("_s")}
    assert seconds == {*MOMENTS, "connect_s"}
