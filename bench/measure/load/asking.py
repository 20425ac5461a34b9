"""The same request, one after the other, outside a run's load."""

from collections.abc import Sequence

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Asked
from bench.core.samples.metrics import METRICS
from bench.core.samples.samples import SampleLog
from bench.measure.load.messages import Job, TransportChoice
from bench.measure.load.workers import Workers

_TIMEOUT_S = 60.0


async def ask(
    workers: Workers,
    asked: Asked,
    url: str,
    tokens: Sequence[str] = (),
    transport: TransportChoice = TransportChoice.OWN,
) -> list[float]:
    """Response times in milliseconds, of as many of the requests as were answered.

    Args:
        workers: One of which asks.
        asked: How, what, and how many times.
        url: Whom.
        tokens: Of test users, where the target wants one.
        transport: Who speaks HTTP.
    """
    scenario = Scenario.model_validate(
        {
            "name": "asking",
            "purpose": "The same request again and again.",
            "target": asked.target.name,
            "seed": 1,
            "prompts": "-",
            "phases": [
                {
                    "executor": "per-vu-iterations",
                    "vus": 1,
                    "iterations": asked.repeats,
                    "duration_s": _TIMEOUT_S,
                }
            ],
            "request_timeout_s": _TIMEOUT_S,
        }
    )
    spec = RunSpec(scenario=scenario, target=asked.target, prompts=(Prompt(id="same", text=asked.message),))
    log = SampleLog()
    await workers.run(Job(spec, (url,), tokens, transport=transport), lambda batch: log.extend(batch.log))
    return [float(each_ms) for each_ms in METRICS["e2e_ms"].values(log.since(0)) if each_ms > 0]
