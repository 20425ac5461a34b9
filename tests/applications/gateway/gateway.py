"""A small gateway with OpenAI's API: it checks a key, counts tokens, and forwards requests to a model.

Environment variables:
    PORT: Port on 127.0.0.1.
    MODEL_URL: Address of the model, without `/v1`.
    GATEWAY_KEYS: Accepted API keys, separated by commas; without any, all are accepted.
    GATEWAY_DELAY_MS: Milliseconds that each request waits before it is forwarded, to test benchmarks.
    GATEWAY_LEAK_KB: Kilobytes of memory that each request never releases, to test benchmarks.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL_URL = os.environ["MODEL_URL"].rstrip("/")
KEYS = frozenset(filter(None, os.environ.get("GATEWAY_KEYS", "").split(",")))
DELAY_S = float(os.environ.get("GATEWAY_DELAY_MS") or 0) / 1000
LEAK_BYTES = int(float(os.environ.get("GATEWAY_LEAK_KB") or 0) * 1024)

leaked: list[bytes] = []
counts = Counter[str]()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Keep connections to the model while the gateway runs."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=MODEL_URL, timeout=300, limits=limits, trust_env=False) as client:
        app.state.client = client
        yield


def refuse(status: int, message: str) -> Response:
    """Return an error in the format of OpenAI's API."""
    counts[f"refused {status}"] += 1
    return JSONResponse({"error": {"message": message, "type": "gateway_error"}}, status)


async def complete(request: Request) -> Response:
    """`POST /v1/chat/completions`: forward the request, and the answer while it arrives."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if KEYS and key not in KEYS:
        return refuse(401, "the API key is not accepted")
    body = await request.body()
    try:
        model = json.loads(body)["model"]
    except (ValueError, TypeError, KeyError):
        return refuse(400, "the body is not a JSON object with a model")
    await asyncio.sleep(DELAY_S)
    if LEAK_BYTES:
        leaked.append(os.urandom(LEAK_BYTES))
    return await forward(request.app.state.client, body, model)


async def forward(client: httpx.AsyncClient, body: bytes, model: str) -> Response:
    """Send a request to the model, and return its answer as a stream."""
    headers = {"content-type": "application/json"}
    try:
        upstream = client.build_request("POST", "/v1/chat/completions", content=body, headers=headers)
        answer = await client.send(upstream, stream=True)
    except httpx.HTTPError as error:
        return refuse(502, f"the model does not answer: {type(error).__name__}")
    counts[f"model {model}"] += 1

    async def parts() -> AsyncIterator[bytes]:
        try:
            async for part in answer.aiter_raw():
                counts["bytes"] += len(part)
                yield part
        finally:
            await answer.aclose()

    media_type = answer.headers.get("content-type")
    return StreamingResponse(parts(), answer.status_code, media_type=media_type)


async def models(request: Request) -> Response:
    """`GET /v1/models`: the model's list."""
    answer = await request.app.state.client.get("/v1/models")
    return Response(answer.content, answer.status_code, media_type="application/json")


async def health(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """`GET /health`."""
    return PlainTextResponse("ok")


app = Starlette(
    routes=[
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", models),
        Route("/health", health),
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", access_log=False)
