"""The parts that the settings switch on.

Each part is a module with a function `open_part(surroundings)`, an async context manager of an `OpenPart`.
A part is imported only if it is on, so a backend without parts needs none of their packages.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module

from starlette.routing import BaseRoute

from chatstack.chat.events import Ask
from chatstack.parts.part import OpenPart, Surroundings

# The variable that switches a part on, and its module, from the outermost part to the innermost. Each of
# several variables may switch on the same part.
PARTS: Mapping[str, str] = {
    "RATE_LIMIT_PER_MINUTE": "chatstack.parts.limits.part",
    "CACHE_TTL_S": "chatstack.parts.cache.part",
    "QUEUE_CONCURRENCY": "chatstack.parts.queue.part",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """The parts that are on, from the outermost to the innermost."""

    parts: Sequence[OpenPart] = ()

    def wrap(self, ask: Ask) -> Ask:
        """Return an `Ask` that runs all parts around the given one."""
        for part in reversed(self.parts):
            ask = part.wrap(ask)
        return ask

    def routes(self) -> list[BaseRoute]:
        """Return the further calls of all parts."""
        routes: list[BaseRoute] = []
        for part in self.parts:
            routes += part.routes
        return routes


@asynccontextmanager
async def open_chain(surroundings: Surroundings) -> AsyncIterator[Chain]:
    """Open the parts that the settings switch on, and close them at the end. `0` switches a part off.

    Raises:
        SettingsError: A setting is wrong.
    """
    async with AsyncExitStack() as stack:
        modules: dict[str, None] = {}
        for variable, module in PARTS.items():
            if surroundings.settings.optional(variable) not in {None, "0"}:
                modules[module] = None
        opened: list[OpenPart] = []
        for module in modules:
            part = import_module(module).open_part(surroundings)
            opened.append(await stack.enter_async_context(part))
        yield Chain(opened)
