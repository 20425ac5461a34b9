"""The first screen of a page in the browser: its height, its contents, its commands, and on paper."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench.core.report.report import Report
from bench.core.report.series import RunSeries, make_series
from tests.factories import make_baseline
from tests.pages.opened import opened
from tests.render import drawn
from tests.render.capacities import capacities, drawn_with
from tests.render.reports import reports

LAPTOP = (1400, 900)
PAPER = (703, 1032)  # A4 with margins of 12 mm, in pixels
Drawn = tuple[Report, RunSeries]


def compared(name: str) -> Callable[[], Drawn]:
    """Return a function that makes a report with the values of a baseline."""

    @cache
    def make() -> Drawn:
        report = reports()[name]
        baseline = make_baseline() if report.comparison.baseline_runs else None
        return report, make_series(report.result, None, baseline)

    return make


KINDS: dict[str, Callable[[], Drawn]] = {
    "worse": cache(drawn.regressed),
    "messages": compared("long-messages"),
    "tolerated": compared("tolerated"),
    "pass": compared("pass"),
    "cannot tell": compared("too-noisy"),
    "no baseline": compared("no-baseline"),
    "threshold": compared("crossed"),
    "alerts": compared("watched"),
    "capacity": cache(lambda: drawn_with(capacities()["narrow"])),
}
BOTTOM = "document.querySelector('header.first').getBoundingClientRect().bottom"


@pytest.mark.parametrize("kind", KINDS)
def test_the_answers_fit_on_the_first_screen(browser: Browser, tmp_path: Path, kind: str) -> None:
    """Verdict, interval, affected messages, tier, base, next step and tiles need no scrolling."""
    with opened(browser, tmp_path, KINDS[kind](), LAPTOP) as shown:
        assert shown.value(BOTTOM) <= LAPTOP[1]
        assert shown.messages == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_words_of_the_drawing_leave_its_card(browser: Browser, tmp_path: Path, kind: str) -> None:
    """On a laptop and on a phone, each label of the drawing is within the card of the verdict."""
    outside = """[...document.querySelectorAll('.decisive text')].filter(text => {
        const box = text.getBoundingClientRect();
        const card = text.closest('.verdict').getBoundingClientRect();
        return box.width > 0 && (box.left < card.left || box.right > card.right);
    }).map(text => text.textContent)"""
    for size in (LAPTOP, (390, 844)):
        with opened(browser, tmp_path, KINDS[kind](), size) as shown:
            assert shown.value(outside) == []
            assert shown.value("document.documentElement.scrollWidth") <= size[0]


def test_the_contents_mark_the_part_in_view(browser: Browser, tmp_path: Path) -> None:
    """The entry of the part in view is the only current one, and each click arrives at its part."""
    with opened(browser, tmp_path, KINDS["worse"](), LAPTOP) as shown:
        current = shown.page.locator(".topbar [aria-current]")
        shown.page.locator(".topbar [aria-current][href='#run-headline']").wait_for()
        for entry in reversed(shown.page.locator(".topbar nav a").all()):
            entry.click()
        shown.page.get_by_role("link", name="Setup", exact=True).click()
        shown.page.get_by_role("link", name="Raw", exact=True).click()
        shown.page.locator(".topbar [aria-current][href='#run-raw']").wait_for()
        assert current.count() == 1
        assert shown.value("scrollY + innerHeight >= document.documentElement.scrollHeight - 2")
        shown.page.locator(".topbar .pill").click()
        shown.page.locator(".topbar [aria-current][href='#run-headline']").wait_for()


def test_the_contents_mark_the_entry_that_was_followed(browser: Browser, tmp_path: Path) -> None:
    """The entry of a click stays marked, also next to a part of the same height and at the end."""
    with opened(browser, tmp_path, KINDS["worse"](), LAPTOP) as shown:
        for entry in shown.page.locator(".topbar nav a").all():
            entry.click()
            target = entry.get_attribute("href")
            shown.page.locator(f".topbar [aria-current][href='{target}']").wait_for()
            # Later messages of the page, of the click's scrolling, do not move the mark.
            shown.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert shown.page.locator(".topbar [aria-current]").get_attribute("href") == target
        shown.value("scrollTo(0, 0)")
        shown.page.locator(".topbar [aria-current][href='#run-headline']").wait_for()


def test_the_commands_can_be_copied(browser: Browser, tmp_path: Path) -> None:
    """The buttons select the command of the next step, and the commands that measure the run again."""
    with opened(browser, tmp_path, KINDS["worse"](), LAPTOP) as shown:
        shown.page.get_by_text("If the change is intended", exact=True).click()
        for name, start in (
            ("Copy the command", "bench baseline accept"),
            ("Copy the commands", "git checkout"),
        ):
            shown.page.get_by_role("button", name=name, exact=True).click()
            shown.page.get_by_text("Ctrl+C").or_(shown.page.get_by_text("Copied.")).first.wait_for()
            assert str(shown.value("getSelection().toString()")).startswith(start)


def test_a_command_wraps_between_its_arguments(browser: Browser, tmp_path: Path) -> None:
    """No argument that fits its box has two lines, for example `--reason` after its hyphens."""
    broken = """[...document.querySelectorAll('.argument')].filter(each => each.getClientRects().length > 1
        || (each.offsetHeight > 30 && each.offsetWidth < each.closest('code, pre').clientWidth / 2)
    ).map(each => each.textContent)"""
    for kind in ("no baseline", "worse"):
        with opened(browser, tmp_path, KINDS[kind](), LAPTOP) as shown:
            assert shown.page.locator(".argument", has_text="--reason").count() > 0
            assert shown.value(broken) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_screen_is_the_first_page_on_paper(browser: Browser, tmp_path: Path, kind: str) -> None:
    """A4 in portrait has room for it, in light colours, and nothing is cut off at the side."""
    with opened(browser, tmp_path, KINDS[kind](), PAPER, color_scheme="dark") as shown:
        shown.page.emulate_media(media="print")
        assert shown.value(BOTTOM) <= PAPER[1]
        rights = shown.value(
            "[...document.querySelectorAll('header.first *')].map(each => each.getBoundingClientRect().right)"
        )
        assert max(rights) <= PAPER[0] + 1
        assert shown.value("getComputedStyle(document.querySelector('.verdict')).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
