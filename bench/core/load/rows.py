"""Check before a run that its rows of data are enough for its users."""

from bench.core.config.executors import OpenLoop
from bench.core.config.run_spec import RunSpec
from bench.core.load.plan import plan
from bench.core.values import wording
from bench.errors import ConfigError


def check_rows(spec: RunSpec) -> None:
    """Check that each user gets a row of its own, if the data says so.

    Raises:
        ConfigError: The rows are too few.
    """
    run_plan = plan(spec)
    for number, part in enumerate(spec.parts):
        data = part.scenario.data
        users = run_plan.first_free_user(number) + _most_arriving(spec)
        if data is None or data.order != "unique" or len(part.rows) >= users:
            continue
        rows = wording.counted(len(part.rows), "row")
        raise ConfigError(
            f"{data.rows} has {rows}, and scenario '{part.scenario.name}' has up to "
            f"{wording.counted(users, 'VU')}, each of which needs a row of its own",
            "add rows, use fewer VUs, or write order: sequential",
        )


def _most_arriving(spec: RunSpec) -> int:
    """Return the largest number of users of open loops."""
    return max((phase.max_vus for phase in spec.scenario.phases if isinstance(phase, OpenLoop)), default=0)
