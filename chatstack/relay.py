"""Passes a request on to Ollama and the answer back, unchanged."""

import json

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from chatstack.ollama import reported
from chatstack.timing import server_timing, stopwatch
from chatstack.upstream import Upstream

# RFC 9110, 7.6.1: these speak of one connection only. Lengths and hosts are those of the next one.
_OF_THE_CONNECTION = frozenset(
    {
        "connection", "content-length", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_BAD_GATEWAY, _GATEWAY_TIMEOUT = 502, 504


class Relay:
    """An ASGI response that is Ollama's.

    Args:
        upstream: Ollama.
        request: What was asked for.
        content: Its body.
    """

    def __init__(self, upstream: Upstream, request: Request, content: bytes) -> None:
        self._upstream = upstream
        self._request = request
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, and pass the answer on while it comes."""
        watch = stopwatch(self._request)
        begun = False
        try:
            async with self._upstream.client() as client:
                with watch.elsewhere():
                    response = await client.send(self._asked(), stream=True)
                try:
                    parts: list[bytes] | None = None
                    if response.headers.get("content-type", "").startswith("application/json"):
                        with watch.elsewhere():
                            parts = [part async for part in response.aiter_raw()]
                        watch.pass_on(server_timing(_reported(response, b"".join(parts))))
                    await send(_start(response))
                    begun = True
                    if parts is None:
                        async for part in response.aiter_raw():
                            await send({"type": "http.response.body", "body": part, "more_body": True})
                    await send({"type": "http.response.body", "body": b"".join(parts or [])})
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            if begun:
                raise  # the client sees the connection break, as it would without us
            status = _GATEWAY_TIMEOUT if isinstance(error, httpx.TimeoutException) else _BAD_GATEWAY
            answer = JSONResponse({"error": f"Ollama does not answer: {type(error).__name__}"}, status)
            await answer(scope, receive, send)

    def _asked(self) -> httpx.Request:
        """The request as it came, byte for byte, but for what speaks of the connection."""
        scope = self._request.scope
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        headers = [(key, value) for key, value in self._request.headers.raw if _passes(key)]
        # A path of its own, beside the address: httpx would tidy up the one in an address.
        extensions = {"target": httpx.URL(self._upstream.url).raw_path.rstrip(b"/") + target}
        return httpx.Request(
            self._request.method,
            self._upstream.url,
            headers=headers,
            content=self._content,
            extensions=extensions,
        )


def _passes(key: bytes) -> bool:
    return key.lower().decode("latin-1") not in _OF_THE_CONNECTION


def _start(response: httpx.Response) -> dict[str, object]:
    headers = [(key.lower(), value) for key, value in response.headers.raw if _passes(key)]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}


def _reported(response: httpx.Response, content: bytes) -> dict[str, float]:
    """What Ollama says of its time; a packed answer is passed on unread."""
    if "content-encoding" in response.headers:
        return {}
    try:
        last = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return reported(last) if isinstance(last, dict) else {}
