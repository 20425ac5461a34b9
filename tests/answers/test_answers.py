"""Each answer of the files in this folder has its outcome, over both transports."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from bench.core.samples.request import RequestSample
from benchmarks.answers.example import KINDS, Example, read_kind
from benchmarks.answers.request import CONNECTIONS, Reading, request
from benchmarks.answers.serve import serving

EXAMPLES = [
    pytest.param(answer, id=f"{kind}: {answer.name}") for kind in KINDS for answer in read_kind(kind).answers
]


def _read(answer: Example, transport: str) -> Reading:
    async def work() -> Reading:
        async with serving(answer) as url:
            return await request(url, answer.target, transport, answer.expect)

    return asyncio.run(work())


def _kinds(sample: RequestSample) -> list[str]:
    """Return the kinds of text that have times, in the order of their first pieces."""
    times_s = {"reasoning": sample.first_reasoning_s, "content": sample.first_answer_s}
    return sorted(
        (kind for kind, at_s in times_s.items() if at_s is not None), key=lambda kind: times_s[kind] or 0
    )


def _times_s(sample: RequestSample) -> list[float]:
    """Return the moments of an answer that are known, in their order."""
    moments = [sample.sent_s, sample.first_byte_s, sample.first_token_s, sample.first_answer_s]
    moments += [sample.last_token_s, sample.finished_s, sample.closed_s]
    return [at_s for at_s in moments if at_s is not None]


@pytest.mark.parametrize("transport", CONNECTIONS)
@pytest.mark.parametrize("answer", EXAMPLES)
def test_an_answer_has_its_outcome(answer: Example, transport: str) -> None:
    """Outcome, words and counts are those of the file, and the times are in order, over both transports."""
    reading = _read(answer, transport)
    sample = reading.sample
    change = answer.httpx if transport == "httpx" else None
    assert sample.outcome == (change or answer).outcome, sample.detail
    detail = sample.detail or ""
    assert detail.encode().decode() == detail  # a file can hold it
    for words in (change or answer).detail:
        assert words in detail
    expected = answer.model_dump(include={"tokens", "reasoning_tokens", "tiers"}, exclude_none=True)
    actual: dict[str, Any] = {"tokens": sample.tokens, "reasoning_tokens": sample.reasoning_tokens}
    actual["tiers"] = pytest.approx(dict(sample.tier_times))
    assert expected == {name: actual[name] for name in expected}
    for words in answer.remarks:
        assert any(words in remark for remark in reading.remarks), reading.remarks
    if answer.pieces is not None:
        assert len(reading.times_s) == answer.pieces
    if answer.kinds is not None:
        assert _kinds(sample) == answer.kinds
    times_s = _times_s(sample)
    assert all(before_s <= after_s for before_s, after_s in pairwise(times_s)), times_s


def test_every_example_has_a_name_of_its_own() -> None:
    """A row of the page of answers is named once."""
    names = [str(example.id) for example in EXAMPLES]
    assert len(names) == len({*names})
