"""The page of several runs side by side in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench.render.html.side_by_side.page import render_side_by_side_page
from tests.pages.opened import DESKTOP, PHONE, shown_file
from tests.pages.test_pages import AXE
from tests.render.side_runs import SETS


def write_page(folder: Path, kind: str) -> Path:
    """Write the page of a set of runs."""
    runs = SETS[kind]()
    file = folder / "runs.html"
    file.write_text(render_side_by_side_page(runs.report, runs.curves), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("kind", "charts", "scheme"),
    [("pair", 4, "light"), ("ten", 4, "dark"), ("searches", 1, "light"), ("invalid", 4, "light")],
)
def test_curves_are_drawn_without_messages(
    browser: Browser, tmp_path: Path, kind: str, charts: int, scheme: str
) -> None:
    """Each chart has the curves of the runs; nothing is logged and nothing is requested."""
    with shown_file(browser, write_page(tmp_path, kind), DESKTOP, color_scheme=scheme) as shown:
        assert shown.count_charts() == charts
        assert all(shown.painted_points(number) > 1_000 for number in range(charts))
        assert shown.messages == []
        assert shown.requests == []


@pytest.mark.parametrize("kind", SETS)
def test_a_phone_has_no_sideways_scroll(browser: Browser, tmp_path: Path, kind: str) -> None:
    """At 390 pixels only single tables scroll sideways."""
    with shown_file(browser, write_page(tmp_path, kind), PHONE) as shown:
        assert shown.value("document.documentElement.scrollWidth") <= PHONE[0]


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("three", "light"),
        ("three", "dark"),
        ("ten", "light"),
        ("searches", "light"),
        ("invalid", "dark"),
        ("hostile", "light"),
    ],
)
def test_axe_finds_no_violation(browser: Browser, tmp_path: Path, kind: str, scheme: str) -> None:
    """axe-core finds no violation, also with everything unfolded."""
    with shown_file(browser, write_page(tmp_path, kind), DESKTOP, color_scheme=scheme) as shown:
        shown.value("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        shown.page.evaluate(AXE)
        found = shown.value("axe.run()")["violations"]
        assert [(each["id"], each["impact"], each["nodes"][0]["html"]) for each in found] == []


def test_hostile_names_have_no_effect(browser: Browser, tmp_path: Path) -> None:
    """Names are text; they run no script and load no file."""
    with shown_file(browser, write_page(tmp_path, "hostile")) as shown:
        assert shown.page.title() != "owned"
        assert shown.value("document.scripts.length") == 2
        assert shown.value("document.images.length") == 0
        assert shown.messages == []
        assert shown.requests == []


def test_each_drawing_can_be_downloaded(browser: Browser, tmp_path: Path) -> None:
    """Charts, trade-offs and tiers have a picture and a table as files."""
    with shown_file(browser, write_page(tmp_path, "three")) as shown:
        panels = shown.page.locator("[data-download]")
        assert panels.count() == 7  # four charts, two trade-offs, the tiers
        for number in (0, 4, 6):
            for form in ("PNG", "CSV"):
                with shown.page.expect_download() as download:
                    panels.nth(number).get_by_text(form, exact=True).click()
                assert download.value.suggested_filename.endswith(form.lower())
        assert shown.messages == []
