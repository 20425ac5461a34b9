import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.chatstack.stacks import (
    ENDLESS,
    MODEL,
    Service,
    assert_usage_error,
    bearer,
    change,
    make_user,
    mint,
    read_gauges,
    run,
    send_without_reading,
    serving,
)
from tests.eventually import eventually
from tests.servers import serving_redis

CHAT = "/api/chat/ask-dynaform"
STATUS = "/api/chat/queue"
Store = tuple[dict[str, str], str]


@dataclass
class Client:
    """A user of a backend."""

    backend: Service
    http: httpx.Client

    def status(self) -> dict[str, Any]:
        """Return the status of the queue."""
        data: dict[str, Any] = self.http.get(STATUS).raise_for_status().json()["data"]
        return data

    def wait_for(self, running: int, waiting: int) -> None:
        """Wait until these numbers of requests run and wait."""
        eventually(lambda: (self.status()["running"], self.status()["waiting"]) == (running, waiting))

    def gauge(self, name: str) -> float:
        """Return a measure of the backend."""
        return read_gauges(self.backend.url)[name]

    def ask(self) -> httpx.Response:
        """Ask for a document."""
        return self.http.post(CHAT, json={"message": "Hello"})

    def stream(self) -> socket.socket:
        """Ask for a stream, and return its connection."""
        headers = {"Authorization": self.http.headers["authorization"]}
        return send_without_reading(self.backend.url, CHAT, {"message": "Hello", "stream": True}, headers)


def next_event(stream: socket.socket) -> tuple[str, dict[str, Any]]:
    """Return the next event of a stream that has a name."""
    with stream.makefile("rb", buffering=0) as lines:
        name = next(line for line in iter(lines.readline, b"") if line.startswith(b"event: "))
        data = lines.readline().removeprefix(b"data: ")
    return name.decode().removeprefix("event: ").strip(), json.loads(data)


@pytest.fixture(scope="module")
def endless_model() -> Iterator[Service]:
    """Run a model whose answers never come."""
    with serving("model", {**ENDLESS, "MODEL": MODEL, "OLLAMA_NUM_PARALLEL": "8"}) as model:
        yield model


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return the variables of a store with one user, and a token of this user."""
    path = tmp_path_factory.mktemp("queue") / "store.sqlite"
    variables = {"SQLITE_PATH": str(path), "JWT_SECRET": secrets.token_hex(32), "MODEL": MODEL}
    user = make_user()
    change("users", "add", [user], variables)
    return variables, mint(variables["JWT_SECRET"], user)


@contextmanager
def backend_with(store: Store, model: Service, **variables: str) -> Iterator[Client]:
    """Run a backend with a queue, and yield a client of it."""
    settings = {**store[0], "AGENT_URL": model.url, **variables}
    headers = bearer(store[1])
    with (
        serving("backend", settings) as backend,
        httpx.Client(base_url=backend.url, headers=headers, timeout=60, trust_env=False) as http,
    ):
        yield Client(backend, http)


@pytest.mark.parametrize("shared", [False, True], ids=["memory", "redis"])
def test_a_request_runs_waits_is_refused_or_leaves(
    *, shared: bool, store: Store, endless_model: Service, request: pytest.FixtureRequest
) -> None:
    """One runs, one waits and sees its position, one more gets 429. A client that leaves makes room."""
    variables = {"QUEUE_CONCURRENCY": "1", "QUEUE_MAX_WAITING": "1", "QUEUE_NAME": secrets.token_hex(4)}
    if shared:
        variables["REDIS_URL"] = request.getfixturevalue("redis_url")
    with backend_with(store, endless_model, **variables) as client:
        with closing(client.stream()), closing(client.stream()) as second:
            assert next_event(second) == ("queued", {"position": 1, "wait_s": None})
            refused = client.ask()
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) >= 1
            assert "try again" in refused.json()["error"]
            client.wait_for(1, 1)  # the job of the refused request is removed in the background
            status = client.status()
            assert (status["concurrency"], status["max_waiting"]) == (1, 1)
            assert status["own"] == [{"position": 1, "wait_s": None}]
            assert client.gauge("chatstack_requests_queued") == 1
            assert client.gauge("chatstack_requests_running") == 1
            assert client.gauge("chatstack_queue_refused_total") == 1
        client.wait_for(0, 0)
        with closing(client.stream()):
            client.wait_for(1, 0)
        client.wait_for(0, 0)


def test_the_status_is_for_users_only(store: Store, endless_model: Service) -> None:
    """A client without a token learns nothing about the queue."""
    with backend_with(store, endless_model, QUEUE_CONCURRENCY="1") as client:
        refused = httpx.get(f"{client.backend.url}{STATUS}", trust_env=False)
        assert refused.status_code == 401
        assert refused.json() == {"error": "Access denied"}


def test_without_a_queue_there_is_no_status(store: Store, endless_model: Service) -> None:
    """`QUEUE_CONCURRENCY=0` is the same as no queue."""
    with backend_with(store, endless_model, QUEUE_CONCURRENCY="0") as client:
        assert client.http.get(STATUS).status_code == 404


def test_backends_share_the_queue_and_its_order(store: Store, endless_model: Service, redis_url: str) -> None:
    """The limit holds for all backends together, and the turn reaches the backend whose client waits."""
    variables = {"QUEUE_CONCURRENCY": "1", "QUEUE_NAME": secrets.token_hex(4), "REDIS_URL": redis_url}
    with (
        backend_with(store, endless_model, **variables) as one,
        backend_with(store, endless_model, **variables) as other,
    ):
        first = one.stream()
        one.wait_for(1, 0)
        with closing(other.stream()) as second:
            assert next_event(second)[1]["position"] == 1
            assert len(one.status()["own"]) == 1
            with closing(one.stream()) as third:
                assert next_event(third)[1]["position"] == 2
                first.close()
                eventually(lambda: other.gauge("chatstack_requests_running") == 1)
                event = next_event(third)[1]
                if event["position"] == 2:  # a backend may know the estimate before the new position
                    event = next_event(third)[1]
                assert event["position"] == 1
                assert one.gauge("chatstack_requests_running") == 0
        one.wait_for(0, 0)


def test_without_redis_requests_fail_quickly_and_later_succeed(
    store: Store, endless_model: Service, tmp_path: Any
) -> None:
    """Redis ends: the running request goes on, waiting and new ones get 503. Redis returns: all is well."""
    with serving_redis(tmp_path) as redis:
        variables = {"QUEUE_CONCURRENCY": "1", "REDIS_URL": redis.url}
        with backend_with(store, endless_model, **variables) as client:
            with closing(client.stream()), closing(client.stream()) as waiting:
                assert next_event(waiting)[0] == "queued"
                redis.process.kill()
                redis.process.wait()
                assert next_event(waiting) == ("error", {"error": "the request queue is not available"})
                refused = client.ask()
                assert refused.status_code == 503
                assert int(refused.headers["Retry-After"]) >= 1
                assert client.http.get(STATUS).status_code == 503
                assert client.gauge("chatstack_queue_available") == 0
                assert client.gauge("chatstack_requests_running") == 1
            port = httpx.URL(redis.url).port
            with serving_redis(tmp_path, port):
                eventually(lambda: client.gauge("chatstack_queue_available") == 1)
                with closing(client.stream()):
                    client.wait_for(1, 0)
                client.wait_for(0, 0)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("QUEUE_CONCURRENCY", "few"), ("QUEUE_NAME", "a:b"), ("REDIS_URL", "http://127.0.0.1:1")],
)
def test_a_backend_with_a_wrong_setting_does_not_start(
    variable: str, value: str, store: Store, endless_model: Service
) -> None:
    """The error names the variable."""
    settings = {**store[0], "AGENT_URL": endless_model.url, "QUEUE_CONCURRENCY": "1"}
    settings |= {"REDIS_URL": "redis://127.0.0.1:1", variable: value}
    assert_usage_error(run(["backend"], settings), variable)
