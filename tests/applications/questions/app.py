"""A service that answers questions: one JSON document for each, from a model with OpenAI's API."""

import os

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

MODEL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
client = httpx.AsyncClient(timeout=60.0)
DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "questions", "version": "1"},
    "paths": {
        "/v2/answers": {
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Question"}}}
                }
            }
        }
    },
    "components": {
        "schemas": {
            "Question": {
                "properties": {"question": {"type": "string"}, "language": {"enum": ["en", "de"]}},
                "required": ["question", "language"],
            }
        }
    },
}


async def answer(request: Request) -> JSONResponse:
    """Answer one question."""
    asked = await request.json()
    if not isinstance(asked.get("question"), str) or asked.get("language") not in {"en", "de"}:
        return JSONResponse({"detail": "question and language are required"}, 422)
    messages = [{"role": "user", "content": asked["question"]}]
    reply = await client.post(
        f"{MODEL}/chat/completions", json={"model": "mock-ttft5-gap1-n8", "messages": messages}
    )
    text = reply.json()["choices"][0]["message"]["content"]
    return JSONResponse({"result": {"answer": text, "language": asked["language"]}})


async def live(_: Request) -> JSONResponse:
    """Answer that the service is ready."""
    return JSONResponse({"status": "up"})


async def describe(_: Request) -> JSONResponse:
    """Describe the requests, as FastAPI does."""
    return JSONResponse(DESCRIPTION)


app = Starlette(
    routes=[
        Route("/v2/answers", answer, methods=["POST"]),
        Route("/healthz", live),
        Route("/openapi.json", describe),
    ]
)
