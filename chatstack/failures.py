"""The backend's answers when the agent fails."""

import httpx
from starlette.responses import JSONResponse

TIMEOUT = 408
UNAVAILABLE = 503
FAILED = 500


def unreachable(error: Exception) -> JSONResponse:
    """Return the answer for a request that the agent did not answer."""
    match error:
        case httpx.TimeoutException():
            return JSONResponse({"error": "the AI agent did not answer in time"}, TIMEOUT)
        case httpx.ConnectError():
            return JSONResponse({"error": "the AI agent is not available"}, UNAVAILABLE)
        case _:
            return JSONResponse({"error": "the AI agent broke off"}, FAILED)


def refused(status: int) -> JSONResponse:
    """Return the agent's 4xx status to the client, and any other failure as 500."""
    passed_on = status if 400 <= status < 500 else FAILED  # noqa: PLR2004 - client errors, by RFC 9110
    return JSONResponse({"error": "the AI agent could not answer"}, passed_on)
