"""The pinned work: arithmetic, JSON, an echo through the load generator, and what a stack declares."""

import json
import statistics
import time
from collections.abc import Callable

from bench.core.control import PINNED
from bench.core.metrics import METRICS
from bench.core.samples import SampleLog
from bench.core.scenario import Brief, Prompt, Scenario, Workload
from bench.core.stack import Asked
from bench.core.target import JsonAnswer, Target
from bench.measure.messages import Job, Transport
from bench.measure.workers import Workers

_ROUNDS = 15
_ARITHMETIC_STEPS = 120_000
_TIMEOUT_S = 60.0
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


async def echo(workers: Workers, url: str, transport: Transport = Transport.OWN) -> dict[str, float]:
    """Answers at once by a server on loopback, asked one after the other; empty when it does not answer."""
    return await _ask("echo", workers, _ECHO, url, transport)


async def pinned(
    workers: Workers, request: Asked, url: str, transport: Transport = Transport.OWN
) -> dict[str, float]:
    """The request that the stack declares, one after the other; empty when it is not answered."""
    return await _ask(PINNED, workers, request, url, transport)


async def _ask(
    piece: str, workers: Workers, request: Asked, url: str, transport: Transport
) -> dict[str, float]:
    """The median of the response times, in milliseconds; nothing when an answer is missing."""
    scenario = Scenario.model_validate(
        {
            "name": "control",
            "purpose": "The same work before and after every run.",
            "target": request.target.name,
            "seed": 1,
            "workload": Workload(prompts="-"),
            "stages": [
                {"kind": "user-turns", "users": 1, "turns": request.repeats, "duration_s": _TIMEOUT_S}
            ],
            "request_timeout_s": _TIMEOUT_S,
        }
    )
    brief = Brief(
        scenario=scenario, target=request.target, prompts=(Prompt(id="same", text=request.message),)
    )
    log = SampleLog()
    await workers.run(Job(brief, (url,), transport=transport), lambda batch: log.extend(batch.log))
    times_ms = METRICS["e2e_ms"].values(log.since(0))
    known_ms = [float(each) for each in times_ms if each > 0]
    return {piece: statistics.median(known_ms)} if len(known_ms) == request.repeats else {}


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
