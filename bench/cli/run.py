"""`bench run`: measure, and judge nothing."""

from bench.cli.live import LiveOption
from bench.cli.measuring import (
    DEFAULT_RESULTS,
    Calibration,
    How,
    Inject,
    Objective,
    Pin,
    ResultsFolder,
    ScenarioName,
    TargetName,
    TargetUrl,
    TransportName,
    TransportOption,
    Workers,
    measure_and_keep,
)


def run(
    scenario: ScenarioName,
    *,
    target: TargetName = None,
    target_url: TargetUrl = None,
    inject: Inject = None,
    workers: Workers = 1,
    transport: TransportOption = TransportName.OWN,
    calibration: Calibration = True,
    objective: Objective = None,
    live: LiveOption = False,
    pin: Pin = True,
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Run a scenario and store the result."""
    how = How(target, target_url, inject, workers, transport, calibration, objective, live, pin)
    _, home = measure_and_keep(scenario, how, results)
    print(home)
