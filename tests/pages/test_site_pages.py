import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from bench.core.report.trend_page import TrendPage, trend_page
from bench.render.html.front import render_front
from bench.render.html.site_files import FRONT, path_of
from tests.eventually import eventually
from tests.pages.opened import PHONE, TIMEOUT_MS, Opened, shown_file
from tests.pages.test_pages import AXE
from tests.render.histories import LINKS, board_of, history, several, site_of
from tests.render.test_site import QUICK, hostile, many_histories
from tests.store.test_site_files import write

Histories = list[TrendPage]
MakeHistories = Callable[[], Histories]
SEVERAL: MakeHistories = cache(several)
HOSTILE: MakeHistories = cache(hostile)
CHARTS = 13  # success, response time, time to first token, four costs, and six tiers


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
        assert file_names(shown.requests) == {"site.css", "site.js" if charts else "filter.js"}
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


def test_a_number_without_bounds_keeps_its_tile(browser: Browser, write_site: WriteSite) -> None:
    """A line of a history may contain any number, also one with three hundred digits."""
    runs = []
    for run in history([1.0] * 20):
        runs.append(run.model_copy(update={"figures": dict.fromkeys(run.figures, 1e300)}))
    folder = write_site([trend_page(runs)])
    with shown_file(browser, folder / FRONT, PHONE) as shown:
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
        links = shown.page.locator(".scenarios tbody th a")
        assert links.count() == len(histories)
        for number in range(links.count()):
            links.nth(number).click()
            shown.page.locator("canvas").first.wait_for()
            assert shown.page.title() != "owned"
            assert shown.value("document.images.length") == 0
            assert shown.value("document.scripts.length") == 2
            shown.page.go_back()
        assert shown.messages == []
        assert {"site.css", "site.js", "filter.js"} <= file_names(shown.requests)


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


ROWS = ".scenarios tbody tr:visible"
_COUNT_CHANGES = """
window.changes = 0;
new MutationObserver((records) => { window.changes += records.length; })
  .observe(document.getElementById("rows"), {attributes: true, childList: true, subtree: true});
"""


def names_of(shown: Opened) -> list[str]:
    """Return the names of the visible scenarios."""
    return shown.page.locator(f"{ROWS} th a").all_inner_texts()


def test_filters_choose_by_text_stack_and_verdict(browser: Browser, write_site: WriteSite) -> None:
    """Filters count together; the status says the number of matches, and "Show all" removes them."""
    with shown_file(browser, write_site(SEVERAL()) / FRONT) as shown:
        assert shown.page.locator("#matches").inner_text() == "6 scenarios"
        shown.page.get_by_role("radio", name="not worse").check()
        assert names_of(shown) == ["chat-stream", "medium on compose", "medium on embedded"]
        shown.page.get_by_role("combobox", name="Stack").select_option("embedded")
        shown.page.get_by_role("searchbox", name="Search").fill("MEDIUM")
        assert names_of(shown) == ["medium on embedded"]
        assert shown.page.locator("#matches").inner_text() == "1 of 6 scenarios"
        shown.page.get_by_role("button", name="Show all").click()
        shown.page.get_by_text("6 scenarios").wait_for()
        assert len(names_of(shown)) == 6
        assert shown.messages == []


def test_filters_work_by_keyboard(browser: Browser, write_site: WriteSite) -> None:
    """Tab leads from the search to the stack and to the verdict, whose values the arrow keys change."""
    with shown_file(browser, write_site(SEVERAL()) / FRONT) as shown:
        shown.page.get_by_role("searchbox", name="Search").focus()
        shown.page.keyboard.press("Tab")
        assert shown.value("document.activeElement.name") == "stack"
        shown.page.keyboard.press("Tab")
        shown.page.keyboard.press("ArrowDown")
        assert names_of(shown) == ["quick"]


def test_a_search_for_worse_does_not_match_not_worse(browser: Browser, write_site: WriteSite) -> None:
    """The verdict is compared from its start, and other texts anywhere."""
    with shown_file(browser, write_site(SEVERAL()) / FRONT) as shown:
        search = shown.page.get_by_role("searchbox", name="Search")
        for text, matches in (
            ("worse", 1),
            ("not worse", 3),
            ("fails a threshold", 1),
            ("quick worse", 1),
            ("cannot tell", 1),
            ("tream", 1),
        ):
            search.fill(text)
            assert shown.page.locator(ROWS).count() == matches
        search.fill("worse")
        assert names_of(shown) == ["quick"]
        assert shown.messages == []


def test_the_next_step_of_the_front_page_can_be_copied(browser: Browser, write_site: WriteSite) -> None:
    """The button copies the command, or selects it."""
    with shown_file(browser, write_site(SEVERAL()) / FRONT) as shown:
        shown.page.get_by_role("button", name="Copy the command").click()
        shown.page.get_by_text(re.compile("Copied|Selected")).wait_for()
        assert shown.value("getSelection().toString()").startswith("bench ab embedded@")


def test_a_scale_that_does_not_start_at_zero_names_its_foot(browser: Browser, write_site: WriteSite) -> None:
    """The text below the chart has the lowest value of the scale."""
    with shown_file(browser, write_site(SEVERAL()) / QUICK) as shown:
        foot = shown.page.locator("#main .foot")
        assert re.fullmatch(r"scale from \d+ ms", foot.inner_text())


def test_the_address_keeps_the_filters(browser: Browser, write_site: WriteSite) -> None:
    """A copied address shows the same rows; an unknown value and an anchor filter nothing."""
    front = write_site(SEVERAL()) / FRONT
    with shown_file(browser, front) as shown:
        shown.page.get_by_role("radio", name="cannot tell").check()
        shown.page.get_by_role("searchbox", name="Search").fill("hea vy&=#")
        eventually(lambda: "search=hea+vy" in shown.value("location.hash"))
        address = shown.value("location.href")
        shown.page.get_by_role("searchbox", name="Search").fill("heavy")
        eventually(lambda: shown.value("location.hash") == "#search=heavy&verdict=cannot+tell")
        shown.page.goto(address)
        expect(shown.page.get_by_role("searchbox", name="Search")).to_have_value(
            "hea vy&=#", timeout=TIMEOUT_MS
        )
        shown.page.evaluate("location.hash = 'search=heavy&verdict=cannot+tell'")
        shown.page.get_by_text("1 of 6 scenarios").wait_for()
        for nothing in ("verdict=<img src=x>&stack=no&constructor=1", "scenarios"):
            shown.page.evaluate(f"location.hash = '{nothing}'")
            shown.page.get_by_text("6 scenarios", exact=True).wait_for()
        assert shown.messages == []


def test_fast_typing_changes_the_address_rarely(browser: Browser, write_site: WriteSite) -> None:
    """Browsers refuse a hundred changes within seconds; the last text arrives, in any case."""
    type_fast = """count => {
        const field = document.querySelector("#filters input[type=search]");
        window.changes = 0;
        const replace = history.replaceState.bind(history);
        history.replaceState = (...given) => { changes += 1; replace(...given); };
        field.focus();
        for (let number = 1; number <= count; number++) {
            field.value = `a${number}`;
            field.dispatchEvent(new Event("input", { bubbles: true }));
        }
        return changes;
    }"""
    with shown_file(browser, write_site(SEVERAL()) / FRONT) as shown:
        assert shown.page.evaluate(type_fast, 200) < 50
        shown.value("document.activeElement.blur()")
        assert shown.value("location.hash") == "#search=a200"
        shown.page.evaluate(type_fast, 100)
        eventually(lambda: shown.value("location.hash") == "#search=a100")


def test_a_front_page_can_be_read_without_its_script(browser: Browser, write_site: WriteSite) -> None:
    """Without JavaScript there are no filters, and all rows can be unfolded."""
    folder = write_site(many_histories())
    with shown_file(browser, folder / FRONT, java_script_enabled=False) as shown:
        assert not shown.page.locator("#filters").is_visible()
        assert shown.page.locator(ROWS).count() == 25
        shown.page.locator("#rows summary").click()
        assert shown.page.locator(ROWS).count() == 120


def test_a_thousand_scenarios_stay_usable(browser: Browser, write_site: WriteSite) -> None:
    """50 rows are visible, a filter changes at most those of both results, and a button shows more."""
    (page, *_) = many_histories()
    many = [replace(page, where=f"embedded/simulated/s{number:04}") for number in range(1_000)]
    folder = write_site_of_front(many, write_site)
    assert (folder / FRONT).stat().st_size < 1_500_000
    with shown_file(browser, folder / FRONT) as shown:
        assert shown.page.locator(ROWS).count() == 50
        assert shown.value("document.documentElement.scrollHeight") < 5_000
        shown.page.evaluate(_COUNT_CHANGES)
        for text, matches in (("s01", 100), ("s0123", 1), ("", 1_000), ("nothing", 0)):
            shown.page.evaluate("window.changes = 0")
            shown.page.get_by_role("searchbox", name="Search").fill(text)
            assert shown.page.locator(ROWS).count() == min(50, matches)
            assert shown.value("window.changes") <= 100
        shown.page.get_by_role("searchbox", name="Search").fill("s01")
        shown.page.get_by_role("button", name="Show 50 more").click()
        assert shown.page.locator(ROWS).count() == 100
        assert shown.value("document.activeElement.textContent") == "s0150"
        assert shown.messages == []


def write_site_of_front(histories: Histories, write_site: WriteSite) -> Path:
    """Write the front page of many histories, with the page of one."""
    folder = write_site(histories[:1])
    (folder / FRONT).write_text(render_front(board_of(histories)), encoding="utf-8")
    return folder


def test_a_mark_names_the_commits_on_hover_and_on_focus(browser: Browser, write_site: WriteSite) -> None:
    """The text has the change, and the subject and the author of both commits; Escape hides it."""
    with shown_file(browser, write_site(SEVERAL()) / QUICK) as shown:
        flag = shown.page.get_by_role("button", name="Worse since 2026-01-25").first
        tip = flag.locator(".tip")
        assert not tip.is_visible()
        flag.hover()
        tip.wait_for(state="visible")
        shown.page.mouse.move(0, 0)
        tip.wait_for(state="hidden")
        flag.press("Shift")
        tip.wait_for(state="visible")
        lines = tip.inner_text().split("\n")
        assert [line.partition(":")[0] for line in lines[1:]] == ["First run", "Last run before"]
        assert all(", by " in line for line in lines[1:])
        flag.press("Escape")
        tip.wait_for(state="hidden")
        assert shown.messages == []


def test_a_mark_stays_at_its_run_in_a_zoomed_chart(browser: Browser, write_site: WriteSite) -> None:
    """Its button moves with the line, and disappears with it."""
    with shown_file(browser, write_site(SEVERAL()) / QUICK) as shown:
        chart = shown.page.get_by_role("slider", name="Response time")
        flag = shown.page.locator("#main .flag")
        before = flag.bounding_box()
        chart.focus()
        shown.page.keyboard.press("Home")
        for _ in range(4):
            shown.page.keyboard.press("+")
        flag.wait_for(state="hidden")
        shown.page.keyboard.press("Escape")
        flag.wait_for(state="visible")
        assert flag.bounding_box() == before


def test_the_cursor_is_the_same_in_all_charts(browser: Browser, write_site: WriteSite) -> None:
    """A run that is chosen in one chart is chosen in the charts of the costs and of the tiers, too."""
    with shown_file(browser, write_site(SEVERAL()) / QUICK) as shown:
        shown.page.get_by_role("slider", name="Response time").focus()
        shown.page.keyboard.press("End")
        for figure in ("deciding1", "cost1", "tier1"):
            assert shown.page.locator(f"#{figure} .place").inner_text() == "at 2026-02-07 12:00"
