"""What is right to read in the events of an answer, or in the part of them that arrived."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.core.samples.sample import Outcome

from .events import Event, Meaning

_PIECES = {Meaning.TEXT, Meaning.REASONING}
_MARKS = {Meaning.PATH_MARK, Meaning.FINAL_MARK}
_COUNTS = {Meaning.USAGE, Meaning.PATH_MARK}
FAILED = frozenset({Outcome.BAD_STREAM})


@dataclass(frozen=True)
class Truth:
    """What is right to read in an answer."""

    outcomes: frozenset[Outcome]
    """The right outcome. A cut between the bytes of an event and its line ends allows two."""
    words: str | None = None
    """Words that the detail must contain."""
    text: str | None = None
    """The complete text of an answer that did not fail."""
    pieces: int | None = None
    """Number of pieces of such an answer."""
    tokens: int | None = None
    """Number of tokens of such an answer."""


def judge_stream(events: Sequence[Event], terminator: bytes, length: int) -> Truth:
    """Return what is right to read in a stream, of which so many bytes arrived."""
    complete: list[Event] = []
    position = 0
    for event in events:
        content_end = position + len(event.content)
        if content_end + len(terminator) <= length:
            complete.append(event)
        elif position + len(event.content.rstrip()) <= length:
            return _judge_unterminated(complete, event)
        elif position < length:
            return _judge_partial(complete, event)
        else:
            break
        position = content_end + len(terminator)
    return _judge(complete)


def _judge_unterminated(complete: Sequence[Event], last: Event) -> Truth:
    """Return what is right if the last event lacks only its line ends: it may be read or not."""
    without_last = _judge(complete)
    with_last = _judge([*complete, last])
    if without_last == with_last:
        return with_last
    return Truth(without_last.outcomes | with_last.outcomes)


def _judge_partial(complete: Sequence[Event], last: Event) -> Truth:
    """Return what is right if the last event is incomplete: the name of an error may have arrived."""
    truth = _judge(complete)
    if last.meaning is Meaning.ERROR and truth.outcomes == FAILED and truth.words is None:
        return Truth(FAILED | {last.outcome})
    return truth


def _judge(events: Iterable[Event]) -> Truth:
    """Return what is right to read in complete events."""
    read = [*_until_the_end(events)]
    for event in read:
        if event.meaning is Meaning.ERROR:
            return Truth(frozenset({event.outcome}), event.value)
    meanings = [event.meaning for event in read]
    marks = [index for index, meaning in enumerate(meanings) if meaning in _MARKS]
    if not marks or Meaning.GARBAGE in meanings[: marks[0]]:
        return Truth(FAILED)
    texts = "".join(event.value for event in read if event.meaning is Meaning.TEXT)
    text = texts.encode("utf-16", "surrogatepass").decode("utf-16")  # joins halves of a character
    pieces = sum(meaning in _PIECES for meaning in meanings)
    counts = [event.value for event in read if event.meaning in _COUNTS and event.value is not None]
    tokens = counts[-1] if counts else pieces or None
    outcome = Outcome.OK if text.strip() else Outcome.WRONG_CONTENT
    return Truth(frozenset({outcome}), text=text, pieces=pieces, tokens=tokens)


def _until_the_end(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events up to the final mark."""
    for event in events:
        yield event
        if event.meaning is Meaning.FINAL_MARK:
            return
