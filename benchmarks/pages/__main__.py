"""`make bench-pages`: measures the size of the pages and the time until a browser has drawn them."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.engine.machine import machine
from benchmarks.pictures.browser import browser, installed

from .measure import MeasuredPage, measure_pages

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "pages.md"
METHOD = Path(__file__).with_name("method.md")


def table(pages: Iterable[MeasuredPage]) -> str:
    """Return the measurements as a table."""
    rows = ["| page | size | drawn after | processor time | height |", "| :--- | ---: | ---: | ---: | ---: |"]
    for page in pages:
        size = f"{page.size_bytes / 1000:.0f} kB"
        rows.append(
            f"| {page.title} | {size} | {page.drawn_s:.2f} s | {page.work_s:.2f} s | {page.height_px:,} px |"
        )
        sys.stderr.write(f"{rows[-1]}\n")
    return "\n".join(rows)


def main() -> int:
    """Measure the pages, and write the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--output", type=Path, default=PAGE)
    given = parser.parse_args()
    chromium = installed()
    if chromium is None:
        sys.exit("there is no Chromium\n\nhint: apt-get install chromium")
    with browser(chromium) as opened:
        rows = table(measure_pages(opened))
    facts = machine()
    about = f"Machine: {facts['processor']}; {facts['system']}; {facts['ours']}."
    method = METHOD.read_text(encoding="utf-8")
    given.output.write_text(f"{method}\n{rows}\n\n{about}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
