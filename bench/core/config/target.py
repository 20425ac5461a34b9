"""Targets: the interfaces that requests go to, and where values are in their answers."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from bench.core.config.placeholders import CONVERSATION, find_unknown, refuse
from bench.core.config.tier_sources import Durations
from bench.core.values.record import FieldError, Record
from bench.core.values.wording import choice

NAME = r"[a-z0-9][a-z0-9-]{0,63}"  # of a scenario, a suite, a target or a stack
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/")]
Path = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
TextKind = Literal["content", "reasoning", "refusal", "tool_call", "audio"]


def _shape(value: object) -> str:
    """Return how a place is declared: by a path, by a list of paths, or by a map of kinds."""
    if isinstance(value, Mapping):
        return "kinds"
    return "paths" if isinstance(value, list | tuple) else "path"


_OnePath = Annotated[Path, Tag("path")]
_PathList = Annotated[tuple[Path, ...], Field(min_length=1), Tag("paths")]
Paths = Annotated[_OnePath | _PathList, Discriminator(lambda value: _shape(value).replace("kinds", "path"))]
_PathsByKind = Annotated[dict[TextKind, Paths], Field(min_length=1), Tag("kinds")]
TextPlaces = Annotated[_OnePath | _PathList | _PathsByKind, Discriminator(_shape)]


def list_paths(paths: Paths | None) -> tuple[str, ...]:
    """Return the declared paths, of which there may be one, several or none."""
    if paths is None:
        return ()
    return (paths,) if isinstance(paths, str) else paths


class _Answer(Record):
    text: TextPlaces
    """Dotted path of the answer's text, for example `data.message`, or a list of paths, of which the first
    with a text is read. A map gives the paths of each kind of text: `content`, `reasoning`, `refusal`,
    `tool_call` and `audio`. In a stream the paths apply to each event. A value may be a list of parts with a
    `type`."""
    finish_reason: Path | None = None
    """Dotted path of the reason why the model stopped. The reason `error` is an error."""
    error: Paths | None = None
    """Dotted path or paths of an error that the server reports in the answer. A field `error` at the top is
    always read."""
    tokens: Path | None = None
    """Dotted path of the number of output tokens, if the target reports it."""
    reasoning_tokens: Path | None = None
    """Dotted path of the number of tokens that the model used for its reasoning, if the target reports it."""
    durations: Durations | None = None
    """Headers and fields that report the tier times."""
    intercepted: str | None = None
    """First words of an answer that the agent gives without the model."""

    @property
    def text_places(self) -> Mapping[TextKind, tuple[str, ...]]:
        """The paths of each kind of text; those without a kind are of the kind `content`."""
        if not isinstance(self.text, dict):
            return {"content": list_paths(self.text)}
        return {kind: list_paths(paths) for kind, paths in self.text.items()}


class JsonAnswer(_Answer):
    """An answer that is one JSON document."""

    kind: Literal["json"]
    """Format of the answer."""


class _StreamAnswer(_Answer):
    done: Paths | None = None
    """Dotted path or paths. The answer is complete when one of them is true or a text, such as the reason of
    the end. Token counts may follow."""
    done_with_body: bool = False
    """Whether the end of the body ends the answer, too. Otherwise an answer without its mark was cut off."""

    @model_validator(mode="after")
    def _require_end(self) -> Self:
        marks = {name: getattr(self, name) for name in type(self).model_fields if name.startswith("done")}
        if not any(marks.values()):
            raise FieldError(
                ("done",), f"is missing; declare how the answer ends: {choice([*sorted(marks)])}"
            )
        return self


class SseAnswer(_StreamAnswer):
    """An answer that is a stream of server-sent events. It ends at any of the declared marks."""

    kind: Literal["sse"]
    """Format of the answer."""
    done_event: str | None = None
    """Name of the event that ends the stream and holds token counts and durations."""
    done_data: str | None = None
    """Data of the event that ends the stream, for example `[DONE]`. Blanks around it do not matter."""
    error_event: str | None = None
    """Name of a further event that reports a failure. An event `error` always does."""


class NdjsonAnswer(_StreamAnswer):
    """An answer that is a stream of JSON documents, one per line. It ends at any of the declared marks."""

    kind: Literal["ndjson"]
    """Format of the answer."""


Answer = Annotated[JsonAnswer | SseAnswer | NdjsonAnswer, Field(discriminator="kind")]


class Target(Record):
    """An interface that requests go to."""

    name: Name
    """Name of the file without its ending. Scenarios and `--target` use it."""
    service: Name
    """Service of the stack that has the interface."""
    method: Literal["POST", "PUT"] = "POST"
    """HTTP method."""
    path: UrlPath
    """Path below the service's address. `${env.NAME}` stands for an environment variable."""
    headers: dict[str, str] = {}
    """Headers of each request. `${env.NAME}` stands for an environment variable."""
    auth: Literal["bearer", "none"] = "none"
    """Authentication: `bearer` sends the token of the VU's test user."""
    body: dict[str, Any]
    """JSON body of each request. `${message}` stands for the message, `${conversation}` for all messages and
    answers so far, `${env.NAME}` for an environment variable, `${env.NAME:-64}` for one with a default."""
    answer: Answer
    """Format of the answer, and the places of its values."""
    ready: UrlPath | None = None
    """Path that answers 200 if all tiers are ready. With `auth` the request has a token. By default the
    target is ready if its service answers any request."""

    @model_validator(mode="after")
    def _check_placeholders(self) -> "Target":
        body = find_unknown(self.body, ("message", CONVERSATION), path=("body",))
        headers = find_unknown(self.headers, (), path=("headers",))
        paths = find_unknown({"path": self.path, "ready": self.ready}, ())
        refuse([*paths, *headers, *body], "Target")
        return self


def stand_in(service: str) -> Target:
    """Return a target for a service that receives only the requests of steps, and no messages."""
    return Target(
        name=service, service=service, path="/", body={}, answer=JsonAnswer(kind="json", text="text")
    )
