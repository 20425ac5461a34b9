"""The document of an experiment: its claims, its effects, and the versions of its grid."""

from bench.core.experiment.claim_range import ClaimVerdict
from bench.core.experiment.experiment_result import (
    EffectResult,
    ExperimentCell,
    ExperimentResult,
    ParetoPoint,
)
from bench.core.experiment.quantities import parse_quantity
from bench.core.report.experiment_report import (
    describe_effect,
    describe_estimate,
    describe_verdict,
    list_findings,
    word_of,
)
from bench.core.report.words import CLAIM_WORDS, VERDICTS, verdict_text
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import Document
from bench.render.document.table import Table, without_empty

_DECISIONS = {
    ClaimVerdict.SUPPORTED: Decision.PASS,
    ClaimVerdict.REFUTED: Decision.FAIL,
    ClaimVerdict.INCONCLUSIVE: Decision.INCONCLUSIVE,
}


def make_experiment_document(result: ExperimentResult) -> Document:
    """Return the document of an experiment."""
    warnings: list[str] = []
    for cell in result.cells:
        if cell.problem is not None:
            warnings.append(f"{cell.scenario}, {cell.load} was not measured completely: {cell.problem}")
    effects = [effect_table(cell) for cell in result.cells]
    return Document(
        scenario=result.name,
        decision=_DECISIONS[result.verdict or ClaimVerdict.INCONCLUSIVE],
        word=word_of(result),
        headline=describe_verdict(result),
        next_step=result.hypothesis,
        reasons=(),
        judged=without_empty((claim_table(result), *effects, pareto_table(result))),
        details=(),
        facts=_facts(result),
        warnings=tuple(warnings),
        findings=list_findings(result),
    )


def claim_table(result: ExperimentResult) -> Table:
    """Return one row for each test of each claim."""
    rows: list[tuple[str, ...]] = []
    for claim in result.claims:
        for test in claim.tests:
            measured = test.doubt or describe_estimate(claim, test)
            word = CLAIM_WORDS[test.verdict].text
            rows.append((claim.text, test.variant, test.scenario, test.load, measured, word))
    columns = ("claim", "variant", "scenario", "load", "measured", "verdict")
    return Table("Claims", columns, tuple(rows))


def effect_table(cell: ExperimentCell) -> Table:
    """Return the effects of all variants in a scenario at a load."""
    rows: list[tuple[str, ...]] = []
    for variant in cell.variants:
        for effect in variant.effects:
            rows.append((effect.label, variant.variant, *_effect_cells(effect)))
    blocks = wording.counted(cell.blocks, "block")
    columns = ("metric", "variant", "base", "with the variant", "effect", "verdict")
    return Table(f"{cell.scenario}, {cell.load}: {blocks}; {cell.stopped}", columns, tuple(rows))


def pareto_table(result: ExperimentResult) -> Table:
    """Return the versions of a grid, with those on the Pareto front marked."""
    if not result.pareto:
        return Table("", (), ())
    metrics = [*result.pareto[0].values]
    rows: list[tuple[str, ...]] = []
    for point in result.pareto:
        rows.append((point.version, point.load, *_point_cells(point, metrics), _front_word(point)))
    labels = [parse_quantity(metric).label for metric in metrics]
    return Table("Pareto front", ("version", "load", *labels, "front"), tuple(rows))


def _effect_cells(effect: EffectResult) -> tuple[str, ...]:
    word = VERDICTS[effect.verdict].text
    quantity = parse_quantity(effect.metric)
    if quantity.statistic is not None and effect.verdict in {Verdict.BETTER, Verdict.WORSE}:
        word = verdict_text("e2e_ms", effect.verdict)
    return (
        wording.value(effect.base, effect.unit),
        wording.value(effect.variant, effect.unit),
        effect.doubt or describe_effect(effect),
        word,
    )


def _point_cells(point: ParetoPoint, metrics: list[str]) -> list[str]:
    return [wording.value(point.values.get(metric), parse_quantity(metric).unit) for metric in metrics]


def _front_word(point: ParetoPoint) -> str:
    return "on the front" if point.on_front else wording.DASH


def _facts(result: ExperimentResult) -> tuple[tuple[str, str], ...]:
    changes = ", with uncommitted changes" if result.dirty else ""
    commit = wording.DASH if result.commit is None else result.commit[:9]
    facts = [
        ("experiment", f"{result.name}, {result.started_at:%Y-%m-%d %H:%M} UTC"),
        ("machine", f"{result.system}, {wording.counted(result.cpu_count, 'processor')}"),
        ("commit", f"{commit}{changes}"),
    ]
    if result.promise is not None:
        facts.insert(0, ("promise", result.promise))
    for name, version in result.versions.items():
        facts.append((name, version))
    return tuple(facts)
