"""The panel of the tiers on a page."""

import pytest

from bench.core.report.report import Report, make_report
from bench.core.samples.metrics import UNATTRIBUTED, tier_key
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import make_document
from bench.render.html.parts import draw_intervals
from bench.render.html.run.tiers import TierPanel, make_tiers
from tests.core.report.compared_rows import compared, comparison, tier
from tests.factories import make_recording, make_run, make_sample, run_at
from tests.render.parsed_page import Element
from tests.render.reports import HOSTILE, reports
from tests.render.run_pages import page_of

REPORTS = reports()


def panel_of(report: Report) -> TierPanel:
    """Return the panel of a report that has one."""
    panel = make_tiers(report, tuple(map(draw_intervals, make_document(report).judged)))
    assert panel is not None
    return panel


def with_rows(*rows: object) -> TierPanel:
    """Return the panel of a comparison with these tiers."""
    return panel_of(make_report(run_at(), comparison(Decision.FAIL, *rows)))  # type: ignore[arg-type]


def test_both_sides_have_one_axis_and_the_difference_begins_at_the_end_of_the_baseline() -> None:
    """The axis ends at its first label behind the baseline with all growth, which is right of its end."""
    panel = with_rows(tier("decode", Verdict.WORSE, 60.0), tier("queue", Verdict.BETTER, -20.0))
    base, head = panel.bars
    assert (base.label, head.label) == ("baseline", "this run")
    assert base.end == pytest.approx(100.0 * 200 / 300, abs=0.1)
    assert head.end == pytest.approx(100.0 * 240 / 300, abs=0.1)
    assert panel.difference is not None
    growth, gain = panel.difference.parts
    assert panel.difference.zero == base.end == growth.start
    assert growth.start + growth.width == pytest.approx(100.0 * 260 / 300, abs=0.1)
    assert panel.ticks[-1].at == 100.0
    assert gain.start + gain.width == pytest.approx(base.end, abs=0.1)
    assert [label.text for label in panel.difference.labels] == ["decode +60 ms", "queue −20 ms"]  # noqa: RUF001


def test_a_tier_keeps_its_colour_in_both_bars_the_difference_and_the_tables() -> None:
    """The colour identifies the tier, not its place."""
    panel = panel_of(REPORTS["missing"])
    assert panel.difference is not None
    for parts in (*[bar.parts for bar in panel.bars], panel.difference.parts):
        for part in parts:
            name = part.text.partition(" ")[0]
            assert part.colour == panel.colours[name]
    for row in panel.rows.rows:
        assert row.colour == panel.colours[row.name]


def test_only_changes_that_matter_are_highlighted() -> None:
    """A proven change of a hundredth of all changes is pale, and so is a tier without a change."""
    panel = with_rows(
        tier("decode", Verdict.WORSE, 100.0),
        tier("auth", Verdict.WORSE, 1.0),
        tier("queue", Verdict.UNCHANGED, 30.0),
    )
    for bar in panel.bars:
        assert {part.text.partition(" ")[0]: part.is_pale for part in bar.parts} == {
            "decode": False,
            "auth": True,
            "queue": True,
        }
    assert panel.difference is not None
    assert [label.tone for label in panel.difference.labels] == ["bad"]
    assert [row.name for row in panel.rows.rows] == ["decode", "queue", "auth"]


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (Verdict.UNCHANGED, "no tier changed"),
        (Verdict.INCONCLUSIVE, "no change is proven"),
        (Verdict.MISSING, "a tier is missing"),
    ],
)
def test_a_difference_without_a_highlight_has_a_sentence(verdict: Verdict, text: str) -> None:
    """Then all parts of the bars have their full colour, and the row of the difference explains itself."""
    panel = with_rows(tier("decode", verdict, 0.2))
    assert panel.difference is not None
    assert (panel.difference.labels, panel.difference.text) == ((), text)
    assert not any(part.is_pale for bar in panel.bars for part in bar.parts)


def test_without_a_baseline_there_is_one_bar_with_shares() -> None:
    """A run that is compared with nothing shows where its time goes, the longest time first."""
    panel = panel_of(REPORTS["no-baseline"])
    assert [bar.label for bar in panel.bars] == ["this run"]
    assert (panel.difference, panel.complete) == (None, None)
    assert panel.rows.columns == ("tier", "typical", "share")
    assert panel.rows.rows[0].name == "decode"
    assert len(panel.rows.rows) == len(panel.colours)


def test_without_tiers_there_is_no_panel() -> None:
    """A stack that reports no times of tiers has none; a run without answers shows the baseline only."""
    without_tiers = make_run(make_recording([make_sample(0, tier_times={})]))
    assert make_tiers(make_report(without_tiers, compare(without_tiers, None)), ()) is None
    assert [bar.label for bar in panel_of(REPORTS["all-failed"]).bars] == ["baseline"]


def test_twenty_tiers_and_hostile_names_fit() -> None:
    """Parts stay inside the drawing, the compact table is short, and labels leave no drawing."""
    rows = [tier(f"tier-{number}", Verdict.WORSE, 40.0 + number) for number in range(19)]
    panel = with_rows(*rows, compared(tier_key(HOSTILE * 3), Verdict.WORSE, 90.0, 0.5))
    assert len(panel.rows.rows) == 8
    assert panel.difference is not None
    assert 1 <= len(panel.difference.labels) <= 5
    assert 0.0 <= panel.difference.at <= 100.0
    for bar in panel.bars:
        for part in bar.parts:
            assert 0.0 <= part.start <= part.start + part.width <= 100.1


def drawings(page: Element) -> dict[str, Element]:
    """Return the drawings of the panel by the side that they show."""
    found = page.find("figure", id="run-tiers").find_all("svg", role="img")
    return {svg.attributes["aria-label"].partition(":")[0]: svg for svg in found}


def test_the_page_draws_the_panel() -> None:
    """Each part is a rectangle with its text, and the drawing has the same contents as text."""
    panel = panel_of(REPORTS["regression"])
    svgs = drawings(page_of("regression"))
    assert [*svgs] == ["baseline", "this run", "difference"]
    for bar in panel.bars:
        rects = svgs[bar.label].find_all("rect")
        assert [rect.text for rect in rects] == [part.text for part in bar.parts]
        assert [rect.attributes["width"] for rect in rects] == [f"{part.width}%" for part in bar.parts]
        assert svgs[bar.label].attributes["aria-label"].endswith(bar.parts[-1].text)
    assert panel.difference is not None
    assert svgs["difference"].find("text").text.startswith(panel.difference.labels[0].text)


def test_the_page_says_that_typical_times_do_not_add_up() -> None:
    """The reader must not add the bars to the response time."""
    assert "do not add up" in page_of("pass").find("figure", id="run-tiers").find("figcaption").text


def test_unattributed_time_is_named() -> None:
    """Time that no tier reports is part of both bars."""
    names = [part.text.partition(" ")[0] for part in panel_of(REPORTS["regression"]).bars[0].parts]
    assert names[-1] == UNATTRIBUTED
