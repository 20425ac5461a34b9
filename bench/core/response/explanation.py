"""Explain an answer part by part: what the target's declaration reads of it, and what would read more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.core.config.prompts import Expectation
from bench.core.config.target import EitherAnswer, JsonAnswer, SseAnswer, Target, WebSocketAnswer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_form import AnswerForm
from bench.core.response.draft import Draft, draft_answer, list_missing, split_body
from bench.core.response.either_form import EitherForm, prepare_form
from bench.core.response.failure import Failure, Response, find_failure, is_success
from bench.core.response.server_words import find_words, guess_form
from bench.core.response.stream import PLAIN_TEXT, EventDecoder, NdjsonDecoder, SseDecoder, StreamError
from bench.core.values.units import ms

_LONGEST_TEXT = 60


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A part of a body, as one read of the connection returned it."""

    content: bytes
    """The bytes."""
    at_s: float
    """When it was read, in seconds since the request was sent."""


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The answer to one request, with all its bytes and times."""

    url: str
    """Address that was requested."""
    version: str = ""
    """HTTP version; empty without an answer."""
    is_secure: bool = False
    """Whether the connection used TLS."""
    connect_s: float | None = None
    """Duration of opening the connection; `None` if it could not be opened."""
    status: int = 0
    """HTTP status; 0 without an answer."""
    headers: Sequence[tuple[str, str]] = ()
    """Headers in their order, with names in lower case."""
    parts: Sequence[BodyPart] = ()
    """The parts of the body."""
    ended_s: float = 0.0
    """When the exchange ended, in seconds since the request was sent."""
    broken: Failure | None = None
    """Why the exchange ended before the answer did; `None` if it is complete."""

    @property
    def body(self) -> bytes:
        """All bytes of the body."""
        return b"".join(part.content for part in self.parts)

    def header(self, name: str) -> str | None:
        """Return the first header of this name in lower case, or `None`."""
        return next((value for header, value in self.headers if header == name), None)


@dataclass(frozen=True, slots=True)
class PartReading:
    """What the declaration reads of one part of a body."""

    at_s: float
    """When the part was read, in seconds since the request was sent."""
    size: int
    """Number of bytes."""
    content: bytes
    """The event that the part completes, or its bytes."""
    meaning: str
    """What the declaration reads of it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a target's declaration reads of an answer."""

    target: Target
    """The target."""
    answer: RecordedAnswer
    """The answer."""
    readings: Sequence[PartReading]
    """What is read of each part."""
    content: AnswerContent
    """The content of the answer."""
    failure: Failure | None
    """Why a run would report the request as failed; `None` if it would not."""
    advice: Draft
    """The declaration that would read more; empty if there is none."""

    @property
    def is_complete(self) -> bool:
        """Whether the answer was read completely."""
        return self.failure is None

    @property
    def read_count(self) -> int:
        """Number of pieces of text that are read."""
        content = self.content
        return len(content.token_times_s) or sum(
            map(bool, (content.text, content.reasoning, content.tool_calls))
        )


def explain(target: Target, answer: RecordedAnswer) -> Explanation:
    """Explain an answer by the declaration of a target."""
    content_type = answer.header("content-type")
    form = _choose_form(target, answer)
    is_answer = is_success(answer.status)
    reader = AnswerReader(form)
    if is_answer:
        for part in answer.parts:
            reader.feed(part.content, part.at_s)
    content = reader.end(content_type, answer.status)
    words = "" if is_answer else find_words(answer.body, content_type)
    took_s = answer.ended_s if content.ended_s is None else content.ended_s
    failure = find_failure(Response(answer.status, words, content, ms(took_s), answer.broken), Expectation())
    draft = draft_answer(answer.body) if is_answer else None
    if draft is not None and answer.broken is not None:
        draft.pop("done_with_body", None)  # the end of a broken body shows nothing
    return Explanation(
        target=target,
        answer=answer,
        readings=[*_read_parts(answer, form)] if is_answer else [],
        content=content,
        failure=failure,
        advice={} if draft is None or content.error is not None else _advise(target, form, draft, content),
    )


def _advise(target: Target, form: AnswerForm, draft: Draft, content: AnswerContent) -> Draft:
    """Return the parts of a draft that the target lacks, below the name of their form if it has two.

    A service that does not stream needs a target of its own.
    """
    if form.asks_stream and draft["kind"] == "json":
        return draft
    missing = list_missing(form.answer, draft)
    if content.ended_s is not None:  # the target declares a mark that the draft does not know
        missing = {name: value for name, value in missing.items() if not name.startswith("done")}
    if missing and isinstance(target.answer, EitherAnswer):
        return {"json" if draft["kind"] == "json" else "stream": missing}
    return missing


def _choose_form(target: Target, answer: RecordedAnswer) -> AnswerForm:
    form = prepare_form(target, target.body)
    return form.choose(answer.header("content-type"), answer.body) if isinstance(form, EitherForm) else form


def _read_parts(answer: RecordedAnswer, form: AnswerForm) -> Iterator[PartReading]:
    """Yield a reading for each event, or for a part that completes none."""
    if isinstance(form.answer, WebSocketAnswer):
        for part in answer.parts:
            yield PartReading(
                part.at_s, len(part.content) - 1, part.content.strip(), _describe(part.content, form)
            )
    elif split_body(answer.body)[0] != form.answer.kind:
        form_name = guess_form(answer.body).value
        for part in answer.parts:
            yield PartReading(part.at_s, len(part.content), part.content, f"not read: {form_name}")
    elif isinstance(form.answer, JsonAnswer):
        *before, last = answer.parts
        for part in before:
            yield PartReading(part.at_s, len(part.content), part.content, "a part of the document")
        yield PartReading(last.at_s, len(last.content), last.content, _describe(answer.body, form))
    else:
        yield from _read_stream(answer, form, is_sse=isinstance(form.answer, SseAnswer))


def _read_stream(answer: RecordedAnswer, form: AnswerForm, *, is_sse: bool) -> Iterator[PartReading]:
    is_over = False
    for part, events in _decode(answer, SseDecoder() if is_sse else NdjsonDecoder()):
        size = len(part.content)
        for name, data in events:
            raw = _write_event(data, name) if is_sse else data + b"\n"
            meaning = "not read: it comes after the end mark" if is_over else _describe(raw, form)
            yield PartReading(part.at_s, size, raw.strip(), meaning)
            is_over = is_over or data.strip() == form.done_data or name in {form.done_event} - {None}
            size = 0
        if size and not events:
            yield PartReading(part.at_s, size, part.content, "no complete event")


def _decode(
    answer: RecordedAnswer, decoder: EventDecoder
) -> Iterator[tuple[BodyPart, Sequence[tuple[str | None, bytes]]]]:
    """Yield each part with the events that it completes, and the end of the body with the last event."""
    try:
        for part in answer.parts:
            events = decoder.feed([part.content], [part.at_s])
            yield part, [*zip(events.names, events.data, strict=False)]
        events = decoder.end(answer.ended_s)
        yield BodyPart(b"", answer.ended_s), [*zip(events.names, events.data, strict=False)]
    except StreamError:  # the result has the reason
        return


def _write_event(data: bytes, name: str | None) -> bytes:
    """Return an event as a server writes it."""
    if name == PLAIN_TEXT:
        return data + b"\n\n"
    lines = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
    return (b"" if name is None else b"event: " + name.encode() + b"\n") + lines + b"\n"


def _describe(raw: bytes, form: AnswerForm) -> str:
    """Return what a declaration reads of one event or document, in words."""
    reader = AnswerReader(form)
    reader.feed(raw, 0.0)
    content = reader.end()
    facts = [*_texts_in(content), *_values_in(content)]
    if facts:
        return ", ".join(facts)
    is_readable = content.problem is None or content.problem.startswith("the stream ended before")
    return "nothing to read" if is_readable else f"not read: {content.problem}"


def _texts_in(content: AnswerContent) -> Iterator[str]:
    if content.error is not None:
        yield f"error: {content.error.message}"
    texts = {"content": content.text, "reasoning": content.reasoning, "refusal": content.refusal}
    for kind, text in texts.items():
        if text:
            yield f"{kind} {_shorten(text)}"
    for name in content.tool_calls:
        yield f"tool call {name}".rstrip()
    if content.token_times_s and not any((*texts.values(), content.tool_calls)):
        yield "a part of a tool call"


def _values_in(content: AnswerContent) -> Iterator[str]:
    for name in content.milestones:
        yield f"milestone {name}"
    if content.tokens is not None:
        yield f"{content.tokens} tokens"
    if content.reasoning_tokens is not None:
        yield f"{content.reasoning_tokens} reasoning tokens"
    if content.tier_times:
        yield f"times of {', '.join(content.tier_times)}"
    if content.finish_reason is not None:
        yield f"finish reason {content.finish_reason}"
    if content.ended_s is not None:
        yield "end mark"


def _shorten(text: str) -> str:
    shown = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
    return '"' + shown.replace("\n", "\\n") + '"'
