"""Each answer over a WebSocket of `websocket.yaml` has its outcome."""

import asyncio
from itertools import pairwise

import pytest

from bench.core.config.target import Target
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from benchmarks.answers.messages import TARGET, MessageExample, read_messages, serving_messages
from benchmarks.answers.request import request_target

EXAMPLES = [pytest.param(answer, id=answer.name) for answer in read_messages().answers]
_ACCEPTED = 101


def _read(example: MessageExample) -> tuple[RequestSample, int]:
    async def work() -> tuple[RequestSample, int]:
        async with serving_messages(example) as url:
            reading = await request_target(url, Target.model_validate(TARGET), example.expect)
            return reading.sample, len(reading.times_s)

    return asyncio.run(work())


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_answer_over_a_websocket_has_its_outcome(example: MessageExample) -> None:
    """Outcome, status and words are those of the file, and the times are in order."""
    sample, pieces = _read(example)
    assert sample.outcome == example.outcome, sample.detail
    for words in example.detail:
        assert words in (sample.detail or "")
    if example.handshake is None or example.status is not None:
        assert sample.status == (example.status or _ACCEPTED)
    assert example.pieces in {None, pieces}
    moments = [sample.sent_s, sample.first_byte_s, sample.first_token_s, sample.last_token_s]
    known = [at_s for at_s in [*moments, sample.finished_s] if at_s is not None]
    assert all(before_s <= after_s for before_s, after_s in pairwise(known)), known
    if sample.outcome is Outcome.OK:
        assert sample.handshake_s is not None
        assert sample.connect_s is not None
        assert sample.handshake_s <= sample.connect_s
