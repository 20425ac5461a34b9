from datetime import timedelta

from bench.core.verdict.baseline import Baseline
from bench.core.verdict.levels import accept, start_level
from bench.render.baseline_levels import describe_levels, describe_run, draw_levels
from tests.factories import NOON, make_baseline, run_at, with_runs


def two_levels() -> Baseline:
    """Five usual runs, a new level that is 40 % slower, and an outlier in it."""
    baseline = make_baseline((1.0, 1.01, 0.99, 1.0, 1.0))
    later = NOON + timedelta(days=2)
    baseline = start_level(baseline, run_at(1.4, 30), reason="longer answers", by="Ada", at=later)
    for number, factor in enumerate((1.4, 2.9, 1.41), 31):
        baseline = accept(baseline, run_at(factor, number), reason="nightly", by="a workflow", at=later)
    (old, new) = baseline.levels
    outlier = new.runs[2].model_copy(update={"outlier": "response time is 107 % above its level"})
    new = new.model_copy(update={"runs": (*new.runs[:2], outlier, new.runs[3])})
    return baseline.model_copy(update={"levels": (old, new)})


def test_each_level_has_a_line_with_its_reason_and_its_value() -> None:
    """Dates, runs, value, person and reason; an outlier has a line that gives its reason."""
    first, second, outlier = describe_levels(two_levels())
    assert first.split() == ["level", "1", "2026-01-05", "5", "runs", "436", "ms", "Tess", "Ter:", "usual"]
    assert second.split()[3:] == ["4", "runs", "610", "ms", "Ada:", "longer", "answers"]
    assert outlier.endswith("response time is 107 % above its level")


def test_the_picture_shows_levels_as_steps() -> None:
    """One column for each run; the slower level is above the other one, and an outlier at the edge."""
    heading, *rows = draw_levels(two_levels())
    assert heading == "  response time by run (* a run, o an outlier, ─ a level)"
    assert rows == [
        "  610 ms        **o*",
        "",
        "",
        "",
        "",
        "",
        "  436 ms  *****",
    ]


def test_noise_looks_small() -> None:
    """Runs that differ by a few percent are near their level, whose value is the only label."""
    rows = draw_levels(make_baseline((1.0, 1.02, 0.98, 1.0, 1.0)))[1:]
    labelled = [row for row in rows if "ms" in row]
    assert len(labelled) == 1
    assert labelled[0].count("*") >= 3


def test_equal_runs_are_one_row() -> None:
    """A single value has no range."""
    assert len([row for row in draw_levels(make_baseline((1.0,)))[1:] if row]) == 1


def test_text_of_a_file_cannot_control_the_terminal() -> None:
    """A reason may come from another person's pull request."""
    baseline = make_baseline((1.0,))
    hostile = baseline.newest.runs[0].model_copy(update={"reason": "\x1b[2Jx\ny", "outlier": "\x1b[2Jx"})
    level = with_runs(baseline, [hostile]).newest.model_copy(update={"reason": "\x1b[2Jx\ny"})
    lines = [*describe_levels(baseline.model_copy(update={"levels": (level,)})), describe_run(hostile)]
    for line in lines:
        assert line.isprintable()
