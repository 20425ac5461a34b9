"""The model role: implements Ollama's API with a simulated model, or with a real one.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bench.mock.clock import iso_now
from bench.mock.ollama import chat_text, generate_text
from bench.mock.slots import Slots
from chatstack.bodies import BodyError, json_object
from chatstack.connection import CancelOnDisconnect
from chatstack.engines.engine import Engine
from chatstack.engines.latency import Latency
from chatstack.engines.simulated import SimulatedEngine
from chatstack.generation import Generation, ModelServer
from chatstack.knobs import Knobs, KnobsMiddleware
from chatstack.measures import Measures, MeasuresMiddleware
from chatstack.ollama import GENERATING
from chatstack.settings import Settings, SettingsError

ENGINES = ("simulated", "llama-cpp")
_SIZES = "MODEL_SIZES=qwen2.5:7b=6"
# Limits of the factor of a size, within which times stay finite.
_SMALLEST = 0.001
_LARGEST = 1000.0


def make_model(settings: Settings) -> Starlette:
    """Return the model's application. Settings: OLLAMA_NUM_PARALLEL, OLLAMA_MAX_QUEUE, MODEL and MODEL_*.

    Raises:
        SettingsError: A setting is wrong, or the engine or its model is not installed.
    """
    name = settings.text("MODEL", "qwen2.5:0.5b")
    parallel = settings.count("OLLAMA_NUM_PARALLEL", 1, low=1)
    slots = Slots(parallel, settings.count("OLLAMA_MAX_QUEUE", 512))
    sizes = _read_sizes(settings)
    engine = _open_engine(settings, slots, parallel, sizes)
    names = tuple(dict.fromkeys((name, *sizes)))
    server = ModelServer(names, slots, keeps_slots=settings.switch("MODEL_KEEPS_SLOTS"))
    errors = Knobs.of(settings, "MODEL").error_ratio
    measures = Measures(
        {
            "chatstack_queue_waiting": ("Requests that wait for a slot.", lambda: slots.waiting),
            "chatstack_queue_running": ("Requests that hold a slot.", lambda: slots.running),
        }
    )
    api = _Api(server, engine)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001 - Starlette's signature
        yield
        await engine.close()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", _alive, methods=["GET", "HEAD"]),
            Route("/api/generate", api.generate, methods=["POST"]),
            Route("/api/chat", api.chat, methods=["POST"]),
            Route("/api/tags", api.tags),
            Route("/api/ps", api.ps),
            Route("/api/version", api.version),
            Route("/metrics", measures.answer),
        ],
        middleware=[
            Middleware(CancelOnDisconnect),
            Middleware(MeasuresMiddleware, measures=measures),
            # The model's delay is part of its latency, so its reported durations contain it.
            Middleware(KnobsMiddleware, knobs=Knobs(error_ratio=errors), paths=GENERATING),
        ],
        exception_handlers={BodyError: _bad_request},
    )


def _read_sizes(settings: Settings) -> dict[str, float]:
    """Return MODEL_SIZES: how much longer each further model takes for a token.

    Raises:
        SettingsError: A size is wrong.
    """
    sizes: dict[str, float] = {}
    for model, text in settings.table("MODEL_SIZES", _SIZES).items():
        try:
            size = float(text)
        except ValueError:
            size = 0.0
        if not _SMALLEST <= size <= _LARGEST:
            raise SettingsError(f"MODEL_SIZES: {model}={text}: write a factor, like {_SIZES}")
        sizes[model] = size
    return sizes


def _open_engine(settings: Settings, slots: Slots, parallel: int, sizes: Mapping[str, float]) -> Engine:
    name = settings.text("MODEL_ENGINE", "simulated")
    match name:
        case "simulated":
            return SimulatedEngine(Latency.of(settings), slots, sizes)
        case "llama-cpp":
            if sizes:
                raise SettingsError("MODEL_SIZES needs MODEL_ENGINE=simulated: llama.cpp has one model")
            from chatstack.engines.llama_cpp import open_llama  # noqa: PLC0415 - an optional extra

            return open_llama(settings, parallel)
        case _:
            raise SettingsError(f"MODEL_ENGINE={name}: not one of {', '.join(ENGINES)}")


async def _alive(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    return PlainTextResponse("Ollama is running")


async def _bad_request(request: Request, error: Exception) -> Response:  # noqa: ARG001 - likewise
    return JSONResponse({"error": str(error)}, 400)


class _Api:
    """Ollama's calls for one model."""

    def __init__(self, server: ModelServer, engine: Engine) -> None:
        self._server = server
        self._engine = engine

    async def generate(self, request: Request) -> Response | Generation:
        """`POST /api/generate {model, prompt, stream}`."""
        body = await json_object(request)
        prompt = body.get("prompt", "")
        if not isinstance(prompt, str):
            raise BodyError("prompt must be a text")
        return self._generation(body, prompt, generate_text)

    async def chat(self, request: Request) -> Response | Generation:
        """`POST /api/chat {model, messages, stream}`."""
        body = await json_object(request)
        messages = body.get("messages")
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise BodyError("messages must be a list of objects")
        prompt = "\n".join(str(message.get("content", "")) for message in messages)
        return self._generation(body, prompt, chat_text)

    async def tags(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        """`GET /api/tags`: the available models."""
        return JSONResponse(
            {"models": [{"name": name, "model": name, "size": 0} for name in self._server.names]}
        )

    async def version(self, request: Request) -> Response:  # noqa: ARG002 - likewise
        """`GET /api/version`."""
        return JSONResponse({"version": self._engine.version})

    async def ps(self, request: Request) -> Response:  # noqa: ARG002 - likewise
        """`GET /api/ps`: the loaded models. Each stays loaded."""
        now = iso_now()
        loaded = [{"name": name, "model": name, "expires_at": now} for name in self._server.names]
        return JSONResponse({"models": loaded})

    def _generation(self, body: Mapping[str, Any], prompt: str, wrap: Any) -> Response | Generation:
        model = body.get("model")
        if not isinstance(model, str) or model not in self._server.names:
            return JSONResponse({"error": f"model '{model}' not found"}, 404)
        work = self._engine.plan(body, prompt)
        return Generation(self._server, model, work, wrap, streamed=body.get("stream", True) is not False)
