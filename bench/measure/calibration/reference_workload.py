"""The reference workload: small pieces of local work, an echo, and the stack's own request.

Its duration shows the speed of the machine, since the work is always the same. Each piece is shorter than the
time that a scheduler gives to one process, so that other processes disturb few of its repetitions, and their
median is steady. The pieces are repeated in turn, so that a short disturbance hits all of them a little.
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

_ROUNDS = 61
_ARITHMETIC_STEPS = 5_000
_NUMBERS = [number * 7_919 % 10_007 / 10_007 for number in range(1_750)]
_BYTES = bytes(3_000_000)
_WORDS = " ".join([str(number * 7_919 % 1_009) for number in range(2_000)])
_FIELD = {"label": "e-mail", "kind": "text", "required": True, "longest": 254.5}
_DOCUMENT = {"forms": [{"id": number, "fields": [_FIELD] * 8} for number in range(35)]}
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
    """Return the median time of each piece in milliseconds; takes about 0.2 s on an idle machine."""
    times_s: dict[str, list[float]] = {piece: [] for piece in _PIECES}
    for _ in range(_ROUNDS):
        for piece, work in _PIECES.items():
            begin_s = time.perf_counter()
            work()
            times_s[piece].append(time.perf_counter() - begin_s)
    return {piece: 1000.0 * statistics.median(of_piece) for piece, of_piece in times_s.items()}


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


def _arithmetic() -> int:
    value = 1
    for _ in range(_ARITHMETIC_STEPS):
        value = (value * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    return value


def _json() -> object:
    return json.loads(json.dumps(_DOCUMENT))


def _sort() -> list[float]:
    return sorted(_NUMBERS)


def _copy() -> bytearray:
    return bytearray(_BYTES)


def _text() -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in _WORDS.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


_PIECES: dict[str, Callable[[], object]] = {
    "arithmetic": _arithmetic,
    "copy": _copy,
    "json": _json,
    "sort": _sort,
    "text": _text,
}
