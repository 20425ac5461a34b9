"""List and check scenarios."""

from dataclasses import dataclass

from bench.core.config.scenario import Scenario
from bench.core.load.plan import plan
from bench.store import scenarios


@dataclass(frozen=True, slots=True)
class CheckedScenario:
    """A valid scenario with its messages."""

    name: str
    """Name, or path of the file."""
    messages: int
    """Number of messages in its prompts file."""
    deck: int
    """Number of messages in one deck: each message as often as its weight."""


def list_scenarios(suite: str | None = None) -> tuple[Scenario, ...]:
    """Return all scenarios, or those of a suite.

    Raises:
        ConfigError: The suite is unknown, or a file is wrong.
    """
    names = scenarios.of_suite(suite) if suite else tuple(scenarios.paths())
    return tuple(scenarios.load(name).scenario for name in names)


def check_scenario(name: str) -> CheckedScenario:
    """Check a scenario and the files that it names.

    Args:
        name: Name of a scenario, or the path of its file.

    Raises:
        ConfigError: A file is wrong; the message names the file, the line and the field.
    """
    spec = scenarios.load(name)
    return CheckedScenario(name, len(spec.prompts), len(plan(spec).deck))


def list_names() -> tuple[str, ...]:
    """Return the names of all scenarios."""
    return tuple(scenarios.paths())
