"""The writes of one answer and their times. Write k leaves at start + first + k·step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

from bench.mock.api_format import DocumentFormat, StreamFormat
from bench.mock.behaviour import MockBehaviour
from bench.mock.faults import MockFault

JSON = b"application/json"
"""Media type of a document."""
_MESSAGE = "injected failure"


class ReplyEnd(Enum):
    """What happens with the last write of an answer."""

    COMPLETE = auto()
    """The answer is complete."""
    CUT = auto()
    """The connection ends at once, in the middle of the answer."""
    HANG = auto()
    """No write follows, and the connection stays open."""


@dataclass(frozen=True, slots=True)
class TimedReply:
    """An HTTP answer whose writes have times. Each write is made when it is due.

    Attributes:
        status: Its HTTP status.
        media_type: Its media type.
        is_stream: True if its length is unknown at its begin.
        first_s: Seconds from the start to the first write.
        step_s: Seconds between writes.
        writes: The writes before the last one; it may have further ones, which a fault replaces.
        count: Number of the writes before the last one.
        last: Makes the last write.
        end: What happens with the last write.
    """

    status: int
    media_type: bytes
    is_stream: bool
    first_s: float
    step_s: float
    writes: Iterator[bytes]
    count: int
    last: Callable[[], bytes]
    end: ReplyEnd


_ENDS = {MockFault.CUT: ReplyEnd.CUT, MockFault.HANG: ReplyEnd.HANG}


def make_reply(form: DocumentFormat, behaviour: MockBehaviour, fault: MockFault | None) -> TimedReply:
    """Return the timed answer to a request.

    Args:
        form: The answer in the format of its API.
        behaviour: Times of the model.
        fault: Fault of the answer, other than an HTTP status.
    """
    generated = form.generated
    stream = form if isinstance(form, StreamFormat) and generated.request.streamed else None
    size = behaviour.tokens_per_write
    step_s = size * behaviour.gap_s
    writes = max(1, -(-generated.answer.output_tokens // size))
    last = writes - 1 if fault is None else writes // 2
    first_s = 0.0 if generated.request.is_empty else behaviour.ttft_s
    end = ReplyEnd.COMPLETE if fault is None else _ENDS.get(fault, ReplyEnd.COMPLETE)
    if stream is None:
        return TimedReply(
            status=500 if fault is MockFault.STREAM_ERROR else 200,
            media_type=JSON,
            is_stream=False,
            first_s=first_s + last * step_s,
            step_s=0.0,
            writes=iter(()),
            count=0,
            last=partial(_document, form, fault),
            end=end,
        )
    payloads = _payloads(stream, size)
    return TimedReply(
        status=200,
        media_type=stream.media_type,
        is_stream=True,
        first_s=first_s,
        step_s=step_s,
        writes=payloads,
        count=last,
        last=partial(_end_of_stream, stream, fault, payloads),
        end=end,
    )


def _document(form: DocumentFormat, fault: MockFault | None) -> bytes:
    """Return the only write of an answer that is not streamed."""
    if fault is MockFault.STREAM_ERROR:
        return form.error(500, _MESSAGE)
    if fault is not None:
        return b""
    form.generated.finish()
    return form.document()


def _end_of_stream(form: StreamFormat, fault: MockFault | None, payloads: Iterator[bytes]) -> bytes:
    """Return the last write of a stream: the last tokens and the end, or the fault."""
    if fault is MockFault.STREAM_ERROR:
        return form.error_event(_MESSAGE)
    if fault is not None:
        return b""
    form.generated.finish()
    return next(payloads) + form.tail()


def _payloads(form: StreamFormat, size: int) -> Iterator[bytes]:
    """Yield the bytes of each write: this number of tokens, with the begin and the end of their segments."""
    segments = form.generated.answer.segments
    data = form.head()
    room = size
    for segment in segments:
        data += form.open(segment)
        last = len(segment.tokens) - 1
        text = ""
        for number, token in enumerate(segment.tokens):
            text += token
            room -= 1
            if room == 0 or number == last:
                data += form.piece(segment, text)
                text = ""
            if number == last:
                data += form.close(segment)
            if room == 0:
                yield data
                data = b""
                room = size
    if room < size or not segments:
        yield data
