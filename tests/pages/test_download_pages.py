import csv
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.render.html.run.section import make_section
from tests.pages.opened import PHONE, Opened, opened
from tests.render import drawn

Drawn = tuple[Report, RunSeries]
REGRESSED: Callable[[], Drawn] = cache(drawn.regressed)
HOSTILE: Callable[[], Drawn] = cache(drawn.hostile)
NUMBER = re.compile(r"-?[0-9.]+(e-?[0-9]+)?")
FORMULA = re.compile(r"\s*[=+\-@]")


def download(shown: Opened, name: str, kind: str, folder: Path) -> Path:
    """Click a button of a panel, and return the file that the browser saves."""
    button = shown.page.locator(f"[data-download='{name}'] > figcaption .download").get_by_text(kind)
    with shown.page.expect_download() as waiting:
        button.click()
    assert waiting.value.suggested_filename == f"{name}.{kind.lower()}"
    file = folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    return file


def panels_of(shown: Opened) -> list[str]:
    """Return the names of the panels that can be downloaded and are not folded."""
    names = shown.value(
        "[...document.querySelectorAll('[data-download]')]"
        ".filter(panel => !panel.closest('details:not([open])')).map(panel => panel.dataset.download)"
    )
    assert len(names) == len({*names})
    return [str(name) for name in names]


def size_of(picture: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_panel_is_a_picture(browser: Browser, tmp_path: Path, scheme: str) -> None:
    """Each panel is saved at twice its size on the page's ground, and the policy allows it."""
    with opened(browser, tmp_path, REGRESSED(), color_scheme=scheme) as shown:
        names = panels_of(shown)
        assert {"run-time1", "run-time2", "run-distribution1", "tiers", "messages"} <= {*names}
        for name in names:
            width, height = size_of(download(shown, name, "PNG", tmp_path).read_bytes())
            box = shown.page.locator(f"[data-download='{name}']").bounding_box()
            assert box is not None
            assert width == pytest.approx(2 * (box["width"] + 32), abs=2)
            assert 150 < height <= 2 * (box["height"] + 34)
        assert shown.messages == []
        assert shown.requests == []


def test_the_data_of_a_chart_is_a_table(browser: Browser, tmp_path: Path) -> None:
    """The CSV has the values of each line, with the units in its heads, and empty cells for gaps."""
    with opened(browser, tmp_path, REGRESSED()) as shown:
        charts = make_section("run", *REGRESSED()).charts
        for name in ("run-time1", "run-time2", "run-distribution1", "run-distribution2", "run-resource1"):
            text = download(shown, name, "CSV", tmp_path).read_bytes().decode()
            assert text.endswith("\r\n")
            heads, *rows = csv.reader(text.splitlines())
            lines = [line for layer in charts[name].layers for line in layer.lines]
            assert [head.rpartition(" (")[0] for head in heads[1:]] == [line.label for line in lines]
            for number, line in enumerate(lines, 1):
                values = [float(row[number]) for row in rows if row[number]]
                assert values == [value for value in line.values if value is not None]
            if name == "run-resource1":
                assert heads == ["time (s)", f"{charts[name].title} (%)"]


def test_a_drawing_has_the_cells_of_its_tables(browser: Browser, tmp_path: Path) -> None:
    """The CSV of a panel without a chart has the rows of its tables."""
    with opened(browser, tmp_path, REGRESSED()) as shown:
        text = download(shown, "tiers", "CSV", tmp_path).read_text(encoding="utf-8")
        table = shown.page.locator("[data-download=tiers] tbody tr")
        first = table.first.locator("th").inner_text()
        assert any(row[0] == first for row in csv.reader(text.splitlines()) if row)


def test_no_cell_is_a_formula(browser: Browser, tmp_path: Path) -> None:
    """Names from outside that a spreadsheet would evaluate get an apostrophe in front; numbers stay."""
    report, series = HOSTILE()
    line = series.timeline
    assert line is not None
    curves = tuple(curve.model_copy(update={"label": '=1+1, "x"\n@'}) for curve in line.rates)
    renamed = series.model_copy(update={"timeline": line.model_copy(update={"cpu_pct": curves})})
    with opened(browser, tmp_path, (report, renamed)) as shown:
        for name in panels_of(shown):
            text = download(shown, name, "CSV", tmp_path).read_bytes().decode()
            for row in csv.reader(text.splitlines()):
                for cell in row:
                    assert NUMBER.fullmatch(cell) or re.match(r"[+-]?\d", cell) or not FORMULA.match(cell)
        assert shown.messages == []


def test_a_panel_is_saved_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """The buttons have names with the panel's title, and Enter saves."""
    with opened(browser, tmp_path, REGRESSED()) as shown:
        shown.page.get_by_role("button", name="Download as CSV: Latency over time").focus()
        with shown.page.expect_download():
            shown.page.keyboard.press("Enter")


def test_without_a_script_there_are_no_buttons(browser: Browser, tmp_path: Path) -> None:
    """A button that could do nothing is not there."""
    with opened(browser, tmp_path, REGRESSED(), java_script_enabled=False) as shown:
        assert shown.page.locator(".download").count() == 0


def test_a_folded_chart_is_drawn_when_it_is_unfolded(browser: Browser, tmp_path: Path) -> None:
    """Charts of idle processes cost no time until the reader wants them."""
    with opened(browser, tmp_path, REGRESSED()) as shown:
        before = shown.count_charts()
        folded = shown.page.locator(".resources details").first
        charts = folded.locator("[data-chart]").count()
        assert charts > 0
        folded.locator("summary").first.click()
        shown.page.wait_for_function(
            "count => document.querySelectorAll('canvas').length === count", arg=before + charts
        )
        assert shown.messages == []


def test_a_finger_reads_the_values(browser: Browser, tmp_path: Path) -> None:
    """A touch moves the cursor of all charts over time."""
    with opened(browser, tmp_path, REGRESSED(), PHONE, has_touch=True) as shown:
        chart = shown.page.locator("[data-chart=run-time1] [role=slider]")
        chart.scroll_into_view_if_needed()
        chart.evaluate(
            "(slider) => { const box = slider.getBoundingClientRect();"
            "slider.dispatchEvent(new PointerEvent('pointermove', {pointerType: 'touch', bubbles: true,"
            "clientX: box.left + box.width / 2, clientY: box.top + 50})); }"
        )
        places = shown.page.locator("[data-chart^=run-time] .place, [data-chart^=run-resource] .place")
        texts = places.all_inner_texts()
        assert len(texts) > 3
        assert all(text.startswith("at ") for text in texts)
