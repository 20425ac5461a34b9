"""Pictures of pages: what a reader sees first, and the parts below."""

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, Page

from bench.render.html.site_files import FRONT
from benchmarks.pictures.badges import write_badges
from benchmarks.pictures.browser import browser
from benchmarks.pictures.examples import (
    COMPARISON,
    RUNS,
    print_example,
    render_comparison,
    render_example,
    render_site,
)
from benchmarks.pictures.terminal import picture

LARGEST = 200_000
"""Bytes of a picture."""
_MARGIN = 16
_PHONE_SCALE = 2
Size = tuple[int, int]
DESKTOP: Size = (1400, 900)
PHONE: Size = (390, 844)


class Shot(NamedTuple):
    """A picture of a page."""

    page: str
    """Name of the example, or path in the site."""
    size: Size = DESKTOP
    """Size of the window; the picture is the first screen."""
    scheme: Literal["light", "dark"] = "light"
    part: tuple[str, str] | None = None
    """The elements with which the picture begins and ends; None for the first screen."""


QUICK = "embedded/simulated/quick.html"
SHOTS: Mapping[str, Shot] = {
    **{f"{name}.png": Shot(name) for name in RUNS},
    "page-dark.png": Shot("page", scheme="dark"),
    "page-phone.png": Shot("page", size=PHONE),
    "page-charts.png": Shot("page", part=("#run-time1", "#run-distribution2")),
    "page-tiers.png": Shot("page", part=("#run-tiers", "#run-messages")),
    "page-slowest.png": Shot("page", part=("#run-waterfall", "#run-waterfall")),
    "comparison.png": Shot(COMPARISON),
    "site-front.png": Shot(FRONT),
    "site-history.png": Shot(QUICK),
}


def take_pages(chromium: Path, pictures: Path) -> None:
    """Render each example and take its pictures, and draw the report of one on a terminal."""
    pictures.mkdir(exist_ok=True)
    write_badges(pictures)
    shown = picture(print_example("page"), "bench report results/RUN")
    (pictures / "terminal.svg").write_text(shown, encoding="utf-8")
    with TemporaryDirectory() as temporary, browser(chromium) as opened:
        folder = Path(temporary)
        write_examples(folder)
        for name, shot in SHOTS.items():
            take_shot(opened, folder, shot, pictures / name)


def write_examples(folder: Path) -> None:
    """Write the page of each example, and the site."""
    files = {f"{name}.html": render_example(name) for name in RUNS}
    files[f"{COMPARISON}.html"] = render_comparison()
    for path, text in (files | render_site()).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def take_shot(opened: Browser, folder: Path, shot: Shot, file: Path) -> None:
    """Take one picture."""
    width, height = shot.size
    page = opened.new_page(
        viewport={"width": width, "height": height},
        color_scheme=shot.scheme,
        device_scale_factor=_PHONE_SCALE if shot.size == PHONE else 1,
        reduced_motion="reduce",
    )
    name = shot.page if shot.page.endswith(".html") else f"{shot.page}.html"
    page.goto((folder / name).as_uri())
    if shot.part is None:
        page.screenshot(path=file)
    else:
        page.screenshot(path=file, full_page=True, clip=_clip(page, shot.part))  # type: ignore[arg-type]
    page.close()
    size = file.stat().st_size
    sys.stderr.write(f"{file.name}: {size / 1000:.0f} kB\n")
    if size > LARGEST:
        sys.exit(f"{file.name} has {size:,} bytes, more than {LARGEST:,}")


def _clip(page: Page, part: tuple[str, str]) -> dict[str, float]:
    first, last = part
    begin = page.locator(first).first.bounding_box()
    end = page.locator(last).last.bounding_box()
    if begin is None or end is None:
        sys.exit(f"the page has no {first} or no {last}")
    top = max(0.0, begin["y"] - _MARGIN)
    width = page.viewport_size["width"] if page.viewport_size else DESKTOP[0]
    return {"x": 0, "y": top, "width": width, "height": end["y"] + end["height"] + _MARGIN - top}
