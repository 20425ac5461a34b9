"""The reference workload: arithmetic, JSON, an echo through a load generator, and the stack's own request.

Its duration shows the speed of the machine, since the work is always the same.
"""

import json
import statistics
import time
from collections.abc import Callable

from bench.core.calibration.reference_workload import PINNED
from bench.core.config.stack import RepeatedRequest
from bench.core.config.target import JsonAnswer, Target
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.repeat_request import repeat_request
from bench.measure.load.workers import Workers

_ROUNDS = 15
_ARITHMETIC_STEPS = 120_000
_FIELD = {"label": "e-mail", "kind": "text", "required": True, "longest": 254.5}
_DOCUMENT = {"forms": [{"id": number, "fields": [_FIELD] * 8} for number in range(150)]}
_ECHO = RepeatedRequest(
    target=Target(
        name="echo",
        service="reference",
        path="/echo",
        body={"message": "${message}"},
        answer=JsonAnswer(kind="json", text="text"),
        ready="/ready",
    ),
    message="Hello?",
    repeats=200,
)


def time_local_work() -> dict[str, float]:
    """Return the median times of arithmetic and JSON in milliseconds; takes about a third of a second."""
    return {"arithmetic": _median_ms(_arithmetic), "json": _median_ms(_json)}


async def time_echo(workers: Workers, url: str, route: Route = DIRECT) -> dict[str, float]:
    """Return the median response time of the reference server's echo; empty if a request failed."""
    return await _time_request("echo", workers, _ECHO, url, route)


async def time_pinned_request(
    workers: Workers,
    request: RepeatedRequest,
    url: str,
    route: Route = DIRECT,
) -> dict[str, float]:
    """Return the median response time of the stack's `reference_workload`; empty if a request failed."""
    return await _time_request(PINNED, workers, request, url, route)


async def _time_request(
    piece: str, workers: Workers, request: RepeatedRequest, url: str, route: Route
) -> dict[str, float]:
    times_ms = await repeat_request(workers, request, url, route=route)
    return {piece: statistics.median(times_ms)} if len(times_ms) == request.repeats else {}


def _median_ms(work: Callable[[], object]) -> float:
    times_s = []
    for _ in range(_ROUNDS):
        begin_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - begin_s)
    return 1000.0 * statistics.median(times_s)


def _arithmetic() -> int:
    value = 1
    for _ in range(_ARITHMETIC_STEPS):
        value = (value * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    return value


def _json() -> object:
    return json.loads(json.dumps(_DOCUMENT))
