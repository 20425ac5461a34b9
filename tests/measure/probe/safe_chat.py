"""A chat that keeps all rules of probes, and that can break each of them."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

LIMIT = 4
LONGEST = 10_000
MOST_BYTES = 1_000_000
PIECES = 4
PAGE = "https://foreign.example"
TRACE = 'Traceback (most recent call last):\n  File "chat.py", line 3, in answer\nKeyError: 1'


class RefusedError(Exception):
    """A request is refused."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class SafeChat:
    """The state of the chat.

    Attributes:
        secret: Key of tokens without a key id.
        keys: File of keys by their id.
        audit: File of the audit log.
        faults: Names of the rules that the chat breaks.
        running: Number of streams that run.
        gate: Lets streams send their next piece.
    """

    secret: str
    keys: Path
    audit: Path
    faults: set[str] = field(default_factory=set)
    running: int = 0
    revoked: set[str] = field(default_factory=set)
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    first_keys: dict[str, str] | None = None

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/chat", self._chat, methods=["POST", "GET"]),
                Route("/me", self._me, methods=["GET"]),
                Route("/logout", self._log_out, methods=["POST"]),
                Route("/metrics", self._metrics),
            ],
            exception_handlers={RefusedError: self._refuse},
        )

    def _breaks(self, rule: str) -> bool:
        return rule in self.faults

    async def _refuse(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        text = str(error)
        leaks = {
            "leak-stack-trace": TRACE,
            "leak-address": "cannot reach http://10.1.2.3:9000",
            "leak-path": "see /home/chat/server.py",
            "leak-secret": f"token {request.headers.get('authorization')}",
        }
        text += "".join(f" {leak}" for rule, leak in leaks.items() if self._breaks(rule))
        headers = {"retry-after": "0"} if error.status == 429 else {}
        if self._breaks("rate-limit-retry-after"):
            headers = {}
        if self._breaks("headers-server"):
            headers["server"] = "chat/1.2.3"
        return JSONResponse({"error": text}, error.status, headers)

    def _keys(self) -> dict[str, str]:
        keys: dict[str, str] = json.loads(self.keys.read_text())
        if self.first_keys is None:
            self.first_keys = keys
        if self._breaks("rotation-new-key"):
            return self.first_keys
        if self._breaks("rotation-retired-key"):
            self.first_keys |= keys
            return self.first_keys
        if self._breaks("rotation-no-failures"):
            return dict([next(iter(keys.items()))])
        return keys

    def _claims(self, request: Request) -> dict[str, Any]:
        """Return the claims of a token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            if self._breaks("auth-no-token"):
                return {"userId": "nobody", "username": "nobody"}
            raise RefusedError(401, "no token")
        try:
            head, body, signature = token.split(".")
            header = json.loads(_decode(head))
            claims: dict[str, Any] = json.loads(_decode(body))
        except ValueError:
            if self._breaks("auth-malformed"):
                return {"userId": "nobody", "username": "nobody"}
            raise RefusedError(401, "no JSON Web Token") from None
        self._verify(header, claims, f"{head}.{body}", signature)
        if token in self.revoked and not self._breaks("auth-revoked"):
            raise RefusedError(401, "revoked")
        return claims

    def _verify(self, header: dict[str, Any], claims: dict[str, Any], signed: str, signature: str) -> None:
        key = self.secret
        if "kid" in header:
            key = self._keys().get(header["kid"], "")
        if "jwk" in header and self._breaks("auth-key-confusion"):
            return
        if header["alg"].lower() == "none" and self._breaks("auth-alg-none"):
            return
        expected = base64.urlsafe_b64encode(hmac.digest(key.encode(), signed.encode(), hashlib.sha256))
        is_right = key and signature == expected.rstrip(b"=").decode() and header["alg"] == "HS256"
        is_forgiven = self._breaks("auth-wrong-key") and header["alg"] == "HS256" and signature
        if self._breaks("auth-changed-claims") and signature and "kid" not in header and "jwk" not in header:
            is_forgiven = True
        if not (is_right or is_forgiven):
            raise RefusedError(401, "wrong signature")
        if claims["exp"] < time.time() and not self._breaks("auth-expired"):
            raise RefusedError(401, "expired")
        if claims.get("nbf", 0) > time.time() and not self._breaks("auth-not-yet-valid"):
            raise RefusedError(401, "not yet valid")

    async def _me(self, request: Request) -> Response:
        claims = self._claims(request)
        other = request.query_params.get("userId")
        if other is not None and self._breaks("auth-other-user"):
            return JSONResponse({"username": _name_of(other)})
        return JSONResponse({"id": claims["userId"], "username": claims["username"]})

    async def _log_out(self, request: Request) -> Response:
        self._claims(request)
        self.revoked.add(request.headers["authorization"].partition(" ")[2])
        return JSONResponse({})

    async def _metrics(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        return PlainTextResponse(f"chat_running {self.running}\n")

    async def _chat(self, request: Request) -> Response:
        if self._breaks("page"):
            return HTMLResponse("<html><body>Welcome</body></html>")
        claims = self._claims(request)
        if request.method == "GET":
            if self._breaks("input-method"):
                raise RefusedError(404, "nothing here")
            raise RefusedError(405, "only POST")
        user = str(claims["userId"])
        self._limit(user, request)
        body = await self._read(request)
        message = self._message(body)
        if body.get("stream"):
            return StreamingResponse(self._stream(user), media_type="text/event-stream")
        if not self._breaks("audit-complete"):
            self._record(user, message)
        return JSONResponse({"message": "Hello!"}, headers=self._headers(request))

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        if self._breaks("headers-promised"):
            del headers["cache-control"]
        if self._breaks("headers-server"):
            headers["x-powered-by"] = "Chat 1.2"
        if self._breaks("headers-cors"):
            headers["access-control-allow-origin"] = request.headers.get("origin", "")
            headers["access-control-allow-credentials"] = "true"
        return headers

    def _limit(self, user: str, request: Request) -> None:
        """Refuse requests above the limit. Two refusals stand for the window, so that no test waits."""
        if self._breaks("rate-limit-per-user"):
            user = "everybody"
        if self._breaks("rate-limit-per-token"):
            user = request.headers["authorization"]
        self.sent[user] += 1
        if self._breaks("rate-limit") or self.sent[user] <= LIMIT:
            return
        self.refused[user] += 1
        never_recovers = self.faults & {"rate-limit-recovers", "rate-limit-per-user"}
        if self.refused[user] <= 2 or never_recovers:
            raise RefusedError(429, "too many requests")
        self.sent[user] = self.refused[user] = 0

    async def _read(self, request: Request) -> dict[str, Any]:
        content_type = request.headers["content-type"]
        if content_type != "application/json" and not self._breaks("input-content-type"):
            raise RefusedError(415, "only JSON")
        content = await request.body()
        if len(content) > MOST_BYTES and not self._breaks("input-large-body"):
            raise RefusedError(413, "too large")
        try:
            text = content.decode()
        except UnicodeDecodeError:
            if self._breaks("input-invalid-utf8"):
                raise RefusedError(500, "out of order") from None
            raise RefusedError(400, "not UTF-8") from None
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            if self._breaks("input-deep-json"):
                raise RefusedError(500, "out of order") from None
            raise RefusedError(400, "no JSON") from None
        if not isinstance(body, dict):
            raise RefusedError(400, "no object")
        return body

    def _message(self, body: dict[str, Any]) -> str:
        message = body.get("message")
        if self._breaks("ordinary"):
            raise RefusedError(500, "out of order")
        if not isinstance(message, str):
            raise RefusedError(500 if self._breaks("input-wrong-type") else 400, "no text")
        if not message.strip() and not self._breaks("input-empty"):
            raise RefusedError(400, "empty")
        most = LONGEST - 1 if self._breaks("input-longest") else LONGEST
        if self._breaks("input-too-long"):
            most = LONGEST + 1
        is_large = self._breaks("input-large-body") and len(message) > MOST_BYTES
        if len(message) > most and not is_large:
            raise RefusedError(400, "too long")
        if any(ord(letter) < 32 for letter in message.strip()) and not self._breaks(
            "input-control-characters"
        ):
            raise RefusedError(400, "control characters")
        return message

    async def _stream(self, user: str) -> AsyncIterator[str]:
        self.running += 1
        keeps_slot = self._breaks("stream-cancelled")
        try:
            self._record(user, "a stream")
            yield "data: Hello\n\n"
            # Only a stream that keeps its slot ends by itself, so no slow machine can make the others late.
            while not keeps_slot:
                await asyncio.sleep(0.02)
                yield "data: and more\n\n"
            for _ in range(PIECES):
                await asyncio.sleep(0.1)
                yield "data: and more\n\n"
            keeps_slot = False
        finally:
            if keeps_slot:
                asyncio.get_running_loop().call_later(10.0, self._free_slot)
            else:
                self._free_slot()

    def _free_slot(self) -> None:
        self.running -= 1

    def _record(self, user: str, message: str) -> None:
        entry = {"user": user, "characters": len(message)}
        if self._breaks("audit-no-text"):
            entry["message"] = message
        with self.audit.open("a") as log:
            log.write(json.dumps(entry) + "\n")


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


NAMES: dict[str, str] = {}
"""Name of each user by id, as a database would have them."""


def _name_of(user: str) -> str:
    return NAMES.get(user, "")


@asynccontextmanager
async def serving(chat: SafeChat) -> AsyncIterator[str]:
    """Serve a chat in this event loop, and yield its address."""
    config = uvicorn.Config(chat.app(), port=0, log_level="critical", lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event
        await asyncio.sleep(0.001)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
