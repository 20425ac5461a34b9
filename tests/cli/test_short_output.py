"""What a command prints fits a screen, unless `--verbose` is set."""

import io
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from bench.cli.app import main
from bench.cli.console import has_colours
from bench.errors import Exit
from bench.render.document.format import SCREEN_LINES
from bench.render.short.change_bar import DRAWN
from bench.store import baselines, results
from tests.command import Bench, short_scenario
from tests.factories import make_baseline, make_recording, run_at

LONGEST = 80


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _usual_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the variables that change the layout or the colours."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def store_slow_run() -> str:
    """Store a run that is 40 % slower than its baseline, and return its folder."""
    baselines.save(make_baseline())
    return str(results.save(run_at(1.4), make_recording(), Path("results")))


def count_lines(text: str) -> int:
    """Return the number of lines on a terminal of 80 columns."""
    return sum(max(1, -(-cell_len(line) // LONGEST)) for line in text.splitlines())


@pytest.mark.parametrize("command", ["compare", "report"])
def test_a_stored_run_fits_a_screen(bench: Bench, command: str) -> None:
    """The report has at most 25 lines; with --verbose it has all tables, as in a file."""
    home = store_slow_run()
    short = bench(command, home)
    assert short.out.startswith("FAIL ")
    assert count_lines(short.out + short.err) <= SCREEN_LINES
    complete = bench(command, home, "--verbose")
    assert count_lines(complete.out) > 2 * SCREEN_LINES
    assert complete.code == short.code
    bench(command, home, "--out", "text=report.txt")
    assert complete.out == Path("report.txt").read_text()


def test_the_names_of_written_files_count(bench: Bench) -> None:
    """A report with its files has at most 25 lines together."""
    home = store_slow_run()
    files = [word for number in range(6) for word in ("--out", f"json=out/{'x' * 90}{number}.json")]
    done = bench("compare", home, *files)
    assert count_lines(done.out + done.err) <= SCREEN_LINES
    assert done.err.count("written to") == 6


def test_a_check_fits_a_screen(bench: Bench) -> None:
    """The report and the folder below it have at most 25 lines; the page exists."""
    done = bench("check", str(short_scenario(Path.cwd())), "--no-calibration")
    assert done.code == Exit.INCONCLUSIVE
    (home,) = Path("results").iterdir()
    assert f"written to {home}" in done.err
    assert f"page      {home}/report.html" in done.out
    assert (home / "report.html").exists()
    assert count_lines(done.out) < SCREEN_LINES


def test_results_fit_a_screen(bench: Bench) -> None:
    """`bench run` prints at most 25 lines on stdout, and all facts with --verbose."""
    scenario = str(short_scenario(Path.cwd()))
    short = bench("run", scenario, "--no-calibration")
    assert count_lines(short.out) <= SCREEN_LINES
    assert "response time" in short.out
    assert Path(short.out.splitlines()[-1]).is_dir()


def test_a_suite_fits_a_screen(bench: Bench) -> None:
    """Several runs that are judged together fit, too."""
    home = store_slow_run()
    done = bench("ci", "merge", home)
    assert done.out.startswith("FAIL ")
    assert count_lines(done.out + done.err) <= SCREEN_LINES
    assert count_lines(bench("ci", "merge", home, "--verbose").out) > SCREEN_LINES


@pytest.mark.parametrize(
    ("variables", "is_terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
    ],
)
def test_colours_follow_the_environment(
    variables: dict[str, str], *, is_terminal: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terminals have colours; NO_COLOR and a dumb terminal have none; FORCE_COLOR adds them to a log."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_colours(_Terminal() if is_terminal else io.StringIO()) is expected


def test_forced_colours_reach_a_log(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With FORCE_COLOR the text has styles; data formats never have any."""
    home = store_slow_run()
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in bench("report", home).out
    assert "\x1b" not in bench("report", home, "--out", "json").out


def _report_in(encoding: str, home: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the report that the process writes to a stdout of this encoding."""
    monkeypatch.setattr(sys, "argv", ["bench", "report", home])
    with Path("output").open("w", encoding=encoding) as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit):
            main()
    return Path("output").read_bytes().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1"])
def test_drawings_have_plain_characters(bench: Bench, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each character of a drawing that an encoding lacks has a plain replacement of one column."""
    del bench  # only for its folder
    home = store_slow_run()
    text = _report_in(encoding, home, monkeypatch)
    original = _report_in("utf-8", home, monkeypatch)
    assert len(text) == len(original)
    for letter, drawn in zip(text, original, strict=True):
        if drawn in DRAWN:
            assert letter != "?"
    if encoding == "ascii":
        assert "o" in text
        assert "[" in text
        assert "]" in text
        assert "|" in text


@pytest.mark.parametrize("columns", ["20", "40", "60", "300"])
def test_any_width_works(bench: Bench, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow terminal loses drawings and columns, and never a line."""
    monkeypatch.setenv("COLUMNS", columns)
    done = bench("report", store_slow_run())
    assert done.code == Exit.PASS
    assert max(map(cell_len, done.out.splitlines())) <= int(columns)
    assert len(done.out.splitlines()) <= SCREEN_LINES
