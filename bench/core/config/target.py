"""Targets: the interfaces that requests go to, and where values are in their answers."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from bench.core.config.inheritance import Inheriting
from bench.core.config.placeholders import (
    CONVERSATION,
    KEEPS_PLACEHOLDERS,
    VARIABLE,
    find_unknown,
    refuse,
)
from bench.core.config.stream_rules import (
    ErrorPlaces,
    Marks,
    OnePath,
    OneRule,
    Place,
    PlaceList,
    Places,
    StreamRule,
    shape_of,
)
from bench.core.config.template import find_wrong_calls
from bench.core.config.tier_sources import Durations, TierName
from bench.core.values.record import FieldError, Record
from bench.core.values.wording import choice

# Placeholders whose value differs between users. They need a scenario with steps, a login or data.
_USER_NAMES = ("uuid", "user.number", "user.iteration")
_PREFIXES = (VARIABLE, "saved.", "row.")
WEBSOCKET_PREFIXES = ("ws://", "wss://")
"""Beginnings of the address of a WebSocket."""
TOKEN_VALUE = "token"  # noqa: S105 - the name of a placeholder
"""Placeholder in the options of a WebSocket."""
NAME = r"[a-z0-9][a-z0-9-]{0,63}"  # of a scenario, a suite, a target or a stack
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/")]
Subprotocol = Annotated[str, StringConstraints(pattern=r"^[^\s,]+$")]
TextKind = Literal["content", "reasoning", "refusal", "tool_call", "audio"]
MilestoneName = TierName


_PlacesByKind = Annotated[dict[TextKind, Places], Field(min_length=1), Tag("map")]
TextPlaces = Annotated[OnePath | OneRule | PlaceList | _PlacesByKind, Discriminator(shape_of)]


def list_places(places: Places | None) -> tuple[Place, ...]:
    """Return the declared places, of which there may be one, several or none."""
    if places is None:
        return ()
    return (places,) if isinstance(places, str | StreamRule) else places


class _Answer(Record):
    text: TextPlaces
    """Dotted path of the answer's text, for example `data.message`, or a list of paths, of which the first
    with a text is read. A map gives the paths of each kind of text: `content`, `reasoning`, `refusal`,
    `tool_call` and `audio`. In a stream the paths apply to each event; `{path: …, where: {…}}` reads only the
    events with certain values. A value may be a list of parts with a `type`."""
    finish_reason: Place | None = None
    """Dotted path of the reason why the model stopped, or a rule. The reason `error` is an error."""
    error: ErrorPlaces | None = None
    """Dotted path of an error that the server reports in the answer, a rule, or values by path of documents
    that are errors, such as `{type: failed}`; or a list of them. A field `error` at the top is always
    read."""
    tokens: Place | None = None
    """Dotted path of the number of output tokens, or a rule, if the target reports it."""
    reasoning_tokens: Place | None = None
    """Dotted path of the number of tokens that the model used for its reasoning, or a rule, if the target
    reports it."""
    durations: Durations | None = None
    """Headers and fields that report the tier times."""
    intercepted: str | None = None
    """First words of an answer that the agent gives without the model."""

    @property
    def text_places(self) -> Mapping[TextKind, tuple[Place, ...]]:
        """The places of each kind of text; those without a kind are of the kind `content`."""
        if not isinstance(self.text, dict):
            return {"content": list_places(self.text)}
        return {kind: list_places(places) for kind, places in self.text.items()}


class JsonAnswer(_Answer):
    """An answer that is one JSON document."""

    kind: Literal["json"]
    """Format of the answer."""


class _StreamAnswer(_Answer):
    done: Marks | None = None
    """Dotted path, or values by path such as `{type: stop}`, or a list of them. The answer is complete when a
    path is true or a text, such as the reason of the end, or when a document has the values. Token counts may
    follow, except on a WebSocket, where the first mark is the last message that is read."""
    milestones: dict[MilestoneName, Marks] = {}
    """Moments within the answer, by name: the first document that has the values, such as
    `first_document: {type: documents}`, or a value at a path. In server-sent events, `event` is the name of
    the event. Each one is a metric: `milestone.first_document_ms`."""

    @model_validator(mode="after")
    def _require_end(self) -> Self:
        marks = {name: getattr(self, name) for name in type(self).model_fields if name.startswith("done")}
        if not any(marks.values()):
            raise FieldError(
                ("done",), f"is missing; declare how the answer ends: {choice([*sorted(marks)])}"
            )
        return self


class _BodyAnswer(_StreamAnswer):
    done_with_body: bool = False
    """Whether the end of the body ends the answer, too. Otherwise an answer without its mark was cut off."""


class SseAnswer(_BodyAnswer):
    """An answer that is a stream of server-sent events. It ends at any of the declared marks."""

    kind: Literal["sse"]
    """Format of the answer."""
    done_event: str | None = None
    """Name of the event that ends the stream and holds token counts and durations."""
    done_data: str | None = None
    """Data of the event that ends the stream, for example `[DONE]`. Blanks around it do not matter."""
    error_event: str | None = None
    """Name of a further event that reports a failure. An event `error` always does."""


class NdjsonAnswer(_BodyAnswer):
    """An answer that is a stream of JSON documents, one per line. It ends at any of the declared marks."""

    kind: Literal["ndjson"]
    """Format of the answer."""


class WebSocketAnswer(_StreamAnswer):
    """An answer that is a series of messages on a WebSocket, one JSON document each.

    It ends at the first of the declared marks, or with an error.
    """

    kind: Literal["websocket"]
    """Format of the answer."""
    done_data: str | None = None
    """Text of the message that ends the answer, for example `[DONE]`. Blanks around it do not matter."""
    done_with_close: bool = False
    """Whether the answer also ends when the server closes the WebSocket normally (1000). Otherwise an answer
    without its mark was cut off."""


Answer = Annotated[JsonAnswer | SseAnswer | NdjsonAnswer | WebSocketAnswer, Field(discriminator="kind")]


class EitherAnswer(Record):
    """An answer that the service streams or sends as one JSON document.

    The content type of each answer decides which of the two is read. If the body of the request has
    `stream: true`, a document is a failure, because the service does not stream.
    """

    stream: Annotated[SseAnswer | NdjsonAnswer, Field(discriminator="kind")]
    """The streamed answer."""
    document: Annotated[JsonAnswer, Field(alias="json")]
    """The answer that is one JSON document."""


def _form(value: object) -> str:
    """Return whether an answer is declared in one form or in either of two."""
    has_forms = isinstance(value, Mapping) and not {"stream", "json"}.isdisjoint(value)
    return "either" if has_forms or isinstance(value, EitherAnswer) else "one"


_OneForm = Annotated[Answer, Tag("one")]
_EitherForm = Annotated[EitherAnswer, Tag("either")]


class SocketOptions(Record):
    """How a target uses its WebSocket."""

    subprotocols: tuple[Subprotocol, ...] = ()
    """Subprotocols that the handshake offers, for example `[chat, "bearer.${token}"]`. `${token}` stands for
    the token of the VU's test user or login, and `${env.NAME}` for an environment variable."""
    first: dict[str, Any] | None = None
    """JSON message that is sent once, after the handshake, for example `{type: auth, token: "${token}"}`."""
    keep: bool = True
    """Whether a VU sends its messages over one connection. Otherwise each message has its own, and its
    response time contains the handshake."""
    cancel: dict[str, Any] | None = None
    """JSON message that is sent before the connection is closed if the VU cancels its message or leaves."""


class Target(Inheriting):
    """An interface that requests go to."""

    folder = "targets"
    name: Name
    """Name of the file without its ending. Scenarios and `--target` use it."""
    service: Name
    """Service of the stack that has the interface."""
    method: Literal["POST", "PUT"] = "POST"
    """HTTP method. A WebSocket has none."""
    path: Annotated[UrlPath, KEEPS_PLACEHOLDERS]
    """Path below the service's address. `${env.NAME}` stands for an environment variable, and `${saved.NAME}`
    for a value that a step of the scenario has saved."""
    headers: Annotated[dict[str, str], KEEPS_PLACEHOLDERS] = {}
    """Headers of each request, with placeholders as in the path."""
    auth: Literal["bearer", "none"] = "none"
    """Authentication: `bearer` sends the token of the VU's test user."""
    body: Annotated[dict[str, Any], KEEPS_PLACEHOLDERS]
    """JSON body of each request, or JSON message on a WebSocket. `${message}` stands for the message,
    `${conversation}` for all messages and answers so far, `${env.NAME}` for an environment variable,
    `${env.NAME:-64}` for one with a default. `${saved.NAME}`, `${row.COLUMN}`, `${user.number}` and `${uuid}`
    are values of the user."""
    answer: Annotated[_OneForm | _EitherForm, Discriminator(_form)]
    """Format of the answer, and the places of its values. A target that streams only if its request asks for
    it declares both forms: `stream` and `json`."""
    websocket: Annotated[SocketOptions | None, KEEPS_PLACEHOLDERS] = None
    """Options of a WebSocket, for an answer of the kind `websocket`."""
    ready: Annotated[UrlPath | None, KEEPS_PLACEHOLDERS] = None
    """Path that answers 200 if all tiers are ready. With `auth` the request has a token. By default the
    target is ready if its service answers any request."""

    @model_validator(mode="after")
    def _check_placeholders(self) -> "Target":
        body = find_unknown(self.body, ("message", CONVERSATION, *_USER_NAMES), _PREFIXES, ("body",))
        headers = find_unknown(self.headers, _USER_NAMES, _PREFIXES, ("headers",))
        path = find_unknown(self.path, _USER_NAMES, _PREFIXES, ("path",))
        ready = find_unknown(self.ready, (), path=("ready",))
        calls = find_wrong_calls({"path": self.path, "headers": self.headers, "body": self.body})
        options = {} if self.websocket is None else self.websocket.model_dump()
        websocket = find_unknown(options, (TOKEN_VALUE,), (VARIABLE,), ("websocket",))
        refuse([*path, *ready, *headers, *body, *websocket, *calls], "Target")
        return self

    @model_validator(mode="after")
    def _check_websocket(self) -> "Target":
        if self.is_websocket:
            if "method" in self.model_fields_set:
                raise FieldError(("method",), "does not apply to a WebSocket; remove it")
        elif self.websocket is not None:
            raise FieldError(("websocket",), "needs an answer of the kind websocket")
        return self

    @property
    def is_websocket(self) -> bool:
        """Whether messages and answers go over a WebSocket."""
        return isinstance(self.answer, WebSocketAnswer)

    @property
    def forms(self) -> tuple[Answer, ...]:
        """The forms that an answer may have: the stream first."""
        if isinstance(self.answer, EitherAnswer):
            return self.answer.stream, self.answer.document
        return (self.answer,)

    @property
    def milestones(self) -> tuple[str, ...]:
        """Names of the milestones that the target declares."""
        names: dict[str, None] = {}
        for form in self.forms:
            names |= {} if isinstance(form, JsonAnswer) else dict.fromkeys(form.milestones)
        return tuple(names)

    @property
    def content(self) -> dict[str, Any]:
        """All texts that may contain placeholders of a user, by the name of their field."""
        return {"path": self.path, "headers": self.headers, "body": self.body}


def stand_in(service: str) -> Target:
    """Return a target for a service that receives only the requests of steps, and no messages."""
    return Target(
        name=service, service=service, path="/", body={}, answer=JsonAnswer(kind="json", text="text")
    )
