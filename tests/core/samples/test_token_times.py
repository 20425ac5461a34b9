from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.samples.sample import Outcome
from bench.core.samples.token_times import TICK_S, TokenLog, TokenTimes
from tests.factories import make_sample

ORIGIN_S = 5_000.0
STREAMS = st.lists(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=40), min_size=1, max_size=8)


def log_of(streams: Sequence[Sequence[float]], **fields: object) -> TokenLog:
    """Return a log of responses, given the times at which their tokens came, in seconds of the run."""
    log = TokenLog()
    for seq, times_s in enumerate(streams):
        sample = make_sample(seq, first_token_s=times_s[0], **fields)
        log.add(sample, [ORIGIN_S + at_s for at_s in times_s])
    return log


@given(STREAMS)
def test_each_gap_is_within_one_response(gaps_s: list[list[float]]) -> None:
    """The time between the last token of a response and the first token of another one is no gap."""
    streams = [np.cumsum(gaps).tolist() for gaps in gaps_s]
    expected_ms = 1000 * np.concatenate([np.diff(times_s) for times_s in streams])
    gaps = log_of(streams).take()[0].gaps
    assert gaps.count == len(expected_ms)
    assert gaps.sum_ms == pytest.approx(expected_ms.sum(), abs=1e-6)
    assert gaps.max_ms == pytest.approx(expected_ms.max(initial=0.0), abs=1e-6)


def test_tokens_of_one_read_have_the_gap_0() -> None:
    """Three tokens that came together are two gaps of 0: each token counts, as in vLLM."""
    gaps = log_of([[1.0, 1.0, 1.0, 1.04]]).take()[0].gaps
    assert (gaps.count, gaps.zero_count) == (3, 2)


@pytest.mark.parametrize("fields", [{"outcome": Outcome.TIMEOUT}, {"arm": 1}])
def test_only_successful_responses_of_the_own_target_count(fields: dict[str, object]) -> None:
    """A failed response, and one of the target that is compared with, have no gaps."""
    assert log_of([[1.0, 1.1]], **fields).take() == {}


def test_a_response_without_stream_has_no_tokens() -> None:
    """A response in one piece adds nothing."""
    log = TokenLog()
    log.add(make_sample(), [])
    assert log.take() == {}


def test_tokens_are_taken_once() -> None:
    """The next batch does not contain the tokens of the one before."""
    log = log_of([[1.0, 1.1]])
    assert log.take().keys() == {0}
    assert log.take() == {}


def test_spans_are_the_periods_with_tokens() -> None:
    """A pause of two seconds in all responses divides the period of their tokens in two."""
    before_s = np.arange(1.0, 3.0, TICK_S / 2)
    stream = [*before_s, *(before_s + 4.0)]
    other = [2.0, 2.0 + TICK_S]
    assert log_of([stream, other]).take()[0].spans() == ((1.0, 3.0), (5.0, 7.0))


def test_load_generators_add_their_tokens() -> None:
    """The gaps of two load generators are all counted, and the periods are those of both."""
    merged = TokenTimes()
    merged.merge(log_of([[0.5, 0.51]]).take()[0])
    merged.merge(log_of([[9.0, 9.01, 9.02]]).take()[0])
    merged.merge(log_of([[0.5, 0.51]]).take()[0])
    assert merged.gaps.count == 4
    assert [round(start_s, 1) for start_s, _ in merged.spans()] == [0.5, 9.0]
