"""The pinned work: arithmetic, JSON, an echo through the load generator, and what a stack declares."""

import json
import statistics
import time
from collections.abc import Callable

from bench.core.calibration.reference_workload import PINNED
from bench.core.config.stack import Asked
from bench.core.config.target import JsonAnswer, Target
from bench.measure.load.asking import ask
from bench.measure.load.messages import TransportChoice
from bench.measure.load.workers import Workers

_ROUNDS = 15
_ARITHMETIC_STEPS = 120_000
_FIELD = {"label": "e-mail", "kind": "text", "required": True, "longest": 254.5}
_DOCUMENT = {"forms": [{"id": number, "fields": [_FIELD] * 8} for number in range(150)]}
_ECHO = Asked(
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


def work_alone() -> dict[str, float]:
    """What needs nobody else: about a third of a second. Median times in milliseconds."""
    return {"arithmetic": _median_ms(_arithmetic), "json": _median_ms(_json)}


async def echo(
    workers: Workers, url: str, transport: TransportChoice = TransportChoice.OWN
) -> dict[str, float]:
    """Answers at once by a server on loopback, asked one after the other; empty when it does not answer."""
    return await _median("echo", workers, _ECHO, url, transport)


async def pinned(
    workers: Workers, request: Asked, url: str, transport: TransportChoice = TransportChoice.OWN
) -> dict[str, float]:
    """The request that the stack declares, one after the other; empty when it is not answered."""
    return await _median(PINNED, workers, request, url, transport)


async def _median(
    piece: str, workers: Workers, request: Asked, url: str, transport: TransportChoice
) -> dict[str, float]:
    times_ms = await ask(workers, request, url, transport=transport)
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
