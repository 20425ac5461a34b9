import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chatstack.knobs import Knobs, KnobsMiddleware, Share
from chatstack.settings import Settings, SettingsError
from tests.virtual_time import run_virtually


@pytest.mark.parametrize(
    ("ratio", "failed"), [(0.0, 0), (0.001, 1), (0.01, 10), (0.05, 50), (0.25, 250), (0.5, 500), (1.0, 1000)]
)
def test_the_ratio_is_met_exactly(ratio: float, failed: int) -> None:
    """Exactly the ratio of a thousand requests fails."""
    failures = Share(ratio)
    assert sum(failures.next() for _ in range(1000)) == failed


@given(st.floats(0, 1), st.integers(1, 300))
def test_failures_are_spread_evenly(ratio: float, count: int) -> None:
    """After any number of requests the failures differ by at most one from the ratio."""
    failures = Share(ratio)
    assert abs(sum(failures.next() for _ in range(count)) - ratio * count) <= 1


def test_a_ratio_of_a_quarter_fails_every_fourth_request() -> None:
    """The second request is the first that fails."""
    failures = Share(0.25)
    assert [failures.next() for _ in range(8)] == [False, True, False, False, False, True, False, False]


def test_the_environment_sets_the_knobs_of_a_role() -> None:
    """AGENT_DELAY_MS and AGENT_ERROR_RATIO affect the agent only."""
    settings = Settings({"AGENT_DELAY_MS": "250", "AGENT_ERROR_RATIO": "0.1"})
    assert Knobs.of(settings, "AGENT") == Knobs(delay_s=0.25, error_ratio=0.1)
    assert Knobs.of(settings, "BACKEND") == Knobs()


def test_an_error_ratio_is_at_most_one() -> None:
    """An error ratio above 1 is refused."""
    with pytest.raises(SettingsError, match=r"^MODEL_ERROR_RATIO=1\.5: must be 0 to 1$"):
        Knobs.of(Settings({"MODEL_ERROR_RATIO": "1.5"}), "MODEL")


def _send(knobs: Knobs, *calls: tuple[str, str]) -> tuple[list[int], float]:
    """Send requests one after the other; return their statuses and the total time in seconds."""

    async def succeed(_: Request) -> Response:
        return PlainTextResponse("fine")

    app = Starlette(
        routes=[Route(path, succeed, methods=["GET", "POST"]) for path in ("/work", "/other")],
        middleware=[Middleware(KnobsMiddleware, knobs=knobs, paths=frozenset({"/work"}))],
    )

    async def send_all() -> tuple[list[int], float]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://tier") as client:
            statuses = [(await client.request(method, path)).status_code for method, path in calls]
        return statuses, asyncio.get_running_loop().time()

    return run_virtually(send_all())


def test_only_post_requests_to_the_paths_are_delayed() -> None:
    """The delay affects POST requests to these paths and no other request."""
    knobs = Knobs(delay_s=0.5)
    assert _send(knobs, ("POST", "/work"), ("POST", "/work")) == ([200, 200], 1.0)
    assert _send(knobs, ("GET", "/work"), ("POST", "/other")) == ([200, 200], 0.0)


def test_only_post_requests_to_the_paths_fail() -> None:
    """An injected failure is a 500 for a POST request to these paths only."""
    knobs = Knobs(error_ratio=1)
    statuses, _ = _send(knobs, ("POST", "/work"), ("GET", "/work"), ("POST", "/other"))
    assert statuses == [500, 200, 200]


def test_a_failed_request_is_delayed_too() -> None:
    """A request that fails has the same delay as a request that succeeds."""
    assert _send(Knobs(delay_s=0.5, error_ratio=1), ("POST", "/work")) == ([500], 0.5)
