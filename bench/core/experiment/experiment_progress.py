"""The complete blocks of an experiment, so that it can be continued."""

from pydantic import AwareDatetime

from bench.core.experiment.experiment import Experiment
from bench.core.values.record import Record


class MeasuredBlock(Record):
    """A complete block."""

    scenario: str
    """Name of the scenario."""
    load: str
    """Name of the load."""
    runs: dict[str, str]
    """Folder of the run of each version, by the version's name."""


class ExperimentProgress(Record):
    """The complete blocks of an experiment."""

    experiment: Experiment
    """The experiment."""
    started_at: AwareDatetime
    """Start of the first run."""
    commit: str | None
    """Commit of the current folder."""
    blocks: tuple[MeasuredBlock, ...] = ()
    """The blocks, in their order."""
