"""The stored result of an experiment: effects, claims and verdicts, without its single runs."""

from typing import Literal

from pydantic import AwareDatetime

from bench.core.config.target import Name
from bench.core.experiment.claim_range import ClaimScale, ClaimVerdict
from bench.core.values.record import Count, Number, Record
from bench.core.verdict.verdict import Verdict

SCHEMA_VERSION = 1


class EffectResult(Record):
    """The effect of a variant on one quantity, in one scenario at one load."""

    metric: str
    """Metric, and for a latency the statistic, such as `e2e_ms p95`."""
    label: str
    """The same for people."""
    unit: str
    """Unit of `base` and `variant`: `ms`, `ratio`, `bytes`, `requests/s` or `1`."""
    base: Number | None = None
    """Value of the base."""
    variant: Number | None = None
    """Value of the variant."""
    scale: ClaimScale = ClaimScale.RATIO
    """`ratio`: the effect is a share of the base; `points`: a difference of shares."""
    effect: Number | None = None
    """Variant divided by base, minus 1; the difference for points. Null if it is unknown."""
    low: Number | None = None
    """Lower end of the interval of `effect`."""
    high: Number | None = None
    """Upper end of the interval of `effect`."""
    verdict: Verdict
    """`better` or `worse`: the interval excludes no change; `unchanged`: it excludes a relevant change."""
    doubt: str | None = None
    """Why the effect is unknown, or why a gain does not count; null otherwise."""


class ClaimTest(Record):
    """A claim, tested for one variant in one scenario at one load."""

    variant: str
    """Name of the variant."""
    scenario: Name
    """Name of the scenario."""
    load: str
    """Name of the load."""
    verdict: ClaimVerdict
    """The verdict."""
    estimate: Number | None = None
    """The claimed quantity: an effect as in `EffectResult`, or the value of the variant."""
    low: Number | None = None
    """Lower end of its interval."""
    high: Number | None = None
    """Upper end of its interval."""
    exceeds: bool = False
    """Whether the gain is certainly larger than the largest one that the claim names."""
    doubt: str | None = None
    """Why the quantity is unknown, or why a gain does not count; null otherwise."""


class ClaimResult(Record):
    """A claim with all its tests."""

    metric: str
    """Metric, and for a latency the statistic."""
    text: str
    """The claim in words, such as `throughput: 3x..5x`."""
    unit: str
    """Unit of values."""
    scale: ClaimScale
    """Scale of the estimates: `ratio` and `points` as in `EffectResult`, or `value`."""
    holds: Literal["everywhere", "somewhere"]
    """Whether all tests must support the claim, or one."""
    verdict: ClaimVerdict
    """The verdict on all tests together."""
    confidence: Number
    """Probability that no interval of the experiment's claims misses the truth."""
    tests: tuple[ClaimTest, ...]
    """The tests."""

    def with_verdict(self, verdict: ClaimVerdict) -> tuple[ClaimTest, ...]:
        """Return the tests with a verdict."""
        return tuple(test for test in self.tests if test.verdict is verdict)


class VariantEffects(Record):
    """The effects of one variant in one scenario at one load."""

    variant: str
    """Name of the variant."""
    effects: tuple[EffectResult, ...]
    """The effects by quantity."""
    repeated_ratio: Number | None = None
    """Share of the requests with a message that an earlier request had; null without declared repeats."""
    hit_ratio: Number | None = None
    """Hit ratio of the variant's cache; null without a cache."""

    def find(self, metric: str) -> EffectResult | None:
        """Return the effect on a quantity; None if it was not compared."""
        return next((effect for effect in self.effects if effect.metric == metric), None)


class ExperimentCell(Record):
    """One scenario at one load."""

    scenario: Name
    """Name of the scenario."""
    load: str
    """Name of the load."""
    vus: Count | None = None
    """Most VUs at once; null for an open loop."""
    blocks: Count
    """Number of complete blocks."""
    stopped: str
    """Why there are no more blocks, in words."""
    variants: tuple[VariantEffects, ...] = ()
    """The variants; empty if too few blocks are complete."""
    problem: str | None = None
    """Why the cell was not measured; null if it was."""


class ParetoPoint(Record):
    """One version of a grid at one load."""

    scenario: Name
    """Name of the scenario."""
    load: str
    """Name of the load."""
    version: str
    """Name of the variant, or `base`."""
    values: dict[str, Number]
    """Response time, throughput and costs, by metric."""
    on_front: bool
    """Whether no other version is better in one of the values and at least as good in all others."""


class ExperimentResult(Record):
    """The result of an experiment."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    name: Name
    """Name of the experiment."""
    run_id: str
    """Id of the measurement: the folder of its runs."""
    hypothesis: str
    """What the experiment expected."""
    promise: str | None = None
    """The promise that it tested."""
    advice: str | None = None
    """When to use the variant."""
    started_at: AwareDatetime
    """Start of the first run."""
    commit: str | None = None
    """Commit of the current folder."""
    dirty: bool | None = None
    """Whether the folder had uncommitted changes."""
    system: str
    """Operating system and processor architecture."""
    cpu_count: Count
    """Number of logical processors."""
    simulated: bool
    """Whether the base simulates the time of its model."""
    versions: dict[str, str]
    """The base and the variants as versions, by name."""
    verdict: ClaimVerdict | None
    """The verdict on all claims together; null without claims."""
    claims: tuple[ClaimResult, ...]
    """The claims."""
    cells: tuple[ExperimentCell, ...]
    """The scenarios at their loads."""
    pareto: tuple[ParetoPoint, ...] = ()
    """The versions of a grid."""
