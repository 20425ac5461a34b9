"""The messages that a scenario sends, and the answers that it expects."""

import re
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from bench.core.config.stream_rules import Path
from bench.core.config.target import Name
from bench.core.values.record import FieldError, Record
from bench.core.values.regular_expression import check_regular_expression

Text = Annotated[str, StringConstraints(max_length=1_000_000)]
_NEED_AN_ANSWER = ("contains", "matches", "tool_call", "refusal", "finish_reason", "json_path")
# Letters of a text that become the id of its message.
_LONGEST_ID = 40
LONG_MESSAGE = 1000
"""A message with more characters is long: about 200 words, which a model takes much longer to read."""
SHORT_CLASS = "short"
"""Class of a message that is not long."""
LONG_CLASS = "long"
"""Class of a long message."""
REFUSAL_CLASS = "refusal"
"""Class of a message that must be refused. It is never part of a run's typical value."""
_COMPARISONS = ("equals", "matches", "less")


class Expectation(Record):
    """The correct answer to a message. Without `tool_call`, `refusal` or `finish_reason` it needs text."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    """HTTP status of the correct answer: 400 if the server must refuse the message."""
    contains: str | None = None
    """Text that the answer must contain."""
    matches: str | None = None
    """Regular expression of Python that matches a part of the answer's text, or of the value at `json`."""
    tool_call: bool | str | None = None
    """Tool that the answer must call: its name, or `true` for any. The answer needs no text."""
    refusal: bool = False
    """Whether the model must refuse the message. `contains` and `matches` then apply to the refusal."""
    finish_reason: Annotated[str, StringConstraints(min_length=1)] | None = None
    """Reason that the answer must report for its end, for example `length`. The answer needs no text if it
    has output of another kind, such as reasoning."""
    json_path: Annotated[Path | None, Field(alias="json")] = None
    """Dotted path of a value in the answer. It needs one of `equals`, `matches` and `less`. In a stream, the
    last document with this path counts."""
    equals: bool | int | float | str | None = None
    """Value that the answer must have at `json`. The answer needs no text."""
    less: float | None = None
    """Number that the value at `json` must be below."""
    max_ms: Annotated[float, Field(gt=0)] | None = None
    """Longest response time of the correct answer, in milliseconds."""

    @property
    def accepts_status(self) -> bool:
        """Whether the correct answer has a status of success, so that its content is read."""
        return 200 <= self.status < 300  # noqa: PLR2004 - success, by RFC 9110

    @property
    def is_refusal(self) -> bool:
        """Whether the correct answer refuses the message: by its status, or by the model."""
        return self.refusal or not self.accepts_status

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths whose values in the answer are checked."""
        return () if self.json_path is None else (self.json_path,)

    @field_validator("tool_call", mode="before")
    @classmethod
    def _require_true_or_name(cls, value: Any) -> Any:
        if value is None or value is True or (isinstance(value, str) and value):
            return value
        raise ValueError("write true, or the name of the tool")

    @field_validator("equals", mode="before")
    @classmethod
    def _require_single_value(cls, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise ValueError("write text, a number, true or false")

    @field_validator("matches")
    @classmethod
    def _require_regular_expression(cls, value: str | None) -> str | None:
        return check_regular_expression(value)

    @model_validator(mode="after")
    def _require_success_for_content(self) -> "Expectation":
        for field in _NEED_AN_ANSWER:
            if self._has(field) and not self.accepts_status:
                raise FieldError(
                    (_name(field),),
                    "needs a status from 200 to 299; the content of other answers is not read",
                )
        return self

    @model_validator(mode="after")
    def _require_one_comparison(self) -> "Expectation":
        comparisons = [field for field in _COMPARISONS if self._has(field)]
        if self.json_path is None:
            for field in comparisons:
                if field != "matches":
                    raise FieldError((field,), "needs json, the path of the value")
        elif not comparisons:
            raise FieldError(("json",), "needs equals, matches or less")
        elif len(comparisons) > 1:
            raise FieldError(
                (comparisons[1],), f"cannot be combined with {comparisons[0]}; remove one of them"
            )
        return self

    @model_validator(mode="after")
    def _require_call_or_refusal(self) -> "Expectation":
        if self.refusal and self.tool_call is not None:
            raise FieldError(("tool_call",), "cannot be combined with refusal; remove one of them")
        return self

    def _has(self, field: str) -> bool:
        value = getattr(self, field)
        return value is True if field == "refusal" else value is not None


def _name(field: str) -> str:
    """Return the name of a field of an expectation in files."""
    return Expectation.model_fields[field].alias or field


class Prompt(Record):
    """One message, or a conversation that begins with it."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["required"].remove("id"))

    id: Name
    """Name in results and baselines; default: the first words of the text. The later messages of a
    conversation are `id.2`, `id.3`."""
    text: Text
    """Text of the first message."""
    then: tuple[Text, ...] = ()
    """Further messages of the same VU, each sent after the answer to the previous one."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of times that a deck contains the message; see `prompts` of a scenario."""
    message_class: Annotated[Name | None, Field(alias="class")] = None
    """Class of the message and its conversation in a verdict. Default: `refusal` for a message that must be
    refused, `long` for a text of more than 1,000 characters, and `short` for all others."""
    expect: Expectation = Expectation.model_construct()
    """Correct answer to each of the messages."""

    @model_validator(mode="after")
    def _keep_refusals_apart(self) -> "Prompt":
        if self.message_class not in {None, REFUSAL_CLASS} and self.expect.is_refusal:
            raise FieldError(
                ("class",), f"a message that must be refused has the class {REFUSAL_CLASS}; remove class"
            )
        return self

    @property
    def messages(self) -> tuple[str, ...]:
        """All texts in their order."""
        return (self.text, *self.then)

    @property
    def classes(self) -> dict[str, str]:
        """The class of each message by the id that it has in results: `id`, `id.2`, and so on."""
        classes: dict[str, str] = {}
        for number, text in enumerate(self.messages, 1):
            label = self.id if number == 1 else f"{self.id}.{number}"
            classes[label] = self._class_of(text)
        return classes

    def _class_of(self, text: str) -> str:
        if self.message_class is not None:
            return self.message_class
        if self.expect.is_refusal:
            return REFUSAL_CLASS
        return LONG_CLASS if len(text) > LONG_MESSAGE else SHORT_CLASS


def add_ids(messages: Any) -> Any:
    """Return messages of a file, where texts became objects, and objects without an id have one.

    The id consists of the first words of the text, so that it stays the same if messages move.
    """
    if not isinstance(messages, list | tuple):
        return messages
    taken = {message["id"] for message in messages if isinstance(message, dict) and _has_id(message)}
    complete: list[Any] = []
    for position, message in enumerate(messages, 1):
        named = {"text": message} if isinstance(message, str) else message
        if isinstance(named, dict) and "id" not in named:
            identifier = _make_id(named.get("text"), position, taken)
            taken.add(identifier)
            named = {"id": identifier, **named}
        complete.append(named)
    return complete


def _has_id(message: dict[str, Any]) -> bool:
    return isinstance(message.get("id"), str)


def _make_id(text: Any, position: int, taken: Collection[str]) -> str:
    """Return the first words of a text, or `message-POSITION` if it has none of these letters."""
    words = re.findall(r"[a-z0-9]+", str(text)[:_LONGEST_ID].lower())
    wanted = "-".join(words) or f"message-{position}"
    return wanted if wanted not in taken else f"{wanted}-{position}"


def _require_distinct_ids(messages: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    ids: set[str] = set()
    for index, prompt in enumerate(messages):
        if prompt.id in ids:
            raise FieldError((index, "id"), f"two messages have the id '{prompt.id}'; rename one of them")
        ids.add(prompt.id)
    return messages


def _allow_texts(schema: dict[str, Any]) -> None:
    """Change the JSON Schema of messages, so that a message may be a text, and needs no id."""
    schema["items"] = {"anyOf": [schema["items"], {"type": "string"}]}


Messages = Annotated[
    tuple[Prompt, ...],
    BeforeValidator(add_ids),
    AfterValidator(_require_distinct_ids),
    Field(json_schema_extra=_allow_texts),
]
"""Messages as files have them: texts, or objects. Those without an id get one."""


class Prompts(Record):
    """A file of messages."""

    messages: Annotated[Messages, Field(min_length=1)]
    """Messages in the order in which the executor `cases` sends them. A message is a text, or an object."""
