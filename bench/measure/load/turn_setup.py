"""The part of a turn in Python that all its users share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.core.config.run_spec import RunSpec
from bench.core.config.turn import TurnFile
from bench.core.load.plan import RunPlan
from bench.core.values.limited_names import LimitedNames
from bench.measure.http.route import Route
from bench.measure.load.turn_file import Turn, import_turn


@dataclass(frozen=True, slots=True)
class TurnSetup:
    """The part of a turn that all its users share."""

    turn: Turn
    """The function."""
    path: str
    """Its file."""
    prefix: str
    """Text before the names of its steps."""
    plan: RunPlan
    """The plan of the run, of this process's share."""
    service: str
    """Service that gets the requests without an address of their own."""
    urls: Mapping[str, str]
    """Address of each service by name."""
    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    """Rows of data."""
    timeout_s: float
    """Longest time for one request."""
    route: Route
    """The way to the stack."""
    uses_test_user: bool
    """Whether requests have the token of a test user of the stack."""
    names: LimitedNames = field(default_factory=LimitedNames)
    """Names of requests; the target chooses the paths of its links."""

    @classmethod
    def of(
        cls, spec: RunSpec, file: TurnFile, plan: RunPlan, urls: Mapping[str, str], route: Route
    ) -> "TurnSetup":
        """Return the setup of a scenario with this turn.

        Raises:
            ConfigError: The file of the turn fails.
        """
        return cls(
            turn=import_turn(file),
            path=file.path,
            prefix=file.prefix,
            plan=plan,
            service=spec.scenario.service or spec.target.service,
            urls=urls,
            rows=spec.rows,
            timeout_s=spec.scenario.request_timeout_s,
            route=route,
            uses_test_user=spec.target.auth == "bearer",
        )
