"""Calibrates the load generators with a server of known timing, at the concurrency of the run."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bench.core.calibration.calibration import FIRST, TOTAL, Trial, trial
from bench.core.config.executors import ConstantVus, OpenLoop
from bench.core.config.open_loops import ConstantArrivalRate
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.service import Service
from bench.core.config.stack import Stack
from bench.core.config.target import SseAnswer, Target
from bench.core.config.tier_sources import Durations
from bench.core.samples.samples import SampleLog
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.messages import Batch, Job
from bench.measure.load.workers import Workers

TRIAL_S = 1.0
"""Duration of a trial in seconds."""
_TIMEOUT_S = 5.0
_SERVICE = "reference"

REFERENCE = Stack(
    name="reference",
    purpose="A server of known timing.",
    simulated=True,
    services={
        _SERVICE: Service(
            command=("${python}", "-m", "bench.measure.calibration.reference_server"), announces=True
        )
    },
)
"""The stack of the reference server, which reports when it wrote its first and its last token."""
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
"""The chat interface of the reference server."""


@dataclass(frozen=True, slots=True)
class GeneratorTrials:
    """The errors of all load generators."""

    together: Trial
    """The errors of all times."""
    alone: Mapping[int, Trial]
    """The errors of each load generator, by its number."""


async def calibrate(
    workers: Workers,
    scenario: Scenario,
    url: str,
    route: Route = DIRECT,
    urls: Mapping[int, str] = MappingProxyType({}),
) -> GeneratorTrials:
    """Send requests to the reference server for a second. Return the errors of the measured times.

    Args:
        workers: The load generators.
        scenario: The scenario of the run, whose concurrency the trial has.
        url: Address of the reference server.
        route: The way to the stack.
        urls: Address of the reference server of another machine, by the number of its load generator.
    """
    spec = RunSpec(
        scenario=_trial_scenario(scenario),
        target=REFERENCE_TARGET,
        prompts=(Prompt(id="any", text="How late is it?"),),
    )
    log = SampleLog()
    logs: dict[int, SampleLog] = {}

    def add(batch: Batch) -> None:
        log.extend(batch.log)
        logs.setdefault(batch.generator, SampleLog()).extend(batch.log)

    await workers.run(Job(spec, (url,), route=route), add, urls=urls)
    alone = {number: trial(of_generator.since(0)) for number, of_generator in logs.items()}
    return GeneratorTrials(trial(log.since(0)), alone)


def trial_load(scenario: Scenario) -> ConstantVus | ConstantArrivalRate:
    """Return a load of one second with the scenario's largest number of VUs, or its highest rate."""
    if scenario.vus:
        return ConstantVus(
            executor="constant-vus", vus=scenario.vus, duration_s=TRIAL_S, think_time_s=(0.0, 0.0)
        )
    open_loops = [phase for phase in scenario.phases if isinstance(phase, OpenLoop)]
    busiest = max(open_loops, key=lambda phase: phase.peak_rps)
    return ConstantArrivalRate(
        executor="constant-arrival-rate",
        rate=busiest.peak_rps,
        duration_s=TRIAL_S,
        max_vus=busiest.max_vus,
    )


def _trial_scenario(scenario: Scenario) -> Scenario:
    return Scenario(
        name="calibration",
        purpose="The delay of the load generator itself.",
        target=REFERENCE_TARGET.name,
        seed=scenario.seed,
        prompts="-",
        phases=(trial_load(scenario),),
        request_timeout_s=_TIMEOUT_S,
        graceful_stop_s=_TIMEOUT_S,
    )
