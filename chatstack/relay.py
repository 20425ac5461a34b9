"""Forwards a request to Ollama and the answer to the client, unchanged."""

import json

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from chatstack.ollama import reported
from chatstack.timing import server_timing, stopwatch
from chatstack.upstream import Upstream

# RFC 9110, 7.6.1: these headers belong to one connection. Length and host belong to the next one.
_OF_THE_CONNECTION = frozenset(
    {
        "connection", "content-length", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_BAD_GATEWAY = 502
_GATEWAY_TIMEOUT = 504


class Relay:
    """An ASGI response with Ollama's answer.

    Args:
        upstream: Ollama.
        request: The client's request.
        content: Body of the request.
    """

    def __init__(self, upstream: Upstream, request: Request, content: bytes) -> None:
        self._upstream = upstream
        self._request = request
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the request, and forward the answer while it arrives."""
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
                raise  # the client's connection breaks, as it would without the agent
            status = _GATEWAY_TIMEOUT if isinstance(error, httpx.TimeoutException) else _BAD_GATEWAY
            answer = JSONResponse({"error": f"Ollama does not answer: {type(error).__name__}"}, status)
            await answer(scope, receive, send)

    def _asked(self) -> httpx.Request:
        """Return the request byte for byte, without the headers of the connection."""
        scope = self._request.scope
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        headers = [(key, value) for key, value in self._request.headers.raw if _passes(key)]
        # The path is separate from the address, because httpx would normalise it.
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
    """Return the durations that Ollama reports; a compressed answer is not read."""
    if "content-encoding" in response.headers:
        return {}
    try:
        last = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return reported(last) if isinstance(last, dict) else {}
