"""The interface of an optional part."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.datastructures import State
from starlette.routing import BaseRoute

from chatstack.bodies import ParseContent, ReadBody, parse_object
from chatstack.chat.events import Part
from chatstack.measures import Measures
from chatstack.settings import Settings
from chatstack.stores.store import Store
from chatstack.tokens import Tokens

RecordChat = Callable[[str, int, datetime], Awaitable[None]]
"""Records a chat: the id of the user, the characters of the message, and the time."""
RecordEnd = Callable[[datetime, int | None, float], None]
"""Takes the end of a chat request: its time, its status (`None` if it was cancelled), and its seconds."""


def record_no_end(at: datetime, status: int | None, seconds: float) -> None:
    """Do nothing, because the end of a request is recorded only in an audit log."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The things that a part, and a call of the backend, is made of."""

    settings: Settings
    measures: Measures
    store: Store
    tokens: Tokens
    state: State
    """State of the application, for the middleware of a part."""
    read_body: ReadBody
    """Reads the body of a request."""
    record_chat: RecordChat
    """Records a chat before it begins."""
    parse_message: ParseContent = parse_object
    """Parses a message over a WebSocket."""
    record_end: RecordEnd = record_no_end
    """Records the end of a request that did not come over HTTP. It runs in the context of the request."""


@dataclass(frozen=True, slots=True)
class OpenPart:
    """A part that is on."""

    wrap: Part
    """Wraps the next part."""
    routes: Sequence[BaseRoute] = ()
    """Further calls of the backend."""
    surroundings: Surroundings | None = None
    """Surroundings of all later parts and of the calls, if the part changes them."""
