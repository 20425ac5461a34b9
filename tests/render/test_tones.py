"""Every verdict has its own look on every surface."""

import re

import pytest

from bench.core.report.words import DECISIONS, ICONS, NOT_MEASURED, SIGNS, Tone, sign_unanswered
from bench.core.verdict.compare import Decision
from bench.render.badge import Badge, render_badge
from bench.render.html.assets import read_style
from bench.render.terminal import STYLES, style_decision
from tests.render.reports import reports
from tests.render.run_pages import page_of

NO_ANSWER = (Decision.INCONCLUSIVE, Decision.INVALID)


@pytest.mark.parametrize("looks", [ICONS, SIGNS, STYLES])
def test_tones_look_different(looks: dict[Tone, str]) -> None:
    """No format draws two tones alike, so an invalid run never looks like a failed one."""
    assert looks.keys() == {*Tone}
    assert len({*looks.values()}) == len(Tone)


def test_badges_of_tones_look_different() -> None:
    """Two badges with the same words differ for each pair of tones."""
    drawn = {render_badge(Badge("quick", "result", tone)) for tone in Tone}
    assert len(drawn) == len(Tone)


def test_each_tone_has_a_style_on_pages() -> None:
    """The pages and the site share the sheet that defines them."""
    assert {*re.findall(r"^\.tone-([a-z]+) ", read_style("base"), re.MULTILINE)} == {*Tone}


def test_each_decision_has_its_own_tone() -> None:
    """A scenario that was not measured looks like an invalid run."""
    tones = [word.tone for word in DECISIONS.values()]
    assert len({*tones}) == len(DECISIONS)
    assert NOT_MEASURED.tone is DECISIONS[Decision.INVALID].tone


def test_only_a_decision_without_an_answer_has_its_sign_in_text() -> None:
    """A reader of plain text sees `!` and `?` before them."""
    for decision, word in DECISIONS.items():
        sign = f"{SIGNS[word.tone]} " if decision in NO_ANSWER else ""
        assert sign_unanswered(word) == sign
        assert style_decision(word).plain == f"{sign}{word.text.upper()}"


@pytest.mark.parametrize("name", reports())
def test_the_marks_of_a_page_have_the_tone_of_its_report(name: str) -> None:
    """The mark in the bar and the article have the tone of the verdict, and the sign of the tone."""
    word = reports()[name].word
    page = page_of(name)
    (article,) = page.find_all("article")
    assert article.attributes["class"] == f"tone-{word.tone}"
    marks = [element.text for element in page.find_all("a", class_="pill")]
    assert all(mark.startswith(f"{SIGNS[word.tone]} {word.text.upper()}") for mark in marks)
    assert marks
