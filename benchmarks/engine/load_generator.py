"""The complete load generator: plan, VUs, judged responses and stored samples."""

import asyncio
import gc
import time
from collections.abc import Sequence
from pathlib import Path

from bench.core.config.executors import ConstantVus
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import JsonAnswer, Target
from bench.core.load.plan import plan
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import SampleLog
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.engine import Engine
from bench.timing.pacing import pacer

from .clients import HOST

_PAGE_KB = 4.0


def _brief_of(phase: ConstantVus) -> RunSpec:
    """Return the run spec of one small message to the C server."""
    return RunSpec(
        scenario=Scenario(
            name="rate",
            purpose="What a core can do.",
            target="small",
            seed=1,
            prompts="-",
            phases=(phase,),
        ),
        target=Target(
            name="small",
            service="server",
            path="/json",
            body={"message": "${message}"},
            answer=JsonAnswer(kind="json", text="message"),
            ready="/json",
        ),
        prompts=(Prompt(id="any", text="Hello"),),
    )


async def generator_rate(port: int, users: int, seconds: float) -> dict[str, float]:
    """Return the requests per second of a closed loop without think time."""
    spec = _brief_of(
        ConstantVus(executor="constant-vus", vus=users, duration_s=seconds, think_time_s=(0.0, 0.0))
    )
    endpoint = Endpoint.of(spec, f"http://{HOST}:{port}", {})
    log = SampleLog()
    clock = pacer()

    def take(sample: RequestSample, _: Sequence[float]) -> None:
        log.append(sample)

    async def at_once(_: int) -> float:
        return clock.now_s()

    engine = Engine(plan(spec), lambda _number, _arm: ChatClient(endpoint, None), take, clock, lambda _: 5.0)
    await engine.open()
    gc.collect()
    gc.freeze()
    began_s = time.perf_counter()
    began_cpu_s = time.process_time()
    await engine.run(at_once)
    elapsed_s = time.perf_counter() - began_s
    cpu_s = time.process_time() - began_cpu_s
    await engine.close()
    clock.close()
    ok = int(log.since(0).has_outcome(Outcome.OK).sum())
    if ok != len(log):
        raise RuntimeError(f"{len(log) - ok} of {len(log)} requests failed: {log.since(0)[0].detail}")
    return {"rps": ok / elapsed_s, "us_cpu": cpu_s / ok * 1e6}


async def generator_memory(port: int, users: int) -> dict[str, float]:
    """Return the resident memory of a VU in its think time."""
    phase = ConstantVus(executor="constant-vus", vus=users, duration_s=3.0, think_time_s=(600.0, 600.0))
    spec = _brief_of(phase)
    endpoint = Endpoint.of(spec, f"http://{HOST}:{port}", {})
    clock = pacer()
    waiting = asyncio.Event()

    async def when_told(_: int) -> float:
        await waiting.wait()
        return clock.now_s()

    gc.collect()
    before_kb = _resident_kb()
    engine = Engine(
        plan(spec),
        lambda _number, _arm: ChatClient(endpoint, None),
        lambda _sample, _times: None,
        clock,
        lambda _: 0.0,
    )
    await engine.open()
    running = asyncio.create_task(engine.run(when_told))
    waiting.set()
    await asyncio.sleep(2.0)  # all have had their answer and pause
    gc.collect()
    kb = (_resident_kb() - before_kb) / users
    await running
    await engine.close()
    clock.close()
    return {"kb": kb}


def _resident_kb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_KB
