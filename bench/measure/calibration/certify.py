"""Drives a server of known timing with the load generators of a run, at the run's own concurrency."""

from bench.core.calibration.certificate import FIRST, TOTAL, Trial, trial
from bench.core.declared.scenario import Brief, Prompt, Scenario, Workload
from bench.core.declared.stack import Service, Stack
from bench.core.declared.stages import ConstantRate, FixedUsers, OpenLoop, RampRate
from bench.core.declared.target import Durations, SseAnswer, Target
from bench.core.requests.samples import SampleLog
from bench.measure.load.messages import Job, Transport
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


async def certify(
    workers: Workers, scenario: Scenario, url: str, transport: Transport = Transport.OWN
) -> Trial:
    """A second with the server of known timing.

    Args:
        workers: The load generators.
        scenario: Whose concurrency is tried.
        url: The server's address.
        transport: Who speaks HTTP.
    """
    brief = Brief(
        scenario=_scenario(scenario),
        target=REFERENCE_TARGET,
        prompts=(Prompt(id="any", text="How late is it?"),),
    )
    log = SampleLog()
    await workers.run(Job(brief, (url,), transport=transport), lambda batch: log.extend(batch.log))
    return trial(log.since(0))


def trial_load(scenario: Scenario) -> FixedUsers | ConstantRate:
    """The most users or requests that the scenario has at once, for a second."""
    if scenario.users:
        return FixedUsers(kind="fixed-users", users=scenario.users, duration_s=TRIAL_S, pause_s=(0.0, 0.0))
    loads = [stage for stage in scenario.stages if isinstance(stage, OpenLoop)]
    busiest = max(loads, key=_peak_rps)
    return ConstantRate(
        kind="constant-rate",
        rate_rps=_peak_rps(busiest),
        duration_s=TRIAL_S,
        max_in_flight=busiest.max_in_flight,
    )


def _peak_rps(load: OpenLoop) -> float:
    return max(load.from_rps, load.to_rps) if isinstance(load, RampRate) else load.rate_rps


def _scenario(scenario: Scenario) -> Scenario:
    return Scenario(
        name="certificate",
        purpose="How late the load generator is by itself.",
        target=REFERENCE_TARGET.name,
        seed=scenario.seed,
        workload=Workload(prompts="-"),
        stages=(trial_load(scenario),),
        request_timeout_s=_GRACE_S,
        grace_s=_GRACE_S,
    )
