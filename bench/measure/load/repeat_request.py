"""Sends the same request several times, outside the load of a run."""

from collections.abc import Sequence

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import RepeatedRequest
from bench.core.samples.metrics import METRICS
from bench.core.samples.samples import SampleLog
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.messages import Job
from bench.measure.load.workers import Workers

_TIMEOUT_S = 60.0


async def repeat_request(
    workers: Workers,
    request: RepeatedRequest,
    url: str,
    tokens: Sequence[str] = (),
    route: Route = DIRECT,
) -> list[float]:
    """Send a request several times, one after the other. Return the response times of those that succeeded.

    Args:
        workers: The load generators; one of them sends the requests.
        request: The target, the message, and the number of repeats.
        url: Address of the target's service.
        tokens: Bearer tokens, if the target needs one.
        route: The way to the stack.

    Returns:
        Response times in milliseconds.
    """
    spec = repeat_spec(request)
    log = SampleLog()
    await workers.run(Job(spec, (url,), tokens, route=route), lambda batch: log.extend(batch.log))
    times_ms = METRICS["e2e_ms"].values(log.since(0))
    return [float(time_ms) for time_ms in times_ms if time_ms > 0]


def repeat_spec(request: RepeatedRequest, timeout_s: float = _TIMEOUT_S) -> RunSpec:
    """Return the specification of a load that is one request several times.

    Args:
        request: The target, the message, and the number of repeats.
        timeout_s: Longest time of all repeats.
    """
    return RunSpec(
        scenario=_scenario(request, timeout_s),
        target=request.target,
        prompts=(Prompt(id="same", text=request.message),),
    )


def _scenario(request: RepeatedRequest, timeout_s: float) -> Scenario:
    phase = {
        "executor": "per-vu-iterations",
        "vus": 1,
        "iterations": request.repeats,
        "duration_s": timeout_s,
    }
    return Scenario.model_validate(
        {
            "name": "repeat-request",
            "purpose": "The same request several times.",
            "target": request.target.name,
            "seed": 1,
            "prompts": "-",
            "phases": [phase],
            "request_timeout_s": timeout_s,
        }
    )
