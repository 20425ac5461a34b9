"""Run-to-run noise of a scenario, measured with runs of the same version (A/A)."""

from pydantic import AwareDatetime

from bench.core.run.origin import Fingerprint
from bench.core.values.record import Record

SCHEMA_VERSION = 1
# If the false-alarm rate is certainly higher, a regression makes a run inconclusive and does not fail it.
MAX_FALSE_ALARM_RATIO = 0.05
# Noise runs are made on one machine in a short time; runs of other days and machines differ by more.
MIN_SD = 0.02
# Largest weight of a measured spread, when it is combined with the spread of a baseline.
MAX_PRIOR_DF = 20


class MetricNoise(Record):
    """Noise of one metric."""

    runs: int
    """Number of runs that have the metric."""
    sd: float
    """Standard deviation between runs, of the started logarithm; nearly a ratio for long times."""
    detectable_ratio: float
    """Smallest change that a run shows against ten baseline runs in four of five cases."""


class Noise(Record):
    """Noise of one scenario: each run is judged against all other runs."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    scenario: str
    """Name of the scenario."""
    fingerprint: Fingerprint
    """Fingerprint of the newest run; the noise applies to runs that are comparable with it."""
    measured_at: AwareDatetime
    """Start of the newest run."""
    runs: int
    """Number of runs."""
    alarms: int
    """Number of runs that regressed against the others; all of these are false alarms."""
    alarms_low_ratio: float
    """Lower end of the 95 % interval of the false-alarm rate (Clopper and Pearson, 1934)."""
    alarms_high_ratio: float
    """Upper end of the interval."""
    metrics: dict[str, MetricNoise]
    """Noise by metric key."""

    @property
    def advisory(self) -> bool:
        """Whether the false-alarm rate is too high for a regression to fail a run."""
        return self.alarms_low_ratio > MAX_FALSE_ALARM_RATIO

    def prior(self, key: str) -> tuple[float, int] | None:
        """Return the prior spread of a metric and its degrees of freedom; `None` if it was not measured."""
        noise = self.metrics.get(key)
        if noise is None:
            return None
        return max(MIN_SD, noise.sd), min(MAX_PRIOR_DF, noise.runs - 1)
