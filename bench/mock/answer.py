"""The answer of the mock model: which tokens it has, decided before its first one is due."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bench.mock.behaviour import MockBehaviour
from bench.mock.json_value import value_of
from bench.mock.request import DeclaredTool, MockRequest
from bench.mock.texts import count_tokens, slices_of, words_of

_TOOL = DeclaredTool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}})


class SegmentKind(Enum):
    """The kind of some tokens of an answer."""

    REASONING = auto()
    TEXT = auto()
    TOOL_CALL = auto()


class FinishReason(Enum):
    """The reason why an answer ends."""

    STOP = auto()
    LENGTH = auto()
    TOOL_CALLS = auto()


@dataclass(frozen=True, slots=True)
class AnswerSegment:
    """Tokens of one kind that follow each other.

    Attributes:
        kind: Their kind.
        tokens: Their texts.
        index: Position of a tool call among the tool calls of the answer.
        name: Name of the called tool.
        is_cut: True if the limit of tokens cut the segment.
    """

    kind: SegmentKind
    tokens: Sequence[str]
    index: int = 0
    name: str = ""
    is_cut: bool = False

    @property
    def text(self) -> str:
        """The complete text."""
        return "".join(self.tokens)


@dataclass(frozen=True, slots=True)
class MockAnswer:
    """A complete answer.

    Attributes:
        segments: Its tokens.
        prompt_tokens: Number of tokens of the prompt.
        finish: The reason why it ends.
    """

    segments: tuple[AnswerSegment, ...]
    prompt_tokens: int
    finish: FinishReason

    @property
    def output_tokens(self) -> int:
        """Number of tokens, with those of the reasoning."""
        return sum(len(segment.tokens) for segment in self.segments)

    @property
    def reasoning_tokens(self) -> int:
        """Number of tokens of the reasoning."""
        return len(self.part(SegmentKind.REASONING).tokens)

    @property
    def calls(self) -> tuple[AnswerSegment, ...]:
        """The tool calls."""
        return tuple(segment for segment in self.segments if segment.kind is SegmentKind.TOOL_CALL)

    def part(self, kind: SegmentKind) -> AnswerSegment:
        """Return the segment of a kind that occurs once; an empty one if the answer has none."""
        for segment in self.segments:
            if segment.kind is kind:
                return segment
        return AnswerSegment(kind, ())


def make_answer(request: MockRequest, behaviour: MockBehaviour, number: int) -> MockAnswer:
    """Return the answer to a request.

    Args:
        request: The request.
        behaviour: Lengths, tool calls and seed.
        number: Number of the request, which changes the texts if the behaviour varies them.
    """
    prompt_tokens = count_tokens(request.prompt)
    if request.is_empty:
        return MockAnswer((), prompt_tokens, FinishReason.STOP)
    seed = behaviour.seed if request.seed is None else request.seed
    key = f"{seed}:{number if behaviour.vary else ''}:{request.prompt}"
    segments: list[AnswerSegment] = []
    if behaviour.reasoning_tokens and request.may_reason:
        words = words_of(f"reasoning:{key}", behaviour.reasoning_tokens)
        segments.append(AnswerSegment(SegmentKind.REASONING, words))
    calls = _count_calls(request, behaviour)
    if calls:
        segments += [_call(request, behaviour, key, index) for index in range(calls)]
    else:
        segments.append(AnswerSegment(SegmentKind.TEXT, _text(request, behaviour, key)))
    kept = _limit(segments, request.limit)
    if kept is not None:
        return MockAnswer(kept, prompt_tokens, FinishReason.LENGTH)
    return MockAnswer(tuple(segments), prompt_tokens, FinishReason.TOOL_CALLS if calls else FinishReason.STOP)


def _count_calls(request: MockRequest, behaviour: MockBehaviour) -> int:
    if not request.may_call:
        return 0
    return max(behaviour.tool_calls, 1 if request.must_call else 0)


def _text(request: MockRequest, behaviour: MockBehaviour, key: str) -> Sequence[str]:
    if request.schema is None:
        return words_of(key, behaviour.tokens)
    return _json_tokens(request.schema, behaviour.tokens, key)


def _call(request: MockRequest, behaviour: MockBehaviour, key: str, index: int) -> AnswerSegment:
    tools = request.tools or (_TOOL,)
    tool = tools[index % len(tools)]
    tokens = _json_tokens(tool.schema, behaviour.tokens, f"{index}:{key}")
    return AnswerSegment(SegmentKind.TOOL_CALL, tokens, index, tool.name)


def _json_tokens(schema: object, count: int, key: str) -> list[str]:
    """Return a JSON object in this number of pieces; spaces lengthen a text that has fewer characters."""
    value = value_of(schema, "".join(words_of(key, 2)))
    text = json.dumps(value if isinstance(value, dict | list) else {"value": value}, ensure_ascii=False)
    return slices_of(text[:-1] + " " * (count - len(text)) + text[-1], count)


def _limit(segments: Sequence[AnswerSegment], limit: int | None) -> tuple[AnswerSegment, ...] | None:
    """Return the segments that fit into a number of tokens; None if all fit."""
    remaining = limit
    kept: list[AnswerSegment] = []
    for segment in segments:
        if remaining is None or remaining >= len(segment.tokens):
            kept.append(segment)
            remaining = None if remaining is None else remaining - len(segment.tokens)
            continue
        if remaining > 0:
            tokens = segment.tokens[:remaining]
            kept.append(AnswerSegment(segment.kind, tokens, segment.index, segment.name, is_cut=True))
        return tuple(kept)
    return None
