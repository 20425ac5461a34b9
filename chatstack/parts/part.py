"""The interface of an optional part."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute

from chatstack.chat.events import Part
from chatstack.measures import Measures
from chatstack.settings import Settings
from chatstack.stores.store import Store
from chatstack.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The things that a part is made of."""

    settings: Settings
    measures: Measures
    store: Store
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class OpenPart:
    """A part that is on."""

    wrap: Part
    """Wraps the next part."""
    routes: Sequence[BaseRoute] = ()
    """Further calls of the backend."""
