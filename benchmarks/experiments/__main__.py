"""`make experiments`: measure all shipped experiments, and write docs/explanation/optimisations.md.

`python -m benchmarks.experiments NAME...` measures some of them, and `--page` only writes the page. An
interrupted run continues: finished experiments are not measured again. Remove `.bench/experiments` to measure
all of them.
"""

import argparse
import os
import sys
from pathlib import Path

from bench.store import experiments
from benchmarks.experiments.measure import make_variables, measure_all

RESULTS = Path(".bench/experiments")


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="experiments to measure (default: all)")
    parser.add_argument("--page", action="store_true", help="only write the page")
    arguments = parser.parse_args()
    for name, value in make_variables().items():
        os.environ.setdefault(name, value)
    if not arguments.page:
        for name, problem in measure_all(tuple(arguments.names) or experiments.list_all(), RESULTS):
            sys.stdout.write(f"{name}: {'measured' if problem is None else f'not measured: {problem}'}\n")


if __name__ == "__main__":
    main()
