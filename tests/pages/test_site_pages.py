import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench.core.report.trend_page import TrendPage
from bench.render.html.site import FRONT, path_of
from tests.pages.opened import PHONE, Opened, shown_file
from tests.pages.test_pages import AXE
from tests.render.histories import LINKS, several, site_of
from tests.render.test_site import QUICK, hostile, many_histories
from tests.store.test_site_files import write

Histories = list[TrendPage]
MakeHistories = Callable[[], Histories]
SEVERAL: MakeHistories = cache(several)
HOSTILE: MakeHistories = cache(hostile)
CHARTS = 9  # success, response time, time to first token, and six tiers


@pytest.fixture
def write_site(tmp_path: Path) -> Callable[[Histories], Path]:
    """Return a function that writes a site and returns its folder."""

    def write_pages(histories: Histories) -> Path:
        write(tmp_path / "site", site_of(histories, LINKS))
        return tmp_path / "site"

    return write_pages


WriteSite = Callable[[Histories], Path]


def picture(shown: Opened, name: str) -> None:
    """Take a picture of the page, if the variable BENCH_TEST_PICTURES names a folder."""
    folder = os.environ.get("BENCH_TEST_PICTURES")
    if folder:
        shown.page.screenshot(path=Path(folder) / f"site-{name}.png", full_page=True)


def file_names(asked: list[str]) -> set[str]:
    """Return the names of the files that a page requested."""
    assert all(each.startswith("file://") for each in asked)
    return {each.rpartition("/")[2] for each in asked}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("path", "charts"), [(FRONT, 0), (QUICK, CHARTS)])
def test_pages_are_drawn_without_messages(
    browser: Browser, write_site: WriteSite, path: str, charts: int, scheme: str
) -> None:
    """Charts are drawn in both themes, the console is empty, and the page requests only the site's files."""
    folder = write_site(SEVERAL())
    with shown_file(browser, folder / path, color_scheme=scheme) as shown:
        picture(shown, f"{Path(path).stem}-{scheme}")
        assert shown.count_charts() == charts
        assert all(shown.painted_points(number) > 1_000 for number in range(charts))
        assert shown.messages == []
        assert file_names(shown.requests) == {"site.css"} | ({"site.js"} if charts else set())
        # The style came as well: the policy let it.
        assert shown.value("getComputedStyle(document.querySelector('main')).maxWidth") != "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [FRONT, QUICK, "embedded/simulated/heavy.html"])
def test_axe_finds_no_violation(browser: Browser, write_site: WriteSite, path: str, scheme: str) -> None:
    """axe-core finds no violation, also with a chart's table unfolded."""
    with shown_file(browser, write_site(SEVERAL()) / path, color_scheme=scheme) as shown:
        shown.value(
            "document.querySelectorAll('details').forEach((each, number) => { each.open = !number; })"
        )
        shown.page.evaluate(AXE)
        found = shown.value("axe.run()")["violations"]
        assert [(each["id"], each["impact"], each["nodes"][0]["html"]) for each in found] == []


@pytest.mark.parametrize("make", [SEVERAL, HOSTILE])
def test_a_phone_has_no_sideways_scroll(browser: Browser, write_site: WriteSite, make: MakeHistories) -> None:
    """At 390 pixels only single tables scroll sideways."""
    folder = write_site(make())
    for path in (FRONT, path_of(make()[0].where)):
        with shown_file(browser, folder / path, PHONE) as shown:
            picture(shown, f"{Path(path).stem[:20].replace('/', '-')}-phone")
            assert shown.value("document.documentElement.scrollWidth") <= PHONE[0]


def test_every_page_is_reached_by_keyboard(browser: Browser, write_site: WriteSite) -> None:
    """The keyboard leads from the front page to the worst scenario and back, and along a chart."""
    with shown_file(browser, write_site(SEVERAL()) / FRONT) as shown:
        shown.page.get_by_role("link", name="quick").first.focus()
        shown.page.keyboard.press("Enter")
        chart = shown.page.get_by_role("slider", name="Response time")
        chart.focus()
        shown.page.keyboard.press("End")
        said = chart.get_attribute("aria-valuetext") or ""
        assert said.startswith("at 2026-02-07 12:00: ")
        assert "level" in said
        shown.page.get_by_role("link", name="All scenarios").focus()
        shown.page.keyboard.press("Enter")
        shown.page.wait_for_url("**/index.html")
        assert shown.messages == []


def test_hostile_names_have_no_effect(browser: Browser, write_site: WriteSite) -> None:
    """Each page of hostile histories opens from the front page, runs no script and loads no file."""
    histories = HOSTILE()
    with shown_file(browser, write_site(histories) / FRONT) as shown:
        links = shown.page.locator(".scenarios a")
        assert links.count() == len(histories)
        for number in range(links.count()):
            links.nth(number).click()
            shown.page.locator("canvas").first.wait_for()
            assert shown.page.title() != "owned"
            assert shown.value("document.images.length") == 0
            assert shown.value("document.scripts.length") == 2
            shown.page.go_back()
        assert shown.messages == []
        assert file_names(shown.requests) >= {"site.css", "site.js"}


def test_a_page_can_be_read_without_its_script(browser: Browser, write_site: WriteSite) -> None:
    """Without JavaScript every chart is a table."""
    with shown_file(browser, write_site(SEVERAL()) / QUICK, java_script_enabled=False) as shown:
        assert shown.page.locator("canvas").count() == 0
        shown.page.get_by_text("As a table").first.click()
        assert shown.page.locator("details table").first.is_visible()


def test_a_page_can_be_printed(browser: Browser, write_site: WriteSite) -> None:
    """A printed page is light in both themes and contains its charts."""
    with shown_file(browser, write_site(SEVERAL()) / QUICK, color_scheme="dark") as shown:
        assert shown.page.pdf(format="A4").count(b"/Image") >= CHARTS
        shown.page.emulate_media(media="print")
        assert shown.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_front_page_searches_many_scenarios(browser: Browser, write_site: WriteSite) -> None:
    """The search unfolds the other rows, hides those without the word, and works without a network."""
    with shown_file(browser, write_site(many_histories()) / FRONT) as shown:
        field = shown.page.get_by_role("searchbox", name="Search")
        field.fill("s11")
        rows = shown.page.locator(".scenarios tbody tr:visible")
        assert [text.split()[1] for text in rows.all_inner_texts()] == [f"s11{digit}" for digit in range(10)]
        assert shown.page.get_by_role("status").inner_text() == "10 of 120 scenarios"
        field.fill("")
        assert rows.count() == 100
        assert shown.messages == []
        shown.page.evaluate(AXE)  # it reads the style sheet again, which the policy of the page forbids
        assert shown.value("axe.run()")["violations"] == []
