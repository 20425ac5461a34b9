"""The mock model: routes requests of three APIs to timed answers."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import orjson

from bench.errors import ConfigError
from bench.mock.answer import make_answer
from bench.mock.anthropic import AnthropicMessage
from bench.mock.api_format import DocumentFormat, Generated, GenerationTimes
from bench.mock.behaviour import MockBehaviour, behaviour_of
from bench.mock.clock import iso_now
from bench.mock.connection import HttpRequest, MockConnection
from bench.mock.embeddings import OllamaEmbed, OllamaEmbeddings, OpenAiEmbedding
from bench.mock.faults import MockFault, fault_of
from bench.mock.metrics import METRICS_TYPE, MockMetrics
from bench.mock.ollama import BUSY, OllamaChat, OllamaGenerate
from bench.mock.openai_chat import OpenAiChat
from bench.mock.openai_completions import OpenAiCompletion
from bench.mock.request import BadRequestError, read_model, read_object
from bench.mock.slots import QueueFullError, Slots
from bench.mock.timed_reply import JSON, ReplyEnd, TimedReply, make_reply
from bench.timing.metronome import Metronome
from bench.timing.pacing import Pacer

VERSION = "0.0.0-mock"
_RESULTS = {
    ReplyEnd.COMPLETE: "complete",
    ReplyEnd.CUT: "cut",
    ReplyEnd.HANG: "hang",
    None: "client left",
}
_TEXT = b"text/plain; charset=utf-8"
_ONE_MODEL = "/v1/models/"
_CREATED_AT = "2025-01-01T00:00:00Z"
# Ollama's clients read the family and the abilities of a model.
_SHOWN = {
    "details": {
        "parent_model": "",
        "format": "gguf",
        "family": "mock",
        "families": ["mock"],
        "parameter_size": "0B",
        "quantization_level": "none",
    },
    "model_info": {"general.architecture": "mock", "mock.context_length": 131_072},
    "capabilities": ["completion", "tools", "thinking"],
}


GENERATING: Mapping[str, type[DocumentFormat]] = {
    "/v1/chat/completions": OpenAiChat,
    "/v1/completions": OpenAiCompletion,
    "/api/chat": OllamaChat,
    "/api/generate": OllamaGenerate,
    "/v1/messages": AnthropicMessage,
    "/v1/embeddings": OpenAiEmbedding,
    "/api/embed": OllamaEmbed,
    "/api/embeddings": OllamaEmbeddings,
}
"""The paths that answer at the times of a model."""


class _Model:
    """The state of one model name: its behaviour, its queue and its number of requests."""

    def __init__(self, behaviour: MockBehaviour) -> None:
        self.behaviour = behaviour
        self.slots = Slots(behaviour.parallel, behaviour.max_queue)
        self.requests = 0


class _Generation:
    """One request for an answer, from its arrival to its last write."""

    def __init__(
        self,
        server: "MockServer",
        api: type[DocumentFormat],
        request: HttpRequest,
        connection: MockConnection,
    ) -> None:
        self._server = server
        self._api = api
        self._request = request
        self._connection = connection
        self._times = GenerationTimes(request.arrived_s)

    def answer(self) -> None:
        """Read the request, and begin its answer or refuse it."""
        try:
            body = read_object(self._request.body)
            model = self._server.model(read_model(body))
            request = self._api.read(body)
        except (BadRequestError, ConfigError) as error:
            self._refuse(400, str(error), "bad request")
            return
        number = model.requests
        model.requests += 1
        fault = fault_of(model.behaviour, number)
        if fault is MockFault.STATUS:
            self._refuse(model.behaviour.error_status, "injected failure", "error")
            return
        answer = make_answer(request, model.behaviour, number)
        identity = self._server.next_identity()
        created_s = int(time.time())
        generated = Generated(request, answer, identity, created_s, self._times, self._server.clock)
        self._send(model, generated, fault)

    def _send(self, model: _Model, generated: Generated, fault: MockFault | None) -> None:
        """Begin the answer at once, or when the model's queue has a slot."""
        reply = make_reply(self._api(generated), model.behaviour, fault)
        if model.behaviour.parallel and not generated.request.is_empty:
            self._server.keep(self._send_in_turn(model, reply, generated), self._connection)
        else:
            self._begin(reply, generated, model.behaviour, self._request.arrived_s, lambda: None)

    async def _send_in_turn(self, model: _Model, reply: TimedReply, generated: Generated) -> None:
        try:
            async with model.slots.slot():
                ended = asyncio.Event()
                self._begin(reply, generated, model.behaviour, self._server.clock(), ended.set)
                await ended.wait()
        except QueueFullError:
            self._refuse(503, BUSY, "queue full")

    def _begin(
        self,
        reply: TimedReply,
        generated: Generated,
        behaviour: MockBehaviour,
        start_s: float,
        on_end: Callable[[], None],
    ) -> None:
        metrics = self._server.metrics
        metrics.running += 1
        self._times.started_s = start_s
        # Ollama's durations: the first token is part of the evaluation, so that its rate is exact.
        self._times.prefilled_s = start_s + max(0.0, behaviour.ttft_s - behaviour.gap_s)

        def end(result: ReplyEnd | None) -> None:
            metrics.running -= 1
            metrics.count_result(self._request.path, _RESULTS[result])
            if result is ReplyEnd.COMPLETE:
                metrics.tokens += generated.answer.output_tokens
            on_end()

        self._connection.start(reply, start_s, end)

    def _refuse(self, status: int, message: str, result: str) -> None:
        self._server.metrics.count_result(self._request.path, result)
        self._connection.send(status, JSON, self._api.error(status, message))


class MockServer:
    """Answers the requests of all connections.

    Args:
        behaviour: Behaviour of models whose name does not state another.
        names: Names in the lists of models.
        timer: Timer and clock of all writes.
    """

    def __init__(self, behaviour: MockBehaviour, names: Sequence[str], timer: Pacer) -> None:
        self._behaviour = behaviour
        self._names = tuple(names)
        self._metronome = Metronome(timer)
        self._models: dict[str, _Model] = {}
        self._generations = 0
        self._waits: set[asyncio.Task[None]] = set()
        self.clock = timer.now_s
        self.metrics = MockMetrics()
        self._documents: Mapping[str, Callable[[], object]] = {
            "/health": lambda: {"status": "ok"},
            "/v1/models": self._openai_models,
            "/api/tags": self._ollama_models,
            "/api/ps": self._ollama_models,
            "/api/version": lambda: {"version": VERSION},
        }

    def connection(self) -> MockConnection:
        """Return the protocol of a new connection."""
        return MockConnection(self._respond, self._metronome, self.metrics, self.clock)

    def model(self, name: str) -> _Model:
        """Return the state of a model.

        Raises:
            ConfigError: The name has an unknown part.
        """
        model = self._models.get(name)
        if model is None:
            model = self._models[name] = _Model(behaviour_of(name, self._behaviour))
        return model

    def next_identity(self) -> int:
        """Return the number of a new answer."""
        self._generations += 1
        return self._generations

    def keep(self, work: Coroutine[Any, Any, None], connection: MockConnection) -> None:
        """Run the wait for a slot until it ends or the client leaves."""
        wait = asyncio.get_running_loop().create_task(work)
        self._waits.add(wait)  # the event loop keeps only a weak reference
        wait.add_done_callback(self._waits.discard)
        connection.on_leave(wait.cancel)

    def _respond(self, request: HttpRequest, connection: MockConnection) -> None:
        path = request.path
        api = GENERATING.get(path)
        if api is not None and request.method == "POST":
            _Generation(self, api, request, connection).answer()
        elif request.method == "POST" and path == "/api/show":
            connection.send(200, JSON, orjson.dumps(_SHOWN))
        elif request.method in {"GET", "HEAD"}:
            self._describe(path, connection)
        else:
            self._refuse(path, connection)

    def _describe(self, path: str, connection: MockConnection) -> None:
        """Answer a request that reads something."""
        if path == "/":
            connection.send(200, _TEXT, b"Ollama is running")
        elif path == "/metrics":
            waiting = sum(model.slots.waiting for model in self._models.values())
            connection.send(200, METRICS_TYPE, self.metrics.text(waiting))
        elif path in self._documents:
            connection.send(200, JSON, orjson.dumps(self._documents[path]()))
        elif path.startswith(_ONE_MODEL):
            connection.send(200, JSON, orjson.dumps(_openai_model(path.removeprefix(_ONE_MODEL))))
        else:
            self._refuse(path, connection)

    def _refuse(self, path: str, connection: MockConnection) -> None:
        is_known = path in GENERATING or path in self._documents
        posts = ", ".join(GENERATING)
        gets = ", ".join([*self._documents, "/metrics"])
        message = f"the mock model has no such call. It serves POST {posts} and GET {gets}"
        api = GENERATING.get(path)
        status = 405 if is_known else 404
        connection.send(status, JSON, (api or OpenAiChat).error(status, message))

    def _openai_models(self) -> object:
        """Return OpenAI's list of models, with the fields that Anthropic's list has."""
        models = [_openai_model(name) for name in self._names]
        ends = {"first_id": self._names[0], "last_id": self._names[-1], "has_more": False}
        return {"object": "list", "data": models, **ends}

    def _ollama_models(self) -> object:
        return {"models": [_ollama_model(name) for name in self._names]}


def _openai_model(name: str) -> dict[str, Any]:
    openai = {"id": name, "object": "model", "created": 0, "owned_by": "bench"}
    return openai | {"type": "model", "display_name": name, "created_at": _CREATED_AT}


def _ollama_model(name: str) -> dict[str, Any]:
    about = {"size": 0, "digest": "0" * 64, "details": _SHOWN["details"]}
    times = {"modified_at": _CREATED_AT, "expires_at": iso_now(), "size_vram": 0}
    return {"name": name, "model": name, **about, **times}
