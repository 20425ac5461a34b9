"""`make pictures`: take the pictures of docs/pictures.

`python -m benchmarks.pictures pages` takes only those of pages, in a minute and without a measurement;
`… terminal` only those of terminals, and `… comments` only those of comments.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.pictures.browser import installed
from benchmarks.pictures.comments import take_comments
from benchmarks.pictures.page_pictures import take_pages
from benchmarks.pictures.terminal import last_screen, picture

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "docs" / "pictures"
_MONITOR = ("monitor", "--stack", "embedded", "--duration", "12", "--health-checks")
_BENCH = (sys.executable, "-m", "bench")
_ENVIRONMENT = {**os.environ, "JWT_SECRET": secrets.token_hex(32)}
_KINDS = ("pages", "comments", "terminal")


def main() -> None:
    """Take the pictures."""
    chromium = installed()
    if chromium is None:
        sys.exit("there is no Chromium\n\nhint: apt-get install chromium")
    kinds = sys.argv[1:] or _KINDS
    if "pages" in kinds:
        take_pages(chromium, _FOLDER)
    if "comments" in kinds:
        with tempfile.TemporaryDirectory() as folder:
            take_comments(chromium, Path(folder), _FOLDER)
    if "terminal" in kinds:
        _draw_terminals()


def _draw_terminals() -> None:
    """Draw what terminals show while a run is measured and a stack is watched."""
    with tempfile.TemporaryDirectory() as folder:
        _draw("live.svg", ("run", "quick", "--live"), Path(folder))
    up = subprocess.run([*_BENCH, "stack", "up"], cwd=_ROOT, env=_ENVIRONMENT, check=False)
    if up.returncode != 0:
        sys.exit("the stack that is to be watched did not start")
    try:
        _draw("monitor.svg", _MONITOR, _ROOT)
    finally:
        subprocess.run([*_BENCH, "stack", "down"], cwd=_ROOT, check=True)


def _draw(name: str, arguments: tuple[str, ...], folder: Path) -> None:
    text = last_screen([*_BENCH, *arguments], folder, _ENVIRONMENT)
    (_FOLDER / name).write_text(picture(text, " ".join(["bench", *arguments])), encoding="utf-8")
    sys.stderr.write(f"{name}: {(_FOLDER / name).stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
