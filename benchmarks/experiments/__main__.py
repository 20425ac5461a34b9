"""`make experiments`: measure all shipped experiments, and write docs/explanation/optimisations.md.

`python -m benchmarks.experiments NAME...` measures some of them, and `--page` only writes the page. An
interrupted run continues: finished experiments are not measured again. Remove `.bench/experiments` to measure
all of them.
"""

import argparse
import sys
from pathlib import Path

from bench.core.experiment.experiment import Experiment
from bench.core.experiment.experiment_result import ExperimentResult
from bench.store import experiments
from bench.store.files import write_text
from benchmarks.experiments.measure import ACCEPTED, measure_all
from benchmarks.experiments.page import write_page

RESULTS = Path(".bench/experiments")
PAGE = Path("docs/explanation/optimisations.md")


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="experiments to measure (default: all)")
    parser.add_argument("--page", action="store_true", help="only write the page")
    arguments = parser.parse_args()
    if not arguments.page:
        for name, problem in measure_all(tuple(arguments.names) or experiments.list_all(), RESULTS):
            sys.stdout.write(f"{name}: {'measured' if problem is None else f'not measured: {problem}'}\n")
    results: list[ExperimentResult] = []
    missing: list[Experiment] = []
    for name in experiments.list_all():
        file = ACCEPTED / f"{name}.json"
        if file.exists():
            results.append(experiments.read(file))
        else:
            missing.append(experiments.load(name))
    write_text(PAGE, write_page(results, missing))
    sys.stdout.write(f"written to {PAGE}\n")


if __name__ == "__main__":
    main()
