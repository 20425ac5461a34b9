"""`make workflows`: show the results of the workflow tests in docs/explanation/ci.md."""

import argparse
import sys
from pathlib import Path

from benchmarks.engine.page import ROOT, replace_section

from .document import ADOPTION, GREEN, RED, adoption_section, cases_section, steps_section
from .journal import read_cases

PAGE = ROOT / "docs" / "explanation" / "ci.md"


def main() -> int:
    """Rewrite the sections of the page whose cases are in the journal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workflows", description=__doc__)
    parser.add_argument("journal", type=Path, help="file that tests/workflows wrote")
    given = parser.parse_args()
    if not given.journal.exists():
        sys.stderr.write("no case ran, so the page stays as it is\n")
        return 0
    cases = read_cases(given.journal)
    replace_section(PAGE, "cases", cases_section(cases))
    if {GREEN, RED} <= cases.keys():
        replace_section(PAGE, "steps", steps_section(cases))
    if ADOPTION in cases:
        replace_section(PAGE, "adoption", adoption_section(cases))
    return 0


if __name__ == "__main__":
    sys.exit(main())
