"""`bench run`: measure, and judge nothing."""

from bench.cli.measuring import (
    DEFAULT_RESULTS,
    Inject,
    ResultsFolder,
    ScenarioName,
    TargetName,
    TargetUrl,
    measure_and_keep,
)


def run(
    scenario: ScenarioName,
    *,
    target: TargetName = None,
    target_url: TargetUrl = None,
    inject: Inject = None,
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Run a scenario and print the folder that its result is in."""
    _, home = measure_and_keep(scenario, target, target_url, inject, results)
    print(home)
