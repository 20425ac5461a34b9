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
from chatstack.bodies import BodyError
from chatstack.chat.agent import ask_agent
from chatstack.chat.calls import CHAT_PATH, Chat
from chatstack.connection import CancelOnDisconnect
from chatstack.knobs import Knobs, KnobsMiddleware
from chatstack.measures import Measures, MeasuresMiddleware
from chatstack.parts.chain import open_chain
from chatstack.parts.part import Surroundings
from chatstack.settings import Settings
from chatstack.stores.opening import open_store
from chatstack.timing import TimingMiddleware
from chatstack.tokens import RefusedError, Tokens
from chatstack.upstream import Upstream

_DAY_S = 86_400.0
_CENTURY_S = 36_525 * _DAY_S


def make_backend(settings: Settings) -> Starlette:
    """Return the backend's application.

    Settings: JWT_SECRET, AGENT_URL, MODEL, UPSTREAM_TIMEOUT_S, TOKEN_LIFETIME_S, the store's, and BACKEND_*.
    """
    secret = settings.text("JWT_SECRET")
    upstream = Upstream(settings.url("AGENT_URL"), settings.number("UPSTREAM_TIMEOUT_S", 120.0, low=0.001))
    model = settings.text("MODEL", "qwen2.5:0.5b")
    lifetime_s = settings.number("TOKEN_LIFETIME_S", _DAY_S, low=1, high=_CENTURY_S)
    measures = Measures()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store = await open_store(settings, measures.count_store_operation)
        tokens = Tokens(store, secret, lifetime_s)
        app.router.routes += Accounts(store, tokens).routes()
        async with open_chain(Surroundings(settings, measures, store, tokens)) as chain:
            ask = chain.wrap(ask_agent(upstream))
            app.router.routes += Chat(store, tokens, upstream, ask, model).routes()
            app.router.routes += chain.routes()
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
            Middleware(KnobsMiddleware, knobs=Knobs.of(settings, "BACKEND"), paths=frozenset({CHAT_PATH})),
        ],
        exception_handlers={
            RefusedError: _refused,
            BodyError: _bad_request,
            HTTPException: _http_error,
            Exception: _http_error,
        },
    )


async def _health(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    return JSONResponse({"success": True, "message": "the backend is running", "timestamp": iso_now()})


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001 - likewise
    return JSONResponse({"error": str(error)}, 401)


async def _bad_request(request: Request, error: Exception) -> Response:  # noqa: ARG001 - likewise
    return JSONResponse({"error": str(error)}, 400)


async def _http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - likewise
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "error")
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": detail}, status, headers=headers)
