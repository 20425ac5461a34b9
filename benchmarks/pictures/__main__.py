"""`make pictures`: check the embedded stack with a slower model and take pictures of the reports.

`python -m benchmarks.pictures comments` takes only those of comments, and `… capacity` only that of a
capacity search.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.pictures.browser import browser, installed
from benchmarks.pictures.comments import take_comments
from benchmarks.pictures.terminal import last_screen, picture

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "docs" / "pictures"
_CHECK = ("check", "quick", "--inject", "model.slowdown=1.3")
_SEARCH = ("capacity", "capacity", "--stack", "embedded", "--objective", "e2e<2s", "--cold")
_MONITOR = ("monitor", "--stack", "embedded", "--duration", "12", "--health-checks")
_BENCH = (sys.executable, "-m", "bench")
_ENVIRONMENT = {**os.environ, "JWT_SECRET": secrets.token_hex(32)}
_WIDTH, _MARGIN = 1080, 24  # CSS pixels
# Name of a picture, and the elements with which it begins and ends.
PICTURES = {
    "page.png": ("article > header", "#run-deciding ~ .bars"),
    "page-charts.png": ("section:has(#run-distribution)", "#run-time2"),
}
SEARCH_PICTURES = {"capacity.png": ("article > header", "#run-curve2")}


def main() -> None:
    """Measure a run and take the pictures."""
    chromium = installed()
    if chromium is None:
        sys.exit("there is no Chromium\n\nhint: apt-get install chromium")
    only = sys.argv[1:]
    if "comments" in only or not only:
        with tempfile.TemporaryDirectory() as folder:
            take_comments(chromium, Path(folder), _FOLDER)
    if "capacity" in only or not only:
        with tempfile.TemporaryDirectory() as folder:
            # It exits with 3, because it has no baseline.
            subprocess.run([*_BENCH, *_SEARCH, "--results", folder], cwd=_ROOT, check=False)
            _take(chromium, min(Path(folder).glob("*/report.html")), SEARCH_PICTURES)
    if only:
        return
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        # It exits with 1, because it finds what was made worse.
        subprocess.run([*_BENCH, *_CHECK, "--results", folder], cwd=_ROOT, check=False)
        page = min(results.glob("*/report.html"))
        _take(chromium, page, PICTURES)
        _draw("terminal.svg", ("report", str(page.parent)), _ROOT)
        _draw("live.svg", ("run", "quick", "--live"), results)
    up = subprocess.run([*_BENCH, "stack", "up"], cwd=_ROOT, env=_ENVIRONMENT, check=False)
    if up.returncode != 0:
        sys.exit("the stack that is to be watched did not start")
    try:
        _draw("monitor.svg", _MONITOR, _ROOT)
    finally:
        subprocess.run([*_BENCH, "stack", "down"], cwd=_ROOT, check=True)


def _draw(name: str, arguments: tuple[str, ...], folder: Path) -> None:
    text = last_screen([*_BENCH, *arguments], folder, _ENVIRONMENT)
    shown = ["results/RUN" if "/" in argument else argument for argument in arguments]
    (_FOLDER / name).write_text(picture(text, " ".join(["bench", *shown])), encoding="utf-8")
    sys.stderr.write(f"{name}: {(_FOLDER / name).stat().st_size / 1000:.0f} kB\n")


def _take(chromium: Path, file: Path, pictures: Mapping[str, tuple[str, str]]) -> None:
    _FOLDER.mkdir(exist_ok=True)
    with browser(chromium) as opened:
        page = opened.new_page(viewport={"width": _WIDTH, "height": 900}, color_scheme="light")
        page.goto(file.as_uri())
        for name, (first, last) in pictures.items():
            begin, end = page.locator(first).first.bounding_box(), page.locator(last).first.bounding_box()
            if begin is None or end is None:
                sys.exit(f"{name}: the page has no {first} or no {last}")
            top = max(0.0, begin["y"] - _MARGIN)
            clip = {"x": 0, "y": top, "width": _WIDTH, "height": end["y"] + end["height"] + _MARGIN - top}
            page.screenshot(path=_FOLDER / name, full_page=True, clip=clip)  # type: ignore[arg-type]
            sys.stderr.write(f"{name}: {(_FOLDER / name).stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
