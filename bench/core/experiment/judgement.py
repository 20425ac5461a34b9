"""Judge an experiment: the claims, and the effects of every variant in every scenario at every load.

A claim is *supported* if the interval of its effect lies within the claimed range, *refuted* if the interval
lies outside the range, and otherwise the result is inconclusive (interval inclusion; Schuirmann, 1987, "A
comparison of the two one-sided tests procedure").

A request that fails is fast and costs little, and the latencies are those of the others. So a variant that
certainly answers fewer requests than its base has no gain in a latency or a cost.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.core.config.scenario import Scenario
from bench.core.experiment.claim_range import ClaimScale, ClaimVerdict
from bench.core.experiment.effect_estimate import (
    FEWEST_BLOCKS,
    EffectEstimate,
    estimate_effect,
    estimate_level,
)
from bench.core.experiment.experiment import BASE, Experiment, ExperimentClaim
from bench.core.experiment.experiment_result import (
    ClaimResult,
    ClaimTest,
    EffectResult,
    ExperimentCell,
    ParetoPoint,
    VariantEffects,
)
from bench.core.experiment.pareto import find_front
from bench.core.experiment.quantities import Quantity, list_quantities, parse_quantity
from bench.core.experiment.sequential import CLAIM_ALPHA, EFFECT_ALPHA, alpha_of_test, explain_end
from bench.core.run.summary import RunSummary
from bench.core.samples.cost_metrics import THROUGHPUT
from bench.core.samples.metrics import RESPONSE_TIME, SUCCESS_RATIO
from bench.core.verdict.verdict import Verdict

RELEVANT_RATIO = 0.10
"""An effect within this share of the base is no change."""
RELEVANT_POINTS = 0.01
"""An effect on a share within one point is no change."""
FEWER_SUCCEED = "fewer requests succeed than with the base"
"""Why a gain in a latency or a cost does not count."""

Block = Mapping[str, RunSummary]


@dataclass(slots=True)
class CellRuns:
    """The measured runs of one scenario at one load."""

    scenario: Scenario
    """The scenario with this load."""
    load: str
    """Name of the load."""
    blocks: list[Block] = field(default_factory=list)
    """The run of each version, by block."""
    problem: str | None = None
    """Why no more blocks can be measured."""

    def runs_of(self, version: str) -> list[RunSummary]:
        """Return the runs of a version."""
        return [block[version] for block in self.blocks]


@dataclass(frozen=True, slots=True)
class ExperimentJudge:
    """Judges the runs of an experiment."""

    experiment: Experiment
    cell_count: int
    """Number of scenarios times number of loads."""

    def find_end(self, cell: CellRuns) -> str | None:
        """Return why the blocks of a cell end; None to measure another one."""
        if cell.problem is not None:
            return cell.problem
        tests: list[ClaimTest] = []
        for claim in self.experiment.claims:
            tests += self._test_claim(claim, cell)
        return explain_end(tests, len(cell.blocks), self.experiment.block_limits)

    def judge_cell(self, cell: CellRuns) -> ExperimentCell:
        """Return the effects of every variant in a cell."""
        variants: list[VariantEffects] = []
        if len(cell.blocks) >= FEWEST_BLOCKS:
            for variant in self._variants:
                variants.append(self._judge_variant(cell, variant))
        return ExperimentCell(
            scenario=cell.scenario.name,
            load=cell.load,
            vus=cell.scenario.vus or None,
            blocks=len(cell.blocks),
            stopped=self.find_end(cell) or "the experiment ended early",
            variants=tuple(variants),
            problem=cell.problem,
        )

    def judge_claims(self, cells: Sequence[CellRuns]) -> tuple[ClaimResult, ...]:
        """Return every claim with its tests in all cells."""
        results: list[ClaimResult] = []
        for claim in self.experiment.claims:
            tests: list[ClaimTest] = []
            for cell in cells:
                tests += self._test_claim(claim, cell)
            quantity = claim.quantity
            results.append(
                ClaimResult(
                    metric=quantity.text,
                    text=claim.text,
                    unit=quantity.unit,
                    scale=claim.range.scale,
                    holds=claim.holds,
                    verdict=join_verdicts([test.verdict for test in tests], claim.holds),
                    confidence=1.0 - CLAIM_ALPHA,
                    tests=tuple(tests),
                )
            )
        return tuple(results)

    def list_points(self, cells: Sequence[CellRuns]) -> tuple[ParetoPoint, ...]:
        """Return the versions of a grid, cell by cell; empty without a grid."""
        grid = self.experiment.grid
        if grid is None:
            return ()
        texts = (f"{RESPONSE_TIME} p50", THROUGHPUT, SUCCESS_RATIO, *grid.costs)
        quantities = dict.fromkeys(map(parse_quantity, texts))
        points: list[ParetoPoint] = []
        for cell in cells:
            measured = _measure_versions(cell, [*self.experiment.versions], [*quantities])
            on_front = find_front([*measured.values()], parse_quantity(SUCCESS_RATIO))
            for (version, values), is_on_front in zip(measured.items(), on_front, strict=True):
                points.append(
                    ParetoPoint(
                        scenario=cell.scenario.name,
                        load=cell.load,
                        version=version,
                        values={quantity.text: value for quantity, value in values.items()},
                        on_front=is_on_front,
                    )
                )
        return tuple(points)

    @property
    def _variants(self) -> list[str]:
        return [*self.experiment.versions][1:]

    def _count_claim_tests(self) -> int:
        """Return the number of tests of all claims in all cells, planned before the first run."""
        tests = 0
        for claim in self.experiment.claims:
            for scenario in self.experiment.scenarios:
                for load in self.experiment.load_labels:
                    tests += sum(claim.covers(scenario, load, variant) for variant in self._variants)
        return tests

    def _test_claim(self, claim: ExperimentClaim, cell: CellRuns) -> list[ClaimTest]:
        alpha = alpha_of_test(CLAIM_ALPHA, self._count_claim_tests(), self.experiment.block_limits)
        tests: list[ClaimTest] = []
        for variant in self._variants:
            if claim.covers(cell.scenario.name, cell.load, variant):
                test = _test_variant(claim, cell, variant, alpha)
                is_gain = test.verdict is ClaimVerdict.SUPPORTED and not claim.quantity.higher_is_better
                if is_gain and self._answers_fewer(cell, variant):
                    update = {"verdict": ClaimVerdict.INCONCLUSIVE, "doubt": FEWER_SUCCEED}
                    test = test.model_copy(update=update)
                tests.append(test)
        return tests

    def _answers_fewer(self, cell: CellRuns, variant: str) -> bool:
        """Return whether a variant certainly answers a smaller share of its requests than the base."""
        quantity = parse_quantity(SUCCESS_RATIO)
        estimate = estimate_effect(quantity, cell.runs_of(BASE), cell.runs_of(variant))
        tests = len(self._variants) * self.cell_count
        alpha = alpha_of_test(EFFECT_ALPHA, tests, self.experiment.block_limits)
        return estimate is not None and _judge_effect(quantity, estimate, alpha).verdict is Verdict.WORSE

    def _judge_variant(self, cell: CellRuns, variant: str) -> VariantEffects:
        repeats = [run.repeats for run in cell.runs_of(variant) if run.repeats is not None]
        hit_ratios = [repeat.hit_ratio for repeat in repeats if repeat.hit_ratio is not None]
        return VariantEffects(
            variant=variant,
            effects=self._list_effects(cell, variant),
            repeated_ratio=_mean([repeat.repeated_ratio for repeat in repeats]),
            hit_ratio=_mean(hit_ratios),
        )

    def _list_effects(self, cell: CellRuns, variant: str) -> tuple[EffectResult, ...]:
        base_runs = cell.runs_of(BASE)
        variant_runs = cell.runs_of(variant)
        claimed = [claim.metric for claim in self.experiment.claims]
        quantities = list_quantities([*base_runs, *variant_runs], claimed)
        tests = len(quantities) * self.cell_count
        alpha = alpha_of_test(EFFECT_ALPHA, tests, self.experiment.block_limits)
        effects: list[EffectResult] = []
        for quantity in quantities:
            estimate = estimate_effect(quantity, base_runs, variant_runs)
            if estimate is not None:
                effects.append(_judge_effect(quantity, estimate, alpha))
        if self._answers_fewer(cell, variant):
            return tuple(map(_doubt_gain, effects))
        return tuple(effects)


def join_verdicts(verdicts: Sequence[ClaimVerdict], holds: str = "everywhere") -> ClaimVerdict:
    """Return the verdict on a claim with several tests.

    A claim that holds everywhere is supported if every test supports it, and refuted if one refutes it. A
    claim that holds somewhere is supported if one test supports it, and refuted if every test refutes it.
    """
    deciding = ClaimVerdict.REFUTED if holds == "everywhere" else ClaimVerdict.SUPPORTED
    if deciding in verdicts:
        return deciding
    if not verdicts or ClaimVerdict.INCONCLUSIVE in verdicts:
        return ClaimVerdict.INCONCLUSIVE
    return verdicts[0]


def to_share(scale: ClaimScale, value: float) -> float:
    """Return an effect as a share of the base; points stay as they are."""
    return math.expm1(value) if scale is ClaimScale.RATIO else value


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _test_variant(claim: ExperimentClaim, cell: CellRuns, variant: str, alpha: float) -> ClaimTest:
    place = {"variant": variant, "scenario": cell.scenario.name, "load": cell.load}
    interval = _estimate_claim(claim, cell, variant, alpha)
    if isinstance(interval, str):
        return ClaimTest(**place, verdict=ClaimVerdict.INCONCLUSIVE, doubt=interval)
    point, low, high = interval
    claimed = claim.range
    return ClaimTest(
        **place,
        verdict=claimed.judge(low, high),
        estimate=to_share(claimed.scale, point),
        low=to_share(claimed.scale, low),
        high=to_share(claimed.scale, high),
        exceeds=claimed.is_exceeded(low, high),
    )


def _estimate_claim(
    claim: ExperimentClaim, cell: CellRuns, variant: str, alpha: float
) -> tuple[float, float, float] | str:
    """Return the claimed quantity with its interval, or why it is unknown."""
    if claim.value is not None:
        return estimate_level(claim.quantity, cell.runs_of(variant), alpha) or "no run has it"
    estimate = estimate_effect(claim.quantity, cell.runs_of(BASE), cell.runs_of(variant))
    if not isinstance(estimate, EffectEstimate):
        return estimate or "no run has it"
    return estimate.point, *estimate.interval(alpha)


def _judge_effect(quantity: Quantity, estimate: EffectEstimate | str, alpha: float) -> EffectResult:
    names = {"metric": quantity.text, "label": quantity.label, "unit": quantity.unit}
    if isinstance(estimate, str):
        return EffectResult(**names, verdict=Verdict.INCONCLUSIVE, doubt=estimate)
    low, high = estimate.interval(alpha)
    relevant = RELEVANT_POINTS if quantity.is_share else math.log1p(RELEVANT_RATIO)
    verdict = Verdict.INCONCLUSIVE
    if -relevant <= low and high <= relevant:
        verdict = Verdict.UNCHANGED
    elif low > 0.0 or high < 0.0:
        verdict = Verdict.BETTER if (low > 0.0) == quantity.higher_is_better else Verdict.WORSE
    return EffectResult(
        **names,
        base=estimate.values.base,
        variant=estimate.values.variant,
        scale=estimate.scale,
        effect=to_share(estimate.scale, estimate.point),
        low=to_share(estimate.scale, low),
        high=to_share(estimate.scale, high),
        verdict=verdict,
    )


def _doubt_gain(effect: EffectResult) -> EffectResult:
    """Return an effect of a variant that answers fewer requests: its latencies and costs cannot be a gain."""
    if effect.verdict is not Verdict.BETTER or parse_quantity(effect.metric).higher_is_better:
        return effect
    return effect.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "doubt": FEWER_SUCCEED})


def _measure_versions(
    cell: CellRuns, versions: Sequence[str], quantities: Sequence[Quantity]
) -> dict[str, dict[Quantity, float]]:
    """Return the value of each quantity by version, without versions that lack one."""
    measured: dict[str, dict[Quantity, float]] = {}
    for version in versions:
        values: dict[Quantity, float] = {}
        for quantity in quantities:
            level = estimate_level(quantity, cell.runs_of(version), EFFECT_ALPHA)
            if isinstance(level, tuple):
                values[quantity] = level[0]
        if len(values) == len(quantities):
            measured[version] = values
    return measured
