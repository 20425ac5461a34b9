"""Hostile bytes cost about as much as ordinary ones: a server cannot occupy the load generator.

The limit is a ratio to an ordinary stream of the same length, read in the same process, so no test depends on
the speed of the machine.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pydantic import TypeAdapter

from bench.core.config.target import Answer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_form import AnswerForm
from bench.core.response.tier_times import parse_server_timing
from benchmarks.hostile.kinds import BYTES, KINDS

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
FORMS: dict[str, dict[str, Any]] = {
    "sse": {
        "kind": "sse",
        "text": {"content": ["text", "choices.0.delta.content"], "reasoning": "choices.0.delta.reasoning"},
        "finish_reason": "choices.0.finish_reason",
        "tokens": "usage.completion_tokens",
        "done_data": "[DONE]",
    },
    "ruled sse": {
        "kind": "sse",
        "text": {"path": "text", "where": {"type": "delta"}},
        "done": {"type": "stop"},
        "milestones": {"documents": {"type": "documents"}},
    },
    "ndjson": {"kind": "ndjson", "text": "text", "done": "done", "tokens": "eval_count"},
    "json": {"kind": "json", "text": "text", "tokens": "usage.tokens"},
}
PREPARED = {name: AnswerForm(ANSWERS.validate_python(form)) for name, form in FORMS.items()}
MOST_TIMES = 40
ROUNDS = 3


def fastest_s(work: Callable[[], object]) -> float:
    """Return the shortest processor time of several attempts, which coverage does not slow down."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        times_s = []
        for _ in range(ROUNDS):
            began_s = time.process_time()
            work()
            times_s.append(time.process_time() - began_s)
    finally:
        sys.settrace(tracer)
    return min(times_s)


def read(form: AnswerForm, body: bytes, size: int) -> None:
    """Read a body in parts of a size, as a connection passes it on, and look whether it is complete."""
    reader = AnswerReader(form)
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size], 1.0)
    reader.is_complete()
    reader.end("text/event-stream", 200)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_bytes_takes_long(kind: str, name: str) -> None:
    """Each kind takes at most a multiple of the time of an ordinary stream, whole and in small parts."""
    ordinary = PREPARED["sse"]
    for size in (BYTES, 61):
        usual_s = fastest_s(partial(read, ordinary, KINDS["ordinary"], size))
        took_s = fastest_s(partial(read, PREPARED[name], KINDS[kind], size))
        assert took_s < MOST_TIMES * usual_s


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("kind", ["one event", "lines of data", "deep", "comment lines", "plain lines"])
def test_an_event_that_grows_byte_by_byte_takes_no_more(kind: str, name: str) -> None:
    """The time for an event is in proportion to its length, however many parts it has."""
    short = KINDS[kind].replace(b"\n\n", b"") * 4
    long = short * 8
    usual_s = fastest_s(lambda: read(PREPARED[name], short, 16))
    took_s = fastest_s(lambda: read(PREPARED[name], long, 16))
    assert took_s < 8 * 4 * usual_s


@pytest.mark.parametrize(
    "entry", ["a;dur=1,", ",", '"', ";", '"\\', "a;b;c;d,", '"",', 'a;dur="1",', "new-{};dur=1,"]
)
def test_no_header_of_times_takes_long(entry: str) -> None:
    """A `Server-Timing` of 16 KiB takes at most a multiple of the time of an ordinary stream."""
    text = "".join(entry.format(number) for number in range(BYTES // len(entry)))
    usual_s = fastest_s(lambda: read(PREPARED["sse"], KINDS["ordinary"], BYTES))
    assert fastest_s(lambda: parse_server_timing(text)) < MOST_TIMES * usual_s
