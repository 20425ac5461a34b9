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
        asked, watch = self._request, stopwatch(self._request)
        headers = [(key, value) for key, value in asked.headers.items() if key not in _OF_THE_CONNECTION]
        begun = False
        try:
            async with self._upstream.client() as client:
                url = httpx.URL(path=asked.url.path, query=asked.url.query.encode())
                request = client.build_request(asked.method, url, headers=headers, content=self._content)
                with watch.elsewhere():
                    response = await client.send(request, stream=True)
                try:
                    first = b""
                    if response.headers.get("content-type", "").startswith("application/json"):
                        with watch.elsewhere():
                            first = await response.aread()
                        watch.pass_on(server_timing(_reported(first)))
                    await send(_start(response))
                    begun = True
                    if not first:
                        async for part in response.aiter_raw():
                            await send({"type": "http.response.body", "body": part, "more_body": True})
                    await send({"type": "http.response.body", "body": first})
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            if begun:
                raise  # the client sees the connection break, as it would without us
            status = _GATEWAY_TIMEOUT if isinstance(error, httpx.TimeoutException) else _BAD_GATEWAY
            answer = JSONResponse({"error": f"Ollama does not answer: {type(error).__name__}"}, status)
            await answer(scope, receive, send)


def _start(response: httpx.Response) -> dict[str, object]:
    headers = [
        (k.lower(), v) for k, v in response.headers.raw if k.lower().decode() not in _OF_THE_CONNECTION
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}


def _reported(content: bytes) -> dict[str, float]:
    try:
        last = json.loads(content)
    except ValueError:
        return {}
    return reported(last) if isinstance(last, dict) else {}
