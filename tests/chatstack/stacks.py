"""Services of the reference stack as child processes, and what tests say to them."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jwt
from prometheus_client.parser import text_string_to_metric_families

from chatstack.settings import Settings
from chatstack.stores.opening import open_store
from chatstack.stores.store import Store

Result = TypeVar("Result")

MODEL = "qwen2.5:0.5b"
FAST = {"MODEL_PREFILL_TPS": "1000000000", "MODEL_DECODE_TPS": "100000"}
# Longer than any test waits: what such a model was asked ends only when somebody ends it.
ENDLESS = {"MODEL_DELAY_MS": "36000000"}
_ROOT = Path(__file__).parents[2]
_PASSED_ON = ("PATH", "SYSTEMROOT", "COVERAGE_")


@dataclass(frozen=True)
class Service:
    """A service that listens.

    Attributes:
        url: Where.
        announcement: What it said when it did.
        process: Which runs it.
    """

    url: str
    announcement: dict[str, Any]
    process: subprocess.Popen[str]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """These variables, and those without which a child cannot run or be covered."""
    own = {key: value for key, value in os.environ.items() if key.startswith(_PASSED_ON)}
    return {**own, **variables}


def start(arguments: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[str]:
    """`python -m chatstack` with all its pipes here."""
    return subprocess.Popen(
        [sys.executable, "-m", "chatstack", *arguments],
        cwd=_ROOT,
        env=environment(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def run(
    arguments: Sequence[str], variables: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """`python -m chatstack` from its start to its end."""
    process = start(arguments, variables)
    try:
        out, err = process.communicate(stdin)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def change(collection: str, action: str, content: object, variables: Mapping[str, str]) -> int:
    """Fill or empty a store, and say how much changed."""
    done = run([collection, action], variables, json.dumps(content))
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["changed"])


@contextmanager
def serving(role: str, variables: Mapping[str, str] | None = None) -> Iterator[Service]:
    """A service of that role that listens inside the block."""
    process = start([role], {"PORT": "0", "EXIT_WITH_STDIN": "1", **(variables or {})})
    try:
        assert process.stdout
        announcement = process.stdout.readline()
        assert announcement, process.communicate()[1]
        event = json.loads(announcement)
        yield Service(event["url"], event, process)
    finally:
        ended(process)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """End a process if it runs: its exit code and what it wrote on stderr."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    with process:
        assert process.stderr
        err = "" if process.stderr.closed else process.stderr.read()
        return process.wait(), err


def gauges(url: str) -> dict[str, float]:
    """A service's measures by name, without labels."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    return {
        each.name: each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if not each.labels
    }


def queue(url: str) -> tuple[int, int]:
    """How many requests run at a model and how many wait."""
    now = gauges(url)
    return int(now["chatstack_queue_running"]), int(now["chatstack_queue_waiting"])


def hex_id() -> str:
    """An id that nobody has yet."""
    return secrets.token_hex(12)


def make_user(**changes: object) -> dict[str, Any]:
    """A user of the contract's shape that nobody else is."""
    name = f"user-{secrets.token_hex(6)}"
    made = "2025-06-01T12:00:00.000Z"
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
        "createdAt": made,
        "updatedAt": made,
        "lastLoginAt": None,
        **changes,
    }


def mint(secret: str, user: Mapping[str, Any], **changes: object) -> str:
    """A token as a load test makes it, unlike any other; a claim that is None is left out."""
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
    kept = {key: value for key, value in claims.items() if value is not None}
    return jwt.encode(kept, secret, algorithm="HS256")


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def server_timing(response: httpx.Response) -> dict[str, float]:
    """Milliseconds by tier."""
    parts = (each.split(";dur=") for each in response.headers["server-timing"].split(", "))
    return {name: float(duration) for name, duration in parts}


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """A wrong use ends with code 2 and one sentence that says what is wrong."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def connect(url: str) -> socket.socket:
    """A connection to a service on which a test writes every byte itself."""
    address = httpx.URL(url)
    return socket.create_connection((address.host, address.port or 80))


def get_raw(url: str, target: str) -> bytes:
    """The answer's bytes to a GET of exactly this target, with no header but those it must have."""
    with connect(url) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def ask_and_keep(
    url: str, path: str, body: object, headers: Mapping[str, str] | None = None
) -> socket.socket:
    """A request whose answer nobody reads; closing the connection is leaving."""
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
def refusing() -> Iterator[str]:
    """An address that refuses connections: the port is held, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def recorded(variables: Mapping[str, str], read: Callable[[Store], Awaitable[Result]]) -> Result:
    """What a store says."""

    async def ask() -> Result:
        store = await open_store(Settings(variables))
        try:
            return await read(store)
        finally:
            await store.close()

    return asyncio.run(ask())
