"""Drives a server of known timing with the load generators of a run, at the run's own concurrency."""

from bench.core.calibration.calibration import FIRST, TOTAL, Trial, trial
from bench.core.config.executors import ConstantArrivalRate, ConstantVus, OpenLoop
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Service, Stack
from bench.core.config.target import Durations, SseAnswer, Target
from bench.core.samples.samples import SampleLog
from bench.measure.load.messages import Job, TransportChoice
from bench.measure.load.workers import Workers

TRIAL_S = 1.0
_GRACE_S = 5.0
_SERVICE = "reference"

# A server of ours that says in each answer when it really wrote the first token and the last.
REFERENCE = Stack(
    name="reference",
    purpose="A server of known timing.",
    simulated=True,
    services={_SERVICE: Service(command=("${python}", "-m", "bench.measure.calibration.reference_server"))},
)
REFERENCE_TARGET = Target(
    name="reference",
    service=_SERVICE,
    path="/chat",
    body={"message": "${message}"},
    answer=SseAnswer(
        kind="sse",
        text="text",
        tokens="tokens",
        done_event="done",
        durations=Durations(unit="ms", tiers={FIRST: "first_ms", TOTAL: "total_ms"}),
    ),
    ready="/ready",
)


async def calibrate(
    workers: Workers, scenario: Scenario, url: str, transport: TransportChoice = TransportChoice.OWN
) -> Trial:
    """A second with the server of known timing.

    Args:
        workers: The load generators.
        scenario: Whose concurrency is tried.
        url: The server's address.
        transport: Who speaks HTTP.
    """
    spec = RunSpec(
        scenario=_scenario(scenario),
        target=REFERENCE_TARGET,
        prompts=(Prompt(id="any", text="How late is it?"),),
    )
    log = SampleLog()
    await workers.run(Job(spec, (url,), transport=transport), lambda batch: log.extend(batch.log))
    return trial(log.since(0))


def trial_load(scenario: Scenario) -> ConstantVus | ConstantArrivalRate:
    """The most users or requests that the scenario has at once, for a second."""
    if scenario.vus:
        return ConstantVus(
            executor="constant-vus", vus=scenario.vus, duration_s=TRIAL_S, think_time_s=(0.0, 0.0)
        )
    loads = [phase for phase in scenario.phases if isinstance(phase, OpenLoop)]
    busiest = max(loads, key=lambda load: load.peak_rps)
    return ConstantArrivalRate(
        executor="constant-arrival-rate",
        rate=busiest.peak_rps,
        duration_s=TRIAL_S,
        max_vus=busiest.max_vus,
    )


def _scenario(scenario: Scenario) -> Scenario:
    return Scenario(
        name="calibration",
        purpose="How late the load generator is by itself.",
        target=REFERENCE_TARGET.name,
        seed=scenario.seed,
        prompts="-",
        phases=(trial_load(scenario),),
        request_timeout_s=_GRACE_S,
        graceful_stop_s=_GRACE_S,
    )
