"""Services of the reference stack as child processes, and helpers that call them."""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar

import httpx
import jwt
from prometheus_client.parser import text_string_to_metric_families

from chatstack.settings import Settings
from chatstack.stores.opening import open_store
from chatstack.stores.store import Store
from tests.fork_server import PipedProcess, fork_server

Result = TypeVar("Result")

MODEL = "qwen2.5:0.5b"
FAST = {"MODEL_PREFILL_TPS": "1000000000", "MODEL_DECODE_TPS": "100000"}
# Longer than any test waits: a request to such a model ends only when the test ends it.
ENDLESS = {"MODEL_DELAY_MS": "36000000"}
_ROOT = Path(__file__).parents[2]
_PASSED_ON = ("PATH", "SYSTEMROOT", "COVERAGE_")
_LIMIT_S = 300.0


@dataclass(frozen=True)
class Service:
    """A service that listens."""

    url: str
    """Address of the service."""
    announcement: dict[str, Any]
    """Line that the service printed when it started to listen."""
    process: PipedProcess
    """Process of the service."""


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return these variables, and those that a child process needs to run and to be covered."""
    inherited = {key: value for key, value in os.environ.items() if key.startswith(_PASSED_ON)}
    return {**inherited, **variables}


def run(
    arguments: Sequence[str], variables: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `python -m chatstack` to its end, in a forked process."""
    with ExitStack() as opened:
        files = [opened.enter_context(TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
        given, out, err = files
        given.write(stdin)
        given.seek(0)
        code = fork_server("chatstack").run(arguments, _ROOT, environment(variables), files, _LIMIT_S)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def start_interpreter(
    arguments: Sequence[str], variables: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `python -m chatstack` to its end, in a new interpreter, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "chatstack", *arguments],
        cwd=_ROOT,
        env=environment(variables),
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=_LIMIT_S,
    )


def change(collection: str, action: str, content: object, variables: Mapping[str, str]) -> int:
    """Add items to a store or remove them, and return the number of changes."""
    done = run([collection, action], variables, json.dumps(content))
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["changed"])


@contextmanager
def serving(role: str, variables: Mapping[str, str] | None = None) -> Iterator[Service]:
    """Run a service of that role inside the block."""
    settings = {"PORT": "0", "EXIT_WITH_STDIN": "1", **(variables or {})}
    process = fork_server("chatstack").start([role], _ROOT, environment(settings))
    try:
        announcement = process.stdout.readline()
        assert announcement, process.stderr.read()
        event = json.loads(announcement)
        yield Service(event["url"], event, process)
    finally:
        process.stop()


def read_gauges(url: str) -> dict[str, float]:
    """Return the gauges of a service without labels, by name."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


def queue_state(url: str) -> tuple[int, int]:
    """Return the number of running requests and of waiting requests at a model."""
    values = read_gauges(url)
    return int(values["chatstack_queue_running"]), int(values["chatstack_queue_waiting"])


def hex_id() -> str:
    """Return a new unique id."""
    return secrets.token_hex(12)


def make_user(**changes: object) -> dict[str, Any]:
    """Return a new unique user document."""
    name = f"user-{secrets.token_hex(6)}"
    created_at = "2025-06-01T12:00:00.000Z"
    return {
        "_id": hex_id(),
        "username": name,
        "email": f"{name}@example.org",
        "fullName": "Ada Lovelace",
        "role": "user",
        "isActive": True,
        "isEmailVerified": True,
        "passkeys": [],
        "refreshTokens": [],
        "createdAt": created_at,
        "updatedAt": created_at,
        "lastLoginAt": None,
        **changes,
    }


def mint(secret: str, user: Mapping[str, Any], **changes: object) -> str:
    """Return a new unique token as a load test makes it; a claim that is None is left out."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "userId": user["_id"],
        "username": user["username"],
        "email": user["email"],
        "role": user["role"],
        "iat": now,
        "exp": now + 86_400,
        "jti": secrets.token_hex(8),
        **changes,
    }
    present = {key: value for key, value in claims.items() if value is not None}
    return jwt.encode(present, secret, algorithm="HS256")


def bearer(token: str) -> dict[str, str]:
    """Return the header with the token."""
    return {"Authorization": f"Bearer {token}"}


def server_timing(response: httpx.Response) -> dict[str, float]:
    """Return the milliseconds by tier."""
    parts = (entry.split(";dur=") for entry in response.headers["server-timing"].split(", "))
    return {name: float(duration) for name, duration in parts}


def assert_usage_error(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that a command ended with code 2 and one line on stderr that contains these words."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def connect(url: str) -> socket.socket:
    """Open a connection to a service, on which a test writes every byte itself."""
    address = httpx.URL(url)
    return socket.create_connection((address.host, address.port or 80))


def get_raw(url: str, target: str) -> bytes:
    """Return the raw response to a GET of exactly this target, with the required headers only."""
    with connect(url) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def send_without_reading(
    url: str, path: str, body: object, headers: Mapping[str, str] | None = None
) -> socket.socket:
    """Send a request and never read its response; close the connection to disconnect."""
    address = httpx.URL(url)
    content = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {address.host}:{address.port}",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    connection = connect(url)
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
    return connection


@contextmanager
def refused_address() -> Iterator[str]:
    """Yield an address that refuses connections: the port is bound, but has no listener."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def read_store(variables: Mapping[str, str], read: Callable[[Store], Awaitable[Result]]) -> Result:
    """Read from a store."""

    async def open_and_read() -> Result:
        store = await open_store(Settings(variables))
        try:
            return await read(store)
        finally:
            await store.close()

    return asyncio.run(open_and_read())
