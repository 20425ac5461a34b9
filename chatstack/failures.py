"""What the backend answers when the agent does not."""

import httpx
from starlette.responses import JSONResponse

TIMEOUT, UNAVAILABLE, FAILED = 408, 503, 500


def unreachable(error: Exception) -> JSONResponse:
    """The answer when no answer came."""
    match error:
        case httpx.TimeoutException():
            return JSONResponse({"error": "the AI agent did not answer in time"}, TIMEOUT)
        case httpx.ConnectError():
            return JSONResponse({"error": "the AI agent is not available"}, UNAVAILABLE)
        case _:
            return JSONResponse({"error": "the AI agent broke off"}, FAILED)


def refused(status: int) -> JSONResponse:
    """The agent's 4xx is the asker's; whatever else it says is a fault of ours."""
    passed_on = status if 400 <= status < 500 else FAILED  # noqa: PLR2004 - client errors, by RFC 9110
    return JSONResponse({"error": "the AI agent could not answer"}, passed_on)
