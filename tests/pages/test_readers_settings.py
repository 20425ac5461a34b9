"""Pages with the settings of a reader's system: a language that is none, and a contrast theme."""

from pathlib import Path

from playwright.sync_api import Browser

from bench.render.html.page import render_page
from tests.pages.opened import opened
from tests.render import drawn

NO_LANGUAGE = "Object.defineProperty(Navigator.prototype, 'language', { get: () => 'en-US@posix' })"


def test_charts_are_drawn_for_a_language_that_is_none(browser: Browser, tmp_path: Path) -> None:
    """Some systems give the browser a language such as `C`, which the chart library does not accept."""
    file = tmp_path / "report.html"
    file.write_text(render_page(*drawn.passed()), encoding="utf-8")
    page = browser.new_page()
    page.add_init_script(NO_LANGUAGE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    assert errors == []
    assert page.locator("canvas").count() > 0
    page.close()


def test_legends_keep_their_colours_in_a_contrast_theme(browser: Browser, tmp_path: Path) -> None:
    """The system replaces the colours of the page, but a swatch shows nothing else than its colour."""
    ground = """name => {
        const element = document.querySelector(name);
        return getComputedStyle(element).backgroundColor;
    }"""
    with opened(browser, tmp_path, drawn.passed(), forced_colors="active") as shown:
        swatches = set(shown.value("[...document.querySelectorAll('.swatch')].map(each => each.className)"))
        colours = {
            shown.page.evaluate(ground, "." + ".".join(each.split())) for each in swatches if "dot" in each
        }
        assert colours
        assert shown.page.evaluate(ground, ".verdict") not in colours
