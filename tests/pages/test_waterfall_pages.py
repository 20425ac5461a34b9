from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from bench.core.run.recording import Recording
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.tiers.request_trace import RequestTrace, TierPeriod
from bench.core.tiers.trace_ids import RequestKey
from bench.core.tiers.traced_loads import TracedLoad, list_traced
from tests.factories import make_recording, make_sample
from tests.pages.opened import PHONE, Opened, opened
from tests.pages.test_pages import AXE, picture
from tests.render.drawn import HOSTILE, judge, recording

LATENCY = "[data-chart=run-time1] [role=slider]"
OPEN = "document.querySelectorAll('#run-waterfall details').forEach(each => { each.open = true })"
CHOSEN = "#run-chosen .requests > li"
# Choose a request as the chart does, by its planned start and its time.
CHOOSE = """number => {
  const { run } = JSON.parse(document.getElementById("requests").textContent);
  const cell = column => Array.isArray(column) ? column[number] : column;
  const took = run.timings.reduce((total, column) => total + cell(column), 0) / 10;
  const detail = { section: "run", at: cell(run.columns.at) / 1000, took };
  document.dispatchEvent(new CustomEvent("bench:request", { detail }));
}"""
# Everything that a reader sees or hears of a row, and the places of its drawing.
READ_ROW = """row => ({
  texts: [...row.querySelectorAll(".who, .took, .note, details > p:not(.trace)")]
    .map(part => part.textContent.replace(/ Remove .*/, "").replaceAll("\\u00a0", " ").trim()),
  trace: row.querySelector("input")?.value,
  shapes: [...row.querySelectorAll("rect, line, circle")].map(shape => [
    shape.tagName, shape.getAttribute("class"),
    ...["x", "width", "x1", "cx"].map(name => Math.round(10 * parseFloat(shape.getAttribute(name) ?? 0)))]),
})"""


def mixed() -> Recording:
    """Return a run of streamed answers with a journey's step, retries, failures and a request without end."""
    samples = []
    for sample in recording(failed=(3, 40)).samples:
        at_s = sample.scheduled_s
        times: dict[str, Any] = {
            "first_byte_s": at_s + 0.1,
            "first_token_s": at_s + 0.12,
            "last_token_s": sample.finished_s,
        }
        samples.append(sample._replace(**times, tokens=sample.vu + 1, step="ask", connect_s=0.0004))
    samples[5] = samples[5]._replace(retries=2, retried_s=samples[5].scheduled_s + 0.05)
    waiting = make_sample(7, at_s=3.3, latency_ms=30_000.0, outcome=Outcome.TIMEOUT, first_byte_s=None,
                          status=None, tier_times={}, detail="no answer `in time`")  # fmt: skip
    # Every other request has spans, of which two are at the same time.
    traced: dict[RequestKey, RequestTrace] = {}
    for sample in samples[1::2]:
        key = RequestKey(sample.phase, sample.vu, sample.iteration, sample.arm)
        periods = [("backend", 0.0, 2.0), ("agent", 2.0, 40.0), ("decode", 30.0, 300.0), ("auth", 40.0, 1.0)]
        length_ms = 990.0 * (sample.finished_s - sample.scheduled_s)
        traced[key] = RequestTrace({}, {}, length_ms, tuple(map(TierPeriod._make, periods)))
    load = TracedLoad(prefix="0123456789", requests=list_traced(traced))
    return replace(recording(), samples=Samples.of([*samples, waiting]), traced_loads=(load,))


def read(shown: Opened, selector: str) -> list[dict[str, Any]]:
    """Return the rows that a selector finds."""
    return [row.evaluate(READ_ROW) for row in shown.page.locator(selector).all()]


def test_a_chosen_row_is_that_of_the_page(browser: Browser, tmp_path: Path) -> None:
    """The script writes and draws each request as the page does without it."""
    with opened(browser, tmp_path, judge(mixed())) as shown:
        rows = shown.page.locator("#run-waterfall > .requests > li")
        assert rows.count() == 14
        for row in rows.all():
            shown.page.evaluate(CHOOSE, int(row.get_attribute("data-request") or ""))
            own = row.evaluate(READ_ROW)
            chosen = shown.page.locator(CHOSEN).first.evaluate(READ_ROW)
            assert chosen["texts"] == own["texts"]
            assert chosen["trace"] == own["trace"]
        slowest = read(shown, "#run-waterfall > .requests >> nth=0 >> li")
        shown.page.reload()
        for row in rows.all()[len(slowest) - 1 :: -1]:
            shown.page.evaluate(CHOOSE, int(row.get_attribute("data-request") or ""))
        # They have the same axis, since the slowest request is among them.
        assert read(shown, CHOSEN) == slowest
        assert shown.messages == []


def test_a_click_on_a_dot_chooses_its_request(browser: Browser, tmp_path: Path) -> None:
    """The slowest dot is the slowest request; a drag zooms and chooses none."""
    samples = [make_sample(seq, at_s=1.5 * seq, latency_ms=200.0 + 10.0 * seq) for seq in range(20)]
    samples[10] = make_sample(10, at_s=15.0, latency_ms=2_000.0)
    kept = make_recording(samples)
    with opened(browser, tmp_path, judge(kept)) as shown:
        chart = shown.page.locator(LATENCY).first
        chart.scroll_into_view_if_needed()
        box = chart.locator(".u-over").bounding_box()
        assert box is not None
        x = box["x"] + box["width"] * 15.0 / kept.elapsed_s
        y = box["y"] + box["height"] * (1 - 1 / 1.08)
        shown.page.mouse.click(x + 4, y + 5)
        assert shown.page.locator(CHOSEN).count() == 1
        assert "2,000 ms" in shown.page.locator(CHOSEN).inner_text()
        shown.page.mouse.move(x - 100, y)
        shown.page.mouse.down()
        shown.page.mouse.move(x + 100, y, steps=4)
        shown.page.mouse.up()
        assert shown.page.locator(CHOSEN).count() == 1


def test_requests_are_chosen_and_removed_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Enter adds the slowest request at the cursor, and the focus stays in the list after a removal."""
    with opened(browser, tmp_path, judge(mixed())) as shown:
        shown.page.locator(LATENCY).first.focus()
        shown.page.keyboard.press("Enter")  # without a cursor nothing is chosen
        assert shown.page.locator(CHOSEN).count() == 0
        for key in ("ArrowRight", "Enter", "End", "Enter", "Enter"):
            shown.page.keyboard.press(key)
        assert shown.page.locator(CHOSEN).count() == 2
        status = shown.page.locator(".choice[role=status]").first
        assert status.inner_text().startswith("Chosen: ask: ")
        newest = shown.page.locator(CHOSEN).first.locator(".who b").inner_text()
        assert newest in status.inner_text()
        status.get_by_role("link").focus()
        shown.page.keyboard.press("Enter")
        assert shown.value("location.hash") == "#run-chosen"
        for left in (1, 0):
            shown.page.locator(CHOSEN).first.get_by_role("button", name="Remove").focus()
            shown.page.keyboard.press("Enter")
            assert shown.page.locator(CHOSEN).count() == left
            assert shown.value("document.activeElement.matches('.remove, #run-slowest')")
        assert not shown.page.locator("#run-chosen").is_visible()
        assert shown.messages == []


def test_a_part_of_many_requests_can_be_chosen(browser: Browser, tmp_path: Path) -> None:
    """Without dots, a click chooses the slowest request of the slice."""
    kept = recording(requests=3_000)
    with opened(browser, tmp_path, judge(kept)) as shown:
        chart = shown.page.locator(LATENCY).first
        chart.scroll_into_view_if_needed()
        chart.click()
        assert shown.page.locator(CHOSEN).count() == 1
        text = shown.page.locator(CHOSEN).locator(".place").inner_text()
        at_s = float(text.split()[1])
        assert at_s == pytest.approx(kept.elapsed_s / 2, abs=2.0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_the_waterfall(browser: Browser, tmp_path: Path, scheme: str) -> None:
    """The rows with their numbers unfolded, and the chosen ones, are accessible."""
    with opened(browser, tmp_path, judge(mixed()), color_scheme=scheme) as shown:
        for number in (2, 40, 60):
            shown.page.evaluate(CHOOSE, number)
        shown.value(
            "document.querySelectorAll('#run-waterfall details').forEach(each => { each.open = true })"
        )
        picture(shown, f"waterfall-{scheme}")
        shown.page.evaluate(AXE)
        violations = shown.value("axe.run('#run-waterfall')")["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []


@pytest.mark.parametrize("name", ["greeting", HOSTILE, "n" * 300])
def test_long_and_hostile_names_fit_on_a_phone(browser: Browser, tmp_path: Path, name: str) -> None:
    """Names of messages and tiers are text, also in a chosen row, and cause no sideways scroll."""
    kept = mixed()
    samples = [row._replace(prompt=name, tier_times={name[:40]: 20.0 + row.vu}) for row in kept.samples]
    with opened(browser, tmp_path, judge(replace(kept, samples=Samples.of(samples))), PHONE) as shown:
        shown.page.evaluate(CHOOSE, 50)
        shown.value(
            "document.querySelectorAll('#run-waterfall details').forEach(each => { each.open = true })"
        )
        assert shown.value("document.documentElement.scrollWidth") <= PHONE[0]
        assert shown.page.title() != "owned"
        assert shown.value("document.images.length") == 0
        assert shown.messages == []


def test_the_waterfall_needs_no_script(browser: Browser, tmp_path: Path) -> None:
    """Without JavaScript the slowest requests are drawn, and their numbers unfold."""
    with opened(browser, tmp_path, judge(mixed()), java_script_enabled=False) as shown:
        row = shown.page.locator("#run-waterfall .requests > li").first
        box = row.locator("rect.tier").last.bounding_box()
        assert box is not None
        assert box["width"] > 0
        row.get_by_text("Numbers").click()
        assert "Tiers: " in row.inner_text()
        assert "In order: " in row.inner_text()
