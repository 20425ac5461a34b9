"""How much runs of the same differ from each other: what the gate takes for granted of a scenario."""

from pydantic import AwareDatetime

from bench.core.run.result import Fingerprint
from bench.core.values.record import Record

SCHEMA_VERSION = 1
# A gate that surely raises more false alarms than this only advises.
MOST_ALARMS_RATIO = 0.05
# Runs of one afternoon differ less than those of another day or machine will.
LEAST_SD = 0.02
# A spread measured in so many runs counts as so many when it is mixed with a baseline's own.
MOST_PRIOR_DF = 20


class MetricNoise(Record):
    """One metric in runs of the same.

    Attributes:
        runs: That have it.
        sd: Standard deviation between runs, on the started logarithm's scale; near a ratio for long times.
        mde_ratio: The smallest change that a run beside ten others shows in four of five cases.
    """

    runs: int
    sd: float
    mde_ratio: float


class Noise(Record):
    """Runs of the same, judged by each other.

    Attributes:
        scenario: Its name.
        fingerprint: Of the newest run: the priors are for runs that compare with it.
        measured_at: When the newest run was made.
        runs: How many.
        alarms: How many of them regressed beside the others, which is false for all of them.
        alarms_low_ratio: Lower end of the 95 % interval of the false-alarm rate (Clopper and Pearson, 1934).
        alarms_high_ratio: Upper end.
        metrics: By key.
    """

    schema_version: int = SCHEMA_VERSION
    scenario: str
    fingerprint: Fingerprint
    measured_at: AwareDatetime
    runs: int
    alarms: int
    alarms_low_ratio: float
    alarms_high_ratio: float
    metrics: dict[str, MetricNoise]

    @property
    def advisory(self) -> bool:
        """Whether the gate is known to raise too many false alarms to fail anybody."""
        return self.alarms_low_ratio > MOST_ALARMS_RATIO

    def prior(self, key: str) -> tuple[float, int] | None:
        """Spread of a metric between runs, and its degrees of freedom; None when it was not measured."""
        known = self.metrics.get(key)
        return None if known is None else (max(LEAST_SD, known.sd), min(MOST_PRIOR_DF, known.runs - 1))
