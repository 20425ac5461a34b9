"""What a reader finds in a response."""

from dataclasses import dataclass, field
from typing import Any

from bench.core.response.answer_error import AnswerError


@dataclass(slots=True)
class AnswerContent:
    """The content of a response. An unknown value is `None`. Times in `_s` are on the caller's clock."""

    text: str | None = None
    """The complete text of the answer, with the transcript of its audio."""
    reasoning: str | None = None
    """The complete text of the reasoning."""
    refusal: str | None = None
    """The complete text with which the model refuses to answer."""
    tool_calls: tuple[str, ...] = ()
    """Names of the tools that the answer calls, in their order."""
    finish_reason: str | None = None
    """Why the model stopped, in the server's own word."""
    error: AnswerError | None = None
    """The first error that the response reports."""
    problem: str | None = None
    """Why the response does not have the declared form."""
    no_text: str | None = None
    """If the declared places hold no text of any kind: what the response has instead."""
    tokens: int | None = None
    """Number of output tokens that the response reports, if it is positive."""
    reasoning_tokens: int | None = None
    """Number of tokens of the reasoning that the response reports."""
    tier_times: dict[str, float] = field(default_factory=dict)
    """Times in milliseconds by tier that the response reports."""
    token_times_s: list[float] = field(default_factory=list)
    """When each piece of any kind of text arrived; empty if the response is not streamed."""
    first_answer_s: float | None = None
    """When the first piece of the answer's text arrived."""
    first_reasoning_s: float | None = None
    """When the first piece of reasoning arrived."""
    last_reasoning_s: float | None = None
    """When the last piece of reasoning arrived."""
    ended_s: float | None = None
    """When the mark that ends the answer arrived; `None` if none did."""
    left: bool = False
    """Whether the VU left at a milestone, so that the rest of the answer is unknown."""
    milestones: dict[str, float] = field(default_factory=dict)
    """When each milestone was reached, by its name."""
    values: dict[str, Any] = field(default_factory=dict)
    """The last value at each path that the caller asked for, without those that are null."""
    remarks: list[str] = field(default_factory=list)
    """Observations that make no failure. Equal observations have equal texts: `had a field …`."""
