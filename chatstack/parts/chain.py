"""The parts that the settings switch on.

Each part is a module with a function `open_part(surroundings)`, an async context manager of an `OpenPart`.
A further chat call is a module with a function `make_routes(surroundings, ask)`.
A part that sees requests before they are questions has a module with `make_middleware(settings, measures)`.
A part is imported only if it is on, so a backend without parts needs none of their packages.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import import_module

from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from chatstack.chat.events import Ask
from chatstack.measures import Measures
from chatstack.parts.part import OpenPart, Surroundings
from chatstack.settings import Settings, SettingsError

# The variable that switches a part on, and its module, from the outermost part to the innermost. Each of
# several variables may switch on the same part.
PARTS: Mapping[str, str] = {
    "AUDIT_LOG": "chatstack.parts.audit.part",
    "RATE_LIMIT_PER_MINUTE": "chatstack.parts.limits.part",
    "INPUT_CHECK": "chatstack.parts.input.part",
    "CACHE_TTL_S": "chatstack.parts.cache.part",
    "QUEUE_CONCURRENCY": "chatstack.parts.queue.part",
    "ROUTE_SMALL_MODEL": "chatstack.parts.routing.part",
    "ROUTE_LARGE_MODEL": "chatstack.parts.routing.part",
    "ROUTE_CLOUD_MODEL": "chatstack.parts.routing.part",
    "MODEL_PRICES": "chatstack.parts.routing.part",
    "UPSTREAM_TOTAL_TIMEOUT_S": "chatstack.parts.deadline",
    "UPSTREAM_ATTEMPTS": "chatstack.parts.backoff.part",
    "BREAKER_FAILURES": "chatstack.parts.breaker.part",
}

# The variable that switches a further chat call on, and its module. Its questions pass through all parts.
CALLS: Mapping[str, str] = {"WEBSOCKET": "chatstack.parts.websocket"}

# The variable that switches a middleware on, and its module, from the outermost middleware to the innermost.
MIDDLEWARE: Mapping[str, str] = {
    "MONITOR_SLOW_S": "chatstack.parts.monitor",
    "AUDIT_LOG": "chatstack.parts.audit.middleware",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """The parts that are on."""

    parts: Sequence[OpenPart]
    """The parts, from the outermost to the innermost."""
    surroundings: Surroundings
    """Surroundings of the calls."""

    def wrap(self, ask: Ask) -> Ask:
        """Return an `Ask` that runs all parts around the given one."""
        for part in reversed(self.parts):
            ask = part.wrap(ask)
        return ask

    def routes(self, ask: Ask) -> list[BaseRoute]:
        """Return the further calls of all parts, and the further chat calls, which ask the given `Ask`."""
        routes: list[BaseRoute] = []
        for part in self.parts:
            routes += part.routes
        for variable, module in CALLS.items():
            if _is_on(self.surroundings.settings, variable):
                routes += import_module(module).make_routes(self.surroundings, ask)
        return routes


@asynccontextmanager
async def open_chain(surroundings: Surroundings) -> AsyncIterator[Chain]:
    """Open the parts that the settings switch on, and close them at the end. `0` switches a part off.

    Raises:
        SettingsError: A setting is wrong.
    """
    async with AsyncExitStack() as stack:
        variables: dict[str, str] = {}
        for variable, module in PARTS.items():
            if _is_on(surroundings.settings, variable):
                variables.setdefault(module, variable)
        opened: list[OpenPart] = []
        for module, variable in variables.items():
            with needing_packages(variable):
                part = await stack.enter_async_context(import_module(module).open_part(surroundings))
            opened.append(part)
            surroundings = part.surroundings or surroundings
        yield Chain(opened, surroundings)


def list_middleware(settings: Settings, measures: Measures) -> list[Middleware]:
    """Return the middleware of the parts that the settings switch on.

    Raises:
        SettingsError: A setting is wrong.
    """
    chosen: list[Middleware] = []
    for variable, module in MIDDLEWARE.items():
        if _is_on(settings, variable):
            with needing_packages(variable):
                chosen.append(import_module(module).make_middleware(settings, measures))
    return chosen


@contextmanager
def needing_packages(variable: str) -> Iterator[None]:
    """Run a block that imports a part.

    Raises:
        SettingsError: A package of the part is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{variable}: the package {error.name} is not installed; run: pip install 'chatbench[parts]'"
        ) from None


def _is_on(settings: Settings, variable: str) -> bool:
    return settings.optional(variable) not in {None, "0"}
