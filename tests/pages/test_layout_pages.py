"""The layout of pages in the browser: labels do not overlap, words are not cut off, and targets are large."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from bench.core.config.prompts import Prompt
from bench.core.report.report import make_report
from bench.core.report.series import make_series
from bench.core.report.trend_page import trend_page
from bench.core.verdict.compare import compare
from bench.render.html.page import render_page
from bench.render.html.side_by_side.page import render_side_by_side_page
from tests.factories import PROMPTS, make_baseline, make_recording, make_run, make_spec
from tests.pages.opened import Opened, shown_file
from tests.render import drawn
from tests.render.capacities import capacities, drawn_with
from tests.render.histories import LINKS, history, site_of
from tests.render.reports import reports
from tests.render.side_runs import SETS

WIDTHS = (1400, 1024, 768, 390)
LONG_NAME = "answer-a-long-question-with-retrieval-and-tools"
_VISIBLE = """const isVisible = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 2 && box.height > 2 && getComputedStyle(element).visibility !== 'hidden';
};"""
OVERLAPS = f"""() => {{ {_VISIBLE}
    const pairs = [];
    for (const drawing of document.querySelectorAll('svg')) {{
        const texts = [...drawing.querySelectorAll('text')].filter(isVisible);
        const boxes = texts.map((text) => text.getBoundingClientRect());
        boxes.forEach((one, first) => boxes.slice(first + 1).forEach((other, rest) => {{
            const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
            const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
            const words = [texts[first].textContent, texts[first + 1 + rest].textContent];
            if (across > 2 && down > 3) pairs.push(words);
        }}));
    }}
    return pairs;
}}"""
CUT_OFF = f"""() => {{ {_VISIBLE}
    const cut = [...document.querySelectorAll('main *')].filter((element) => isVisible(element)
        && ['hidden', 'clip'].includes(getComputedStyle(element).overflowX)
        && element.scrollWidth > element.clientWidth + 1);
    return cut.map((element) => element.textContent.trim());
}}"""
TARGETS = f"""(least) => {{ {_VISIBLE}
    const all = document.querySelectorAll('a, button, summary, select, label, input');
    const targets = [...all].filter(isVisible);
    const isInLabel = (element) => element.matches('input') && element.closest('label');
    const isInSentence = (element) => getComputedStyle(element).display === 'inline';
    return targets.filter((element) => !isInLabel(element) && !isInSentence(element)
        && element.getBoundingClientRect().height < least).map((element) => element.outerHTML.slice(0, 120));
}}"""
FINGER_TARGETS = "summary, .download, .copy, .topbar a, .answers .slowest a, .answers .failed a"
AT_THE_EDGE = """() => [...document.querySelectorAll('canvas')].filter((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(canvas.width - 2, 0, 2, canvas.height);
    return data.some((value, place) => place % 4 === 3 && value > 0);
}).map((canvas) => canvas.closest('figure').id)"""


def _run() -> str:
    return render_page(*drawn.regressed())


def _long_names() -> str:
    kept = drawn.recording(1.4, failed=(7, 40))
    names = {name: f"{LONG_NAME}-{name}" for name in PROMPTS}
    samples = [sample._replace(prompt=names[sample.prompt], phase=0) for sample in kept.samples]
    recording = make_recording(samples, resources=kept.resources)
    prompts = tuple(Prompt(id=name, text=name) for name in names.values())
    run = make_run(recording, spec=make_spec().model_copy(update={"prompts": prompts}))
    report = make_report(run, compare(run, make_baseline()))
    return render_page(report, make_series(run, recording, make_baseline()))


def _report(name: str) -> Callable[[], str]:
    return lambda: render_page(reports()[name], make_series(reports()[name].result))


def _three() -> str:
    runs = SETS["three"]()
    return render_side_by_side_page(runs.report, runs.curves)


def _searches() -> str:
    runs = SETS["searches"]()
    return render_side_by_side_page(runs.report, runs.curves)


PAGES: dict[str, Callable[[], str]] = {
    "run": cache(_run),
    "long names": cache(_long_names),
    "in turns": _report("in-turns"),
    "all failed": _report("all-failed"),
    "mixed": _report("mixed"),
    "loads": _report("loads"),
    "search": lambda: render_page(*drawn_with(capacities()["narrow"])),
    "all loads met": lambda: render_page(*drawn_with(capacities()["all-met"])),
    "three runs": cache(_three),
    "two searches": cache(_searches),
}


@contextmanager
def _show(browser: Browser, folder: Path, name: str, **how: Any) -> Iterator[Opened]:
    file = folder / "page.html"
    file.write_text(PAGES[name](), encoding="utf-8")
    with shown_file(browser, file, (1400, 900), **how) as shown:
        yield shown


@pytest.mark.parametrize("name", PAGES)
def test_labels_do_not_overlap_and_words_are_complete(browser: Browser, tmp_path: Path, name: str) -> None:
    """A window that becomes narrower keeps each label readable, and the page never scrolls sideways."""
    with _show(browser, tmp_path, name) as shown:
        for width in WIDTHS:
            shown.page.set_viewport_size({"width": width, "height": 900})
            shown.page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
            assert shown.value(OVERLAPS) == [], width
            assert shown.value(CUT_OFF) == [], width


@pytest.mark.parametrize("name", ["run", "search", "three runs"])
def test_labels_of_a_chart_stay_within_it(browser: Browser, tmp_path: Path, name: str) -> None:
    """No chart paints its last two columns, so that its last label is complete."""
    with _show(browser, tmp_path, name) as shown:
        assert shown.count_charts() > 0
        assert shown.value(AT_THE_EDGE) == []


@pytest.mark.parametrize("name", PAGES)
def test_targets_are_large_enough(browser: Browser, tmp_path: Path, name: str) -> None:
    """Each link that stands alone, button and fold is at least 24 px high, and 44 px for a finger."""
    with _show(browser, tmp_path, name) as shown:
        assert shown.page.evaluate(TARGETS, 24) == []
    with _show(browser, tmp_path, name, has_touch=True, is_mobile=True) as shown:
        heights = shown.page.eval_on_selector_all(
            FINGER_TARGETS, "all => all.map(each => each.getBoundingClientRect().height).filter(Boolean)"
        )
        assert min(heights) >= 44


def test_a_history_of_one_run_shows_its_run(browser: Browser, tmp_path: Path) -> None:
    """The page names one day, its only run is a large dot, and the labels of its charts are complete."""
    for path, text in site_of([trend_page(history([1.0]))], LINKS).items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    with shown_file(browser, tmp_path / "embedded/simulated/quick.html", (1400, 900)) as shown:
        assert shown.page.locator(".about").inner_text().endswith("1 run, 2026-01-05")
        assert shown.painted_points() > 0
        assert shown.value(AT_THE_EDGE) == []
        assert shown.page.evaluate(TARGETS, 24) == []
