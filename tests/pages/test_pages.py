import os
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.render.html.run.section import make_section
from tests.pages.opened import PHONE, Opened, opened
from tests.render import capacities, drawn

Drawn = tuple[Report, RunSeries]
KINDS: dict[str, Callable[[], Drawn]] = {
    "pass": cache(drawn.passed),
    "regression": cache(drawn.regressed),
    "no-data": cache(drawn.no_data),
    "many": cache(drawn.many),
    "hostile": cache(drawn.hostile),
    "capacity": cache(lambda: capacities.drawn_with(capacities.capacities()["narrow"])),
    "hostile-capacity": cache(capacities.hostile_capacity),
}
TIME_CHARTS = "[data-chart^=run-time], [data-chart^=run-resource]"
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def picture(shown: Opened, name: str) -> None:
    """Take a picture of the page, if the variable BENCH_TEST_PICTURES names a folder."""
    folder = os.environ.get("BENCH_TEST_PICTURES")
    if folder:
        shown.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("pass", "light"),
        ("regression", "light"),
        ("regression", "dark"),
        ("no-data", "light"),
        ("many", "light"),
    ],
)
def test_charts_are_drawn_without_messages(browser: Browser, tmp_path: Path, kind: str, scheme: str) -> None:
    """Each kind of page draws its open charts in both themes, logs no message and requests no file."""
    with opened(browser, tmp_path, KINDS[kind](), color_scheme=scheme) as shown:
        picture(shown, f"{kind}-{scheme}")
        charts = len(make_section("run", *KINDS[kind]()).charts)
        charts -= shown.page.locator("details:not([open]) [data-chart]").count()
        assert shown.count_charts() == charts
        assert (charts > 0) == (kind != "no-data")
        assert all(shown.painted_points(number) > 1_000 for number in range(charts))
        assert shown.value("Number(document.documentElement.dataset.drawn)") == charts
        assert shown.messages == []
        assert shown.requests == []


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("regression", "light"),
        ("hostile", "dark"),
        ("no-data", "light"),
        ("capacity", "light"),
        ("capacity", "dark"),
    ],
)
def test_axe_finds_no_violation(browser: Browser, tmp_path: Path, kind: str, scheme: str) -> None:
    """axe-core finds no violation, also with a chart's table and the raw data unfolded."""
    with opened(browser, tmp_path, KINDS[kind](), color_scheme=scheme) as shown:
        shown.value(
            "[...document.querySelectorAll('details')].forEach((each, number, all) => "
            "{ each.open = number === 0 || number === all.length - 1; })"
        )
        shown.page.evaluate(AXE)
        found = shown.value("axe.run()")["violations"]
        assert [(each["id"], each["impact"], each["nodes"][0]["html"]) for each in found] == []


@pytest.mark.parametrize("kind", ["regression", "no-data", "hostile", "capacity", "hostile-capacity"])
def test_a_phone_has_no_sideways_scroll(browser: Browser, tmp_path: Path, kind: str) -> None:
    """At 390 pixels only single tables scroll sideways, and charts fit."""
    with opened(browser, tmp_path, KINDS[kind](), PHONE) as shown:
        picture(shown, f"{kind}-phone")
        assert shown.value("document.documentElement.scrollWidth") <= PHONE[0]
        widths = shown.value("[...document.querySelectorAll('canvas')].map(each => each.clientWidth)")
        assert all(width <= PHONE[0] for width in widths)


def test_hostile_names_have_no_effect(browser: Browser, tmp_path: Path) -> None:
    """Names of targets and scenarios are text; they run no script and load no file."""
    with opened(browser, tmp_path, KINDS["hostile"]()) as shown:
        picture(shown, "hostile-light")
        assert shown.page.title() != "owned"
        assert shown.value("document.scripts.length") == 3
        assert shown.value("document.images.length") == 0
        assert "</script><script>document.title='owned'</script>" in shown.page.inner_text("header")
        assert shown.messages == []
        assert shown.requests == []
        # Even what got into the page would not run.
        shown.value(
            "document.body.append(Object.assign(document.createElement('script'), "
            "{textContent: 'document.title = \"owned\"'}))"
        )
        assert shown.page.title() != "owned"


def test_a_hundred_thousand_requests_are_few_marks(
    browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page of a hundred thousand requests draws only its slices; the test prints the time."""
    with opened(browser, tmp_path, KINDS["many"]()) as shown:
        marks = shown.value(
            "(({ shared, charts }) => Object.values(charts)"
            ".flatMap(each => each.layers).map(each => shared[each.at].length * each.lines.length))"
            "(JSON.parse(document.getElementById('charts').textContent))"
        )
        assert sum(marks) < 5_000
        took_ms = shown.value("performance.getEntriesByName('drawn')[0].startTime")
        with capsys.disabled():
            print(  # noqa: T201 - for people: it depends on the machine
                f"\ncharts of 100,000 requests were drawn {took_ms:.0f} ms after the page was opened"
            )


def test_values_are_read_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Arrow keys move along all charts over time, and screen readers get the values."""
    with opened(browser, tmp_path, KINDS["pass"]()) as shown:
        panels = shown.page.locator(TIME_CHARTS)
        charts = panels.locator("[role=slider]")
        assert charts.count() > 3
        charts.first.focus()
        for key in ("ArrowRight", "ArrowRight", "End", "Home", "ArrowRight"):
            shown.page.keyboard.press(key)
        said = charts.first.get_attribute("aria-valuetext") or ""
        assert said.startswith("at 3 s: ")
        assert "p50 response time" in said
        assert panels.locator(".place").all_inner_texts() == ["at 3 s"] * charts.count()


def test_charts_zoom_together(browser: Browser, tmp_path: Path) -> None:
    """Plus, minus and the mouse zoom all charts over time; Escape and the button show the complete charts."""
    with opened(browser, tmp_path, KINDS["pass"]()) as shown:
        panels = shown.page.locator(TIME_CHARTS)
        charts, buttons = panels.locator("[role=slider]"), panels.locator(".reset")
        count = charts.count()
        assert [each.is_visible() for each in buttons.all()] == [False] * count
        charts.first.focus()
        shown.page.keyboard.press("+")
        assert [each.is_visible() for each in buttons.all()] == [True] * count
        shown.page.keyboard.press("Escape")
        assert [each.is_visible() for each in buttons.all()] == [False] * count
        charts.first.scroll_into_view_if_needed()
        box = charts.first.bounding_box()
        assert box is not None
        shown.page.mouse.move(box["x"] + 200, box["y"] + 80)
        shown.page.mouse.down()
        shown.page.mouse.move(box["x"] + 500, box["y"] + 90, steps=4)
        shown.page.mouse.up()
        assert [each.is_visible() for each in buttons.all()] == [True] * count
        buttons.first.click()
        assert [each.is_visible() for each in buttons.all()] == [False] * count


def test_the_legend_shows_the_values_at_the_mouse(browser: Browser, tmp_path: Path) -> None:
    """Pointing at a chart shows its values in the legend."""
    with opened(browser, tmp_path, KINDS["regression"]()) as shown:
        panel = shown.page.locator("[data-chart=run-distribution2]")
        panel.locator("[role=slider]").hover()
        values = panel.locator(".value").all_inner_texts()
        assert any("ms" in text for text in values)
        assert " to " in values[0]


def test_a_page_can_be_printed(browser: Browser, tmp_path: Path) -> None:
    """A printed page is light in both themes and contains its charts."""
    with opened(browser, tmp_path, KINDS["regression"](), color_scheme="dark") as shown:
        pdf = shown.page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        assert pdf.count(b"/Image") >= shown.count_charts()
        shown.page.emulate_media(media="print")
        assert shown.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert shown.messages == []


def test_charts_are_light_before_the_page_is_copied_for_paper(browser: Browser, tmp_path: Path) -> None:
    """Firefox prints what a chart shows at the end of the event `beforeprint`; a later drawing is lost."""
    draws_at_once = """() => {
        const canvas = document.querySelector("canvas");
        const before = canvas.toDataURL();
        dispatchEvent(new Event("beforeprint"));
        return canvas.toDataURL() !== before;
    }"""
    with opened(browser, tmp_path, KINDS["pass"](), color_scheme="dark") as shown:
        assert shown.page.evaluate(draws_at_once)


def test_the_page_can_be_read_without_its_script(browser: Browser, tmp_path: Path) -> None:
    """Without JavaScript all tables are there, and the raw data can be selected."""
    with opened(browser, tmp_path, KINDS["regression"](), java_script_enabled=False) as shown:
        assert shown.page.locator("canvas").count() == 0
        shown.page.get_by_text("As a table").first.click()
        assert shown.page.locator("details[open] table").first.is_visible()
        shown.page.get_by_text("The complete report as JSON").click()
        assert '"headline"' in shown.page.locator("textarea").input_value()
        assert not any(button.is_visible() for button in shown.page.locator(".copy").all())


def test_raw_data_can_be_copied(browser: Browser, tmp_path: Path) -> None:
    """The button selects the raw data and reports its success."""
    with opened(browser, tmp_path, KINDS["pass"]()) as shown:
        shown.page.get_by_text("The complete report as JSON").click()
        shown.page.get_by_role("button", name="Copy", exact=True).click()
        shown.page.get_by_text("Ctrl+C").or_(shown.page.get_by_text("Copied.")).wait_for()
        selected = shown.value(
            "(each => each.selectionEnd - each.selectionStart)(document.querySelector('textarea'))"
        )
        assert selected == len(shown.page.locator("textarea").input_value())


def test_a_theme_may_change_while_the_page_is_open(browser: Browser, tmp_path: Path) -> None:
    """Charts take the colours of a new theme."""
    with opened(browser, tmp_path, KINDS["pass"](), color_scheme="light") as shown:
        before = shown.value("document.querySelector('canvas').toDataURL()")
        shown.page.emulate_media(color_scheme="dark")
        shown.page.wait_for_function(
            "before => document.querySelector('canvas').toDataURL() !== before", arg=before
        )
