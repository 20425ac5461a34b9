from typing import Any

import numpy as np
import pytest
from hypothesis import given

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.samples.timings import TIMINGS, Timing, request_timings
from tests.core.samples.test_samples import MANY
from tests.factories import make_sample


def timings_of(sample: RequestSample) -> dict[Timing, float]:
    """Return the timings of a request that took time."""
    (lengths_ms,) = request_timings(Samples.of([sample])).lengths_ms
    named = zip(TIMINGS, lengths_ms.tolist(), strict=True)
    return {timing: round(length_ms, 6) for timing, length_ms in named if length_ms}


def test_a_streamed_request_has_each_stage() -> None:
    """The moments of a request over a WebSocket, sent twice, divide its time."""
    sample = make_sample(
        at_s=1.0,
        latency_ms=2000.0,
        retries=1,
        retried_s=1.1,
        connect_s=0.05,
        handshake_s=0.02,
        sent_s=1.16,
        first_byte_s=1.3,
        first_token_s=1.4,
        first_reasoning_s=1.4,
        last_reasoning_s=1.8,
        first_answer_s=1.9,
        last_token_s=2.9,
    )
    assert timings_of(sample) == {
        Timing.ATTEMPTS: 100.0,
        Timing.BEFORE_SENDING: 10.0,
        Timing.CONNECT: 30.0,
        Timing.HANDSHAKE: 20.0,
        Timing.FIRST_BYTE: 140.0,
        Timing.FIRST_TOKEN: 100.0,
        Timing.REASONING: 500.0,
        Timing.TOKENS: 1000.0,
        Timing.END: 100.0,
    }


def test_a_response_that_is_not_streamed_has_no_tokens() -> None:
    """After its first byte comes the rest of the answer."""
    sample = make_sample(at_s=0.0, first_byte_s=0.3, finished_s=0.5)
    assert timings_of(sample) == {Timing.BEFORE_SENDING: 1.0, Timing.FIRST_BYTE: 299.0, Timing.END: 200.0}


def test_a_response_may_end_within_its_reasoning() -> None:
    """Without text of the answer, all pieces are reasoning."""
    tokens: dict[str, Any] = {
        "first_token_s": 0.4,
        "first_reasoning_s": 0.4,
        "last_reasoning_s": 0.8,
        "last_token_s": 0.8,
    }
    sample = make_sample(0, **tokens, first_byte_s=0.4, finished_s=0.9)
    timings = timings_of(sample)
    assert (timings[Timing.REASONING], timings[Timing.END]) == (400.0, 100.0)
    assert Timing.TOKENS not in timings


@pytest.mark.parametrize(
    ("moments", "timing"),
    [
        ({"sent_s": None, "first_byte_s": None, "status": None}, Timing.BEFORE_SENDING),
        ({"sent_s": None, "outcome": Outcome.CONNECT_FAILED, "status": None}, Timing.CONNECT),
        ({"sent_s": None, "connect_s": 0.1, "status": 404}, Timing.HANDSHAKE),
        ({"first_byte_s": None}, Timing.FIRST_BYTE),
        ({"first_byte_s": 0.2}, Timing.END),
        ({"first_byte_s": 0.2, "first_token_s": 0.3}, Timing.END),
    ],
)
def test_the_wait_of_a_failed_request_belongs_to_the_stage_it_ended_in(
    moments: dict[str, Any], timing: Timing
) -> None:
    """The time after the last known moment is a wait in the timing that did not end."""
    changes: dict[str, Any] = {"finished_s": 30.0, "outcome": Outcome.TIMEOUT, "tier_times": {}} | moments
    sample = make_sample(0, **changes)
    assert max(timings_of(sample).items(), key=lambda each: each[1])[0] is timing
    assert TIMINGS[int(request_timings(Samples.of([sample])).ended_in[0])] is timing


@given(MANY)
def test_timings_add_up_to_the_time_whatever_a_file_contains(rows: list[RequestSample]) -> None:
    """No timing is negative, and all together are the time from the planned start to the end."""
    samples = Samples.of(rows)
    times = request_timings(samples)
    assert (times.lengths_ms >= 0).all()
    total_ms = 1000 * (samples.column("finished_s") - samples.column("scheduled_s"))
    assert np.allclose(times.total_ms, np.maximum(0.0, total_ms), atol=0.06)
