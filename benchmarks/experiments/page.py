"""Write docs/explanation/optimisations.md from the accepted results."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.core.experiment.claim_range import ClaimVerdict
from bench.core.experiment.experiment import Experiment
from bench.core.experiment.experiment_result import (
    ClaimResult,
    EffectResult,
    ExperimentCell,
    ExperimentResult,
    VariantEffects,
)
from bench.core.report.experiment_report import describe_effect, describe_estimate, list_findings
from bench.core.report.words import CLAIM_WORDS, ICONS, VERDICTS, Word
from bench.core.values import wording
from benchmarks.experiments.effect_chart import draw_effects
from benchmarks.experiments.pareto_chart import draw_front, list_front

PICTURES = Path("docs/pictures/experiments")
"""Folder of the charts."""
_ONE_VARIANT = 2
"""Number of versions of an experiment with one variant: the base and the variant."""
_METHOD = Path(__file__).with_name("method.md")
_CLOSING = Path(__file__).with_name("closing.md")
_TABLE = ("e2e_ms mean", "e2e_ms p95", "first_output_ms", "requests_rps", "success_ratio", "cpu_ms")
"""Metrics of the tables of effects."""


def write_page(results: Sequence[ExperimentResult], missing: Sequence[Experiment] = ()) -> str:
    """Return the page, and write its charts.

    Args:
        results: The results.
        missing: The experiments without a result.
    """
    PICTURES.mkdir(parents=True, exist_ok=True)
    parts = [_METHOD.read_text(encoding="utf-8").strip(), _summary_table(results)]
    for result in results:
        parts.append("\n".join(_list_lines(result)).strip())
    if missing:
        parts.append("\n".join(_missing_lines(missing)).strip())
    parts.append(_CLOSING.read_text(encoding="utf-8").strip())
    return "\n\n".join(parts) + "\n"


def _summary_table(results: Sequence[ExperimentResult]) -> str:
    lines = ["| promise | measured | verdict | when to use it |", "| :--- | :--- | :--- | :--- |"]
    for result in results:
        link = f"[{result.promise or result.hypothesis}](#{result.name})"
        has_variants = len(result.versions) > _ONE_VARIANT
        texts = [_describe_claim(claim, names_variants=has_variants) for claim in result.claims]
        measured = "<br>".join(texts) or "–"  # noqa: RUF001 - missing data
        lines.append(f"| {link} | {measured} | {_verdict(result.verdict)} | {result.advice or ''} |")
    return "\n".join(lines)


def _verdict(verdict: ClaimVerdict | None) -> str:
    return _show(CLAIM_WORDS[verdict or ClaimVerdict.INCONCLUSIVE])


def _show(word: Word) -> str:
    return f"{ICONS[word.tone]} {word.text}"


def _describe_claim(claim: ClaimResult, *, names_variants: bool) -> str:
    """Return a claim and its measured estimates."""
    texts: list[str] = []
    several = len({test.load for test in claim.tests}) > 1
    for test in claim.tests:
        estimate = test.doubt or describe_estimate(claim, test).partition(" (")[0]
        text = f"{estimate} with {test.variant}" if names_variants else estimate
        texts.append(f"{text} at {test.load}" if several else text)
    icon = ICONS[CLAIM_WORDS[claim.verdict].tone]
    return f"{icon} {_code(claim.text)}: {', '.join(texts)}"


def _code(text: str) -> str:
    name, _, claimed = text.rpartition(": ")
    return f"{name} `{claimed}`"


def _list_lines(result: ExperimentResult) -> Iterator[str]:
    """Yield the lines of the section of an experiment."""
    yield f"## {result.name}"
    yield ""
    yield result.hypothesis
    yield ""
    for name, version in result.versions.items():
        if len(result.pareto) == 0 or name == "base":
            yield f"- {name}: `{version}`"
    yield ""
    yield from _claim_lines(result)
    for chart in _write_charts(result):
        yield f"![{chart.stem}](../pictures/experiments/{chart.name})"
        yield ""
    if result.pareto:
        front = wording.listing([f"`{name}`" for name in list_front(result.pareto)])
        yield f"On the Pareto front of response time, throughput and costs: {front}."
        yield ""
    else:
        yield from _effect_lines(result)
        for finding in list_findings(result):
            yield f"- {finding}"
        yield ""
    yield from _problem_lines(result)
    commit = "" if result.commit is None else f", commit `{result.commit[:9]}`"
    yield f"Measured on {result.started_at:%Y-%m-%d}, {result.system}, {result.cpu_count} processors{commit}."


def _missing_lines(missing: Sequence[Experiment]) -> Iterator[str]:
    """Yield the experiments without a result."""
    yield "## Not measured yet"
    yield ""
    yield "These experiments are ready, and their results are not part of this commit."
    yield ""
    yield "| promise | hypothesis | command |"
    yield "| :--- | :--- | :--- |"
    for declared in missing:
        command = f"`bench experiment {declared.name}`"
        yield f"| {declared.promise or declared.name} | {declared.hypothesis} | {command} |"
    yield ""


def _claim_lines(result: ExperimentResult) -> Iterator[str]:
    yield "| claim | variant | load | measured | verdict |"
    yield "| :--- | :--- | :--- | :--- | :--- |"
    for claim in result.claims:
        for test in claim.tests:
            measured = test.doubt or describe_estimate(claim, test)
            verdict = _verdict(test.verdict)
            yield f"| {_code(claim.text)} | {test.variant} | {test.load} | {measured} | {verdict} |"
    yield ""


def _effect_lines(result: ExperimentResult) -> Iterator[str]:
    """Yield the table of effects."""
    yield "| load | variant | metric | base | variant | effect | verdict |"
    yield "| :--- | :--- | :--- | ---: | ---: | :--- | :--- |"
    for cell in result.cells:
        for variant in cell.variants:
            for metric in _TABLE:
                effect = variant.find(metric)
                if effect is not None:
                    yield _effect_row(cell, variant, effect)
    yield ""


def _effect_row(cell: ExperimentCell, variant: VariantEffects, effect: EffectResult) -> str:
    load = cell.load
    if variant.hit_ratio is not None:
        load = f"{load}, hit ratio {wording.percent(variant.hit_ratio)}"
    cells = (
        load,
        variant.variant,
        effect.label,
        wording.value(effect.base, effect.unit),
        wording.value(effect.variant, effect.unit),
        effect.doubt or describe_effect(effect),
        VERDICTS[effect.verdict].text,
    )
    return f"| {' | '.join(cells)} |"


def _problem_lines(result: ExperimentResult) -> Iterator[str]:
    for cell in result.cells:
        if cell.problem is not None:
            yield f"{cell.scenario} at {cell.load} was not measured completely: {cell.problem}"
            yield ""


def _write_charts(result: ExperimentResult) -> Iterator[Path]:
    drawings = {result.name: draw_effects(result)}
    if result.pareto:
        drawings = {f"{result.name}-front": draw_front(result)}
    for name, drawing in drawings.items():
        if drawing is not None:
            path = PICTURES / f"{name}.svg"
            path.write_text(drawing, encoding="utf-8")
            yield path
