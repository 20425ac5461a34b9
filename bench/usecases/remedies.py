"""The experiments of a project as remedies: what may help in the situations of a run."""

from pathlib import Path

from bench.core.report.advice import Remedy, give_advice
from bench.core.report.report import Report, make_report
from bench.core.report.situations import find_situations
from bench.core.run.result import RunResult
from bench.core.verdict.compare import Comparison
from bench.errors import BenchError
from bench.store import experiments
from bench.store.folders import RESULTS


def report_with_advice(result: RunResult, comparison: Comparison) -> Report:
    """Return the report on a run, with advice if the run shows a situation in which a change may help.

    The experiments are those of the current folder, with their newest results. They are read only then.
    """
    report = make_report(result, comparison)
    situations = find_situations(result)
    if not situations:
        return report
    return report.model_copy(update={"advice": give_advice(situations, list_remedies())})


def list_remedies() -> tuple[Remedy, ...]:
    """Return the experiments that name situations, without files that have an error."""
    try:
        results = {result.name: result for result in experiments.list_results(Path(RESULTS))}
    except BenchError:
        results = {}
    remedies: list[Remedy] = []
    for name in experiments.list_all():
        try:
            experiment = experiments.load(name)
        except BenchError:
            continue
        if experiment.helps_with:
            remedies.append(Remedy(name, experiment.helps_with, results.get(name)))
    return tuple(remedies)
