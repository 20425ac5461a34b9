"""Badges: a result of a run or of a history as a small SVG picture for a README."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bench.core.report.capacity_words import describe_short_load
from bench.core.report.load_change import list_load_parts
from bench.core.report.newest_needs import name_verdict
from bench.core.report.report import Report, find_claim
from bench.core.report.site_entry import wait_of
from bench.core.report.trend_page import HistorySummary
from bench.core.report.words import PROVEN, SIGNS, Tone
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values import wording
from bench.core.values.escape import escape_html, visible_text
from bench.core.verdict.compare import Decision
from bench.render.html.name_mark import SIZE, draw_mark
from bench.render.html.tokens import light_tokens

_HEIGHT = 20
_FONT_SIZE = 11
_BASELINE = 14  # y of the text
_PADDING = 6
_MARK_WIDTH = SIZE + _PADDING
_LONGEST_LABEL = 32
_LONGEST_MESSAGE = 40
_DOUBT = ", too few requests"
# Widths of characters in ems, of DejaVu Sans and Verdana, the widest of the usual typefaces.
_NARROW = frozenset("ijl|'.,:;!I ")
_SLIM = frozenset('frt()[]-/\\"`J')
_WIDE = frozenset(f"mwMW%@+<>=→{wording.MINUS}")
_EM_NARROW = 0.34
_EM_SLIM = 0.42
_EM_USUAL = 0.62
_EM_CAPITAL = 0.7
_EM_WIDE = 0.88
_EM_EAST_ASIAN = 1.0


class BadgeValue(StrEnum):
    """What a badge shows."""

    VERDICT = "verdict"
    """The verdict, and the size of the change that decides it."""
    SAFE_LOAD = "safe-load"
    """The safe load of a capacity search."""
    P95 = "p95"
    """The 95th percentile of the response time."""


@dataclass(frozen=True, slots=True)
class Badge:
    """The contents of a badge."""

    label: str
    """The text at the left."""
    message: str
    """The text at the right, on a ground with the colour of the tone, behind the sign of the tone."""
    tone: Tone
    """The meaning of the message."""


def run_badge(report: Report, value: BadgeValue) -> Badge | None:
    """Return the badge of a run; None if the run does not have this value."""
    return _RUN_BADGES[value](report)


def history_badge(history: HistorySummary, value: BadgeValue) -> Badge | None:
    """Return the badge of a history: its verdict, or a value of its newest run; None without this value."""
    return _HISTORY_BADGES[value](history)


def draw_history_badges(history: HistorySummary) -> dict[str, str]:
    """Return each badge of a history as SVG, by the name of its file: `verdict.svg`, `p95.svg`."""
    drawings: dict[str, str] = {}
    for value in BadgeValue:
        badge = history_badge(history, value)
        if badge is not None:
            drawings[f"{value}.svg"] = render_badge(badge)
    return drawings


def render_badge(badge: Badge) -> str:
    """Return a badge as SVG of at most 2 kB. It loads nothing and has the same width with every typeface."""
    label = wording.shorten(visible_text(badge.label), _LONGEST_LABEL)
    message = wording.shorten(visible_text(badge.message), _LONGEST_MESSAGE)
    shown = message if badge.tone is Tone.QUIET else f"{SIGNS[badge.tone]} {message}"
    colours = light_tokens()
    label_width = text_width(label)
    message_width = text_width(shown)
    split = _MARK_WIDTH + label_width + 2 * _PADDING
    width = split + message_width + 2 * _PADDING
    light = colours["on-tone"]
    mark = draw_mark(light, colours["void"])
    ground, ink = _colour_message(badge.tone, colours)
    frame = _draw_frame(split, width, colours["void"]) if badge.tone is Tone.INVALID else ""
    family = escape_html(colours["sans"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" role="img">'
        f"<title>{escape_html(label)}: {escape_html(message)}</title>"
        f'<path fill="{colours["void"]}" d="M{split} 0v20H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z"/>'
        f'<path fill="{ground}" d="M{split} 0h{width - split - 4}a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4H{split}z"/>'
        f"{frame}"
        f'<g transform="translate({_PADDING} 2)">{mark}</g>'
        f'<g fill="{light}" font-family="{family}" font-size="{_FONT_SIZE}">'
        f"{_draw_text(label, _MARK_WIDTH + _PADDING, label_width)}"
        f"{_draw_text(shown, split + _PADDING, message_width, ink)}</g></svg>\n"
    )


def _colour_message(tone: Tone, colours: Mapping[str, str]) -> tuple[str, str]:
    """Return the colours of the ground and of the text of a message."""
    if tone is Tone.INVALID:
        return colours["raised"], colours["ink"]
    return colours["brand" if tone is Tone.QUIET else tone], colours["on-tone"]


def _draw_frame(split: int, width: int, colour: str) -> str:
    """Return the dashed frame of an invalid run, inside the message's ground."""
    return (
        f'<rect x="{split + 0.5}" y="0.5" width="{width - split - 1}" height="{_HEIGHT - 1}" rx="3.5" '
        f'fill="none" stroke="{colour}" stroke-width="1" stroke-dasharray="3 2"/>'
    )


def text_width(text: str) -> int:
    """Return the width of a text in a badge, in pixels, without a font file."""
    return round(sum(map(_em, text)) * _FONT_SIZE)


def _draw_text(text: str, x: int, width: int, colour: str = "") -> str:
    """Return a text that fills its width: a reader's typeface is wider or narrower than the estimate."""
    place = f'x="{x}" y="{_BASELINE}" textLength="{width}" lengthAdjust="spacingAndGlyphs"'
    if colour:
        place += f' fill="{colour}"'
    return f"<text {place}>{escape_html(text)}</text>"


def _em(character: str) -> float:
    if character in _NARROW:
        return _EM_NARROW
    if character in _SLIM:
        return _EM_SLIM
    if character in _WIDE:
        return _EM_WIDE
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return _EM_EAST_ASIAN
    return _EM_CAPITAL if character.isupper() else _EM_USUAL


def _verdict_of_run(report: Report) -> Badge:
    message = report.word.text
    claim = find_claim(report)
    row = claim.rows[0] if claim is not None and claim.rows else None
    if row is not None and row.change_ratio is not None and row.verdict in PROVEN:
        message += f"{_before_size(message)}{wording.change(row.change_ratio)}"
    return Badge(report.result.scenario.name, message, report.word.tone)


def _before_size(message: str) -> str:
    return " " if "," in message else ", "


def _safe_load_of_run(report: Report) -> Badge | None:
    capacity = report.result.capacity
    if capacity is None:
        return None
    label = f"{report.result.scenario.name} safe load"
    if capacity.safe_load is None:
        return Badge(label, "none", Tone.BAD)
    return Badge(label, describe_short_load(capacity), _tone(report.decision, report.word.tone))


def _p95_of_run(report: Report) -> Badge | None:
    latency = report.result.summary.metrics.get(RESPONSE_TIME)
    if report.result.capacity is not None or latency is None or latency.p95 is None:
        return None
    text = wording.duration(latency.p95, lower_bound="p95" in latency.lower_bounds)
    tone = _tone(report.decision, report.word.tone)
    if "p95" in latency.unreliable:
        text += _DOUBT
        tone = Tone.INVALID if tone is Tone.INVALID else Tone.UNSURE
    return Badge(f"{report.result.scenario.name} p95", text, tone)


def _verdict_of_history(history: HistorySummary) -> Badge:
    trend = history.trend
    word = name_verdict(history)
    message = word.text
    if trend.unresolved and trend.unresolved[0].change_ratio is not None:
        message += f"{_before_size(message)}{wording.change(trend.unresolved[0].change_ratio)}"
    return Badge(trend.scenario, message, word.tone)


def _safe_load_of_history(history: HistorySummary) -> Badge | None:
    safe = history.newest.safe_load
    if safe is None:
        return None
    load, *interval = list_load_parts(safe)
    text = f"{load} ({interval[0]})" if interval else load
    return Badge(f"{history.trend.scenario} safe load", text, _tone_of_history(history))


def _p95_of_history(history: HistorySummary) -> Badge | None:
    latencies = wait_of(history.newest)
    if history.newest.safe_load is not None or latencies.p95 is None:
        return None
    return Badge(f"{history.trend.scenario} p95", latencies.text("p95"), _tone_of_history(history))


def _tone_of_history(history: HistorySummary) -> Tone:
    return _tone(history.trend.decision, name_verdict(history).tone)


def _tone(decision: Decision, judged: Tone) -> Tone:
    """Return the tone of a value: that of the judgement, or quiet if there is no answer."""
    return Tone.QUIET if decision is Decision.INCONCLUSIVE else judged


_RUN_BADGES: dict[BadgeValue, Callable[[Report], Badge | None]] = {
    BadgeValue.VERDICT: _verdict_of_run,
    BadgeValue.SAFE_LOAD: _safe_load_of_run,
    BadgeValue.P95: _p95_of_run,
}
_HISTORY_BADGES: dict[BadgeValue, Callable[[HistorySummary], Badge | None]] = {
    BadgeValue.VERDICT: _verdict_of_history,
    BadgeValue.SAFE_LOAD: _safe_load_of_history,
    BadgeValue.P95: _p95_of_history,
}
