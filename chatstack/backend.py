"""The backend role: checks the token, asks the agent, and answers according to the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.mock.clock import iso_now
from chatstack.accounts import Accounts
from chatstack.bodies import BodyError, json_object
from chatstack.chat.agent import ask_agent
from chatstack.chat.calls import CHAT_PATH, DEFAULT_MODEL, Chat
from chatstack.connection import CancelOnDisconnect
from chatstack.knobs import Knobs, KnobsMiddleware
from chatstack.measures import Measures, MeasuresMiddleware
from chatstack.parts.chain import list_middleware, needing_packages, open_chain
from chatstack.parts.part import Surroundings
from chatstack.settings import Settings
from chatstack.signing import Keys, OneKey
from chatstack.stores.opening import open_store
from chatstack.timing import TimingMiddleware
from chatstack.tokens import RefusedError, Tokens
from chatstack.upstream import open_upstream

_DAY_S = 86_400.0
_CENTURY_S = 36_525 * _DAY_S


def make_backend(settings: Settings) -> Starlette:
    """Return the backend's application.

    Settings: JWT_SECRET or JWT_KEYS_FILE, AGENT_URL, MODEL, UPSTREAM_TIMEOUT_S, TOKEN_LIFETIME_S, BACKEND_*,
    and those of the store and of the optional parts.
    """
    measures = Measures()
    keys = _open_keys(settings, measures)
    upstream = open_upstream(settings, "AGENT_URL")
    model = settings.text("MODEL", DEFAULT_MODEL)
    lifetime_s = settings.number("TOKEN_LIFETIME_S", _DAY_S, low=1, high=_CENTURY_S)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store = await open_store(settings, measures.count_store_operation)
        tokens = Tokens(store, keys, lifetime_s)
        surroundings = Surroundings(
            settings, measures, store, tokens, app.state, read_body=json_object, record_chat=store.record_chat
        )
        async with open_chain(surroundings) as chain:
            ask = chain.wrap(ask_agent(upstream))
            app.router.routes += Accounts(store, tokens, chain.surroundings.read_body).routes()
            app.router.routes += Chat(chain.surroundings, upstream, ask, model).routes()
            app.router.routes += chain.routes(ask)
            yield
        await upstream.close()
        await store.close()

    return Starlette(
        routes=[Route("/health", _health), Route("/metrics", measures.answer)],
        lifespan=lifespan,
        middleware=[
            Middleware(CancelOnDisconnect),
            Middleware(MeasuresMiddleware, measures=measures),
            Middleware(TimingMiddleware, tier="backend"),
            *list_middleware(settings, measures),
            Middleware(KnobsMiddleware, knobs=Knobs.of(settings, "BACKEND"), paths=frozenset({CHAT_PATH})),
        ],
        exception_handlers={
            RefusedError: _refused,
            BodyError: _bad_request,
            HTTPException: _http_error,
            Exception: _http_error,
        },
    )


def _open_keys(settings: Settings, measures: Measures) -> Keys:
    path = settings.optional("JWT_KEYS_FILE")
    if path is None:
        return OneKey(settings.text("JWT_SECRET"))
    with needing_packages("JWT_KEYS_FILE"):
        from chatstack.parts.keys_file import open_keys_file  # noqa: PLC0415 - only a part that is on is imported

    return open_keys_file(path, settings, measures)


async def _health(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    return JSONResponse({"success": True, "message": "the backend is running", "timestamp": iso_now()})


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001 - likewise
    return JSONResponse({"error": str(error)}, 401)


async def _bad_request(request: Request, error: Exception) -> Response:  # noqa: ARG001 - likewise
    assert isinstance(error, BodyError)  # noqa: S101 - it is the handler of this error
    return JSONResponse({"error": str(error)}, error.status)


async def _http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - likewise
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "error")
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": detail}, status, headers=headers)
