"""The experiments of a project as remedies: what may help in the situations of a run."""

from pathlib import Path

from bench.core.report.advice import Remedy, give_advice
from bench.core.report.report import Report
from bench.core.report.situations import find_situations
from bench.errors import BenchError
from bench.store import experiments
from bench.store.folders import RESULTS


def add_advice(report: Report) -> Report:
    """Return a report with advice, if its run shows a situation in which a change may help.

    The experiments are those of the current folder, with their newest results.
    """
    if not find_situations(report.result):
        return report
    return report.model_copy(update={"advice": give_advice(report.result, list_remedies())})


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
