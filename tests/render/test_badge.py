import xml.etree.ElementTree as ET

import pytest

from bench.core.report.capacity_words import describe_range
from bench.core.report.report import Report
from bench.core.report.trend_page import trend_page
from bench.core.report.words import SIGNS, Tone
from bench.render.badge import (
    Badge,
    BadgeValue,
    draw_history_badges,
    history_badge,
    render_badge,
    run_badge,
    text_width,
)
from tests.render.capacities import capacities, drawn_with
from tests.render.colours import contrast, tokens
from tests.render.histories import history, vitals, worse
from tests.render.reports import HOSTILE, reports

SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 2_000
"""Bytes of a badge."""


def parsed(badge: Badge) -> ET.Element:
    """Return the drawing of a badge."""
    return ET.fromstring(render_badge(badge))  # noqa: S314 - our own drawing


def texts(badge: Badge) -> list[str]:
    """Return the title of a badge, its label and its message."""
    root = parsed(badge)
    return [element.text or "" for element in root.iter() if element.tag in {f"{SVG}title", f"{SVG}text"}]


@pytest.mark.parametrize("name", reports())
def test_the_verdict_of_a_run_is_that_of_its_report(name: str) -> None:
    """The badge has the scenario, and the word and the tone of the report."""
    report = reports()[name]
    badge = run_badge(report, BadgeValue.VERDICT)
    assert badge is not None
    assert badge.label == report.result.scenario.name
    assert badge.message.startswith(report.word.text)
    assert badge.tone is report.word.tone


def test_a_regression_shows_its_size() -> None:
    """A badge shows a change that is proven, and no size without one."""
    assert _verdict(reports()["regression"]).message.startswith("fail, +")
    assert _verdict(reports()["pass"]).message == "pass"
    assert _verdict(reports()["too-noisy"]).message == "cannot tell"


def _verdict(report: Report) -> Badge:
    badge = run_badge(report, BadgeValue.VERDICT)
    assert badge is not None
    return badge


@pytest.mark.parametrize("name", capacities())
def test_the_safe_load_is_that_of_the_search(name: str) -> None:
    """A search shows its safe load or `none`, and has no p95, because it tries several loads."""
    report, _ = drawn_with(capacities()[name])
    badge = run_badge(report, BadgeValue.SAFE_LOAD)
    safe = capacities()[name].safe_load
    assert badge is not None
    assert (badge.message == "none") == (safe is None)
    if safe is not None:
        assert badge.message.startswith("≥ ") == (safe.high is None)
        assert (describe_range(safe) in badge.message) == (safe.high is not None and safe.low < safe.high)
    assert run_badge(report, BadgeValue.P95) is None


def test_a_run_without_a_search_has_no_safe_load() -> None:
    """It has the p95 of its response time."""
    report = reports()["pass"]
    assert run_badge(report, BadgeValue.SAFE_LOAD) is None
    p95 = run_badge(report, BadgeValue.P95)
    assert p95 is not None
    assert p95.label == f"{report.result.scenario.name} p95"


@pytest.mark.parametrize("name", ["pass", "regression", "too-noisy"])
def test_a_value_of_too_few_requests_has_no_tone_of_a_judgement(name: str) -> None:
    """A badge never shows a doubtful value as good or bad: its sign is that of `cannot tell`."""
    report = reports()[name]
    for unreliable in ((), ("p95",)):
        badge = run_badge(_with_unreliable(report, unreliable), BadgeValue.P95)
        assert badge is not None
        assert badge.message.endswith(", too few requests") == bool(unreliable)
        if unreliable:
            assert badge.tone is Tone.UNSURE


def _with_unreliable(report: Report, unreliable: tuple[str, ...]) -> Report:
    """Return a report whose response time has these unreliable statistics."""
    result = report.result
    latency = result.summary.metrics["e2e_ms"].model_copy(update={"unreliable": unreliable})
    metrics = {**result.summary.metrics, "e2e_ms": latency}
    summary = result.summary.model_copy(update={"metrics": metrics})
    return report.model_copy(update={"result": result.model_copy(update={"summary": summary})})


def test_a_history_shows_its_judgement_and_its_newest_run() -> None:
    """A regression shows its size; the p95 is that of the newest run."""
    page = worse()
    verdict = history_badge(page.summary, BadgeValue.VERDICT)
    assert verdict is not None
    assert verdict.message.startswith("fail, +")
    assert verdict.tone is Tone.BAD
    p95 = history_badge(page.summary, BadgeValue.P95)
    assert p95 is not None
    assert page.newest.vitals is not None
    assert p95.message == page.newest.vitals.latencies["e2e_ms"].text("p95")
    assert draw_history_badges(page.summary) == {
        "verdict.svg": render_badge(verdict),
        "p95.svg": render_badge(p95),
    }


def test_a_short_history_judges_nothing() -> None:
    """Its verdict is `cannot tell`, and its values have no tone of a judgement."""
    summary = trend_page(history([1.0] * 3, vitals=vitals())).summary
    verdict = history_badge(summary, BadgeValue.VERDICT)
    p95 = history_badge(summary, BadgeValue.P95)
    assert verdict is not None
    assert p95 is not None
    assert (verdict.message, verdict.tone) == ("cannot tell", Tone.UNSURE)
    assert p95.tone is Tone.QUIET


@pytest.mark.parametrize("tone", Tone)
def test_a_badge_can_be_read(tone: Tone) -> None:
    """Both texts have a contrast of at least 4.5 with their grounds, and screen readers get a title."""
    root = parsed(Badge("quick", "pass", tone))
    label, message = (path.attrib["fill"] for path in root.findall(f"{SVG}path"))
    (text,) = [group.attrib["fill"] for group in root.findall(f"{SVG}g") if "font-size" in group.attrib]
    written = [*root.iter(f"{SVG}text")][-1].attrib.get("fill", text)
    assert min(contrast(text, label), contrast(written, message)) >= 4.5
    assert {label, message, text, written} <= set(tokens("light").values())
    assert label != message
    assert root.attrib["role"] == "img"
    sign = "" if tone is Tone.QUIET else f"{SIGNS[tone]} "
    assert texts(Badge("quick", "pass", tone)) == ["quick: pass", "quick", f"{sign}pass"]


def test_an_invalid_run_has_a_frame_instead_of_a_colour() -> None:
    """No other tone has the dashed frame, and no ground of another tone is that of an invalid run."""
    grounds = {}
    framed = set()
    for tone in Tone:
        root = parsed(Badge("quick", "result", tone))
        grounds[tone] = root.findall(f"{SVG}path")[1].attrib["fill"]
        if root.find(f"{SVG}rect") is not None:
            framed.add(tone)
    assert framed == {Tone.INVALID}
    assert [*grounds.values()].count(grounds[Tone.INVALID]) == 1


@pytest.mark.parametrize("text", [HOSTILE, "&" * 500, '"' * 500, "日" * 500, "<svg onload=alert(1)>", ""])
def test_text_from_outside_stays_text_and_small(text: str) -> None:
    """A badge has at most 2 kB and no element, address or attribute from its texts."""
    badge = Badge(text, text, Tone.BAD)
    assert len(render_badge(badge).encode()) <= LARGEST
    root = parsed(badge)
    assert {element.tag for element in root.iter()} == {f"{SVG}{tag}" for tag in SHAPES}
    for element in root.iter():
        assert not any(name.startswith("on") or "href" in name for name in element.attrib)


SHAPES = ("svg", "title", "path", "g", "circle", "text")


def test_the_parts_of_a_badge_do_not_overlap() -> None:
    """The label ends before the message begins, and the message ends in the badge."""
    root = parsed(Badge("capacity safe load", "43 users", Tone.GOOD))
    label, message = root.iter(f"{SVG}text")
    ends = [float(each.attrib["x"]) + float(each.attrib["textLength"]) for each in (label, message)]
    assert ends[0] < float(message.attrib["x"])
    assert ends[1] < float(root.attrib["width"])


def test_a_longer_text_is_wider() -> None:
    """Each character adds to the width, and wide ones add more."""
    assert text_width("") == 0
    assert text_width("pass") < text_width("passed") < text_width("passed by all")
    assert text_width("lll") < text_width("nnn") < text_width("mmm") < text_width("日日日")
