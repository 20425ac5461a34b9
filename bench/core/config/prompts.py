"""The messages that a scenario sends, and the answers that it expects."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from bench.core.config.target import Name
from bench.core.values.record import FieldError, Record

Text = Annotated[str, StringConstraints(max_length=1_000_000)]


class Expectation(Record):
    """The correct answer to a message."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    """HTTP status of the correct answer: 400 if the server must refuse the message."""
    contains: str | None = None
    """Text that the answer must contain."""

    @model_validator(mode="after")
    def _require_success_for_contains(self) -> "Expectation":
        if self.contains is not None and not 200 <= self.status < 300:  # noqa: PLR2004 - success, by RFC 9110
            raise FieldError(("contains",), "needs a status from 200 to 299; other answers have no text")
        return self


class Prompt(Record):
    """One message, or a conversation that begins with it."""

    id: Name
    """Name in results and baselines. The later messages of a conversation are `id.2`, `id.3`."""
    text: Text
    """Text of the first message."""
    then: tuple[Text, ...] = ()
    """Further messages of the same VU, each sent after the answer to the previous one."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of times that a deck contains the message; see `prompts` of a scenario."""
    expect: Expectation = Expectation()
    """Correct answer to each of the messages."""

    @property
    def messages(self) -> tuple[str, ...]:
        """All texts in their order."""
        return (self.text, *self.then)


class Prompts(Record):
    """A file of messages."""

    messages: Annotated[tuple[Prompt, ...], Field(min_length=1)]
    """Messages in the order in which the executor `cases` sends them."""

    @model_validator(mode="after")
    def _require_distinct_ids(self) -> "Prompts":
        ids: set[str] = set()
        for index, prompt in enumerate(self.messages):
            if prompt.id in ids:
                raise FieldError(
                    ("messages", index, "id"), f"two messages have the id '{prompt.id}'; rename one of them"
                )
            ids.add(prompt.id)
        return self
