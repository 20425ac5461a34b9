import io
import sys
from collections.abc import Sequence

import pytest

from bench.cli.console import count_said_lines, say
from bench.cli.live import listen
from bench.core.load.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _make_terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """Replace stderr by a terminal, outside of GitHub Actions."""
    made = _Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return made


def _progress(seconds: Sequence[float]) -> list[Progress]:
    return [Progress(elapsed_s=at, planned_s=30.0, finished=int(at), failed=0) for at in seconds]


def _watch(*, live: bool) -> None:
    with listen("quick", live=live) as listener:
        for progress in _progress([second / 2 for second in range(22)]):
            listener.progress(progress)


def _fail_during_a_run(error: BaseException) -> None:
    with listen("quick", live=True) as listener:
        listener.progress(Progress(elapsed_s=1.0, planned_s=30.0, finished=2, failed=0))
        listener.warning("odd")
        listener.progress(Progress(elapsed_s=2.0, planned_s=30.0, finished=4, failed=0))
        raise error


def test_progress_rewrites_its_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows one line that changes; at the end it is cleared, for the report."""
    screen = _make_terminal(monkeypatch)
    _watch(live=False)
    assert screen.getvalue().count("\r") == 22 + 2
    assert screen.getvalue().endswith("\r\x1b[K\r")
    assert "\n" not in screen.getvalue()


def test_a_dumb_terminal_gets_no_control_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks clear the rest of the line there, and no line is wider than the terminal."""
    screen = _make_terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "60")
    _watch(live=False)
    assert "\x1b" not in screen.getvalue()
    assert {len(line) for line in screen.getvalue().split("\r")} == {0, 59}


def test_messages_on_a_terminal_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report leaves space for the messages above it, with the lines that wrap; a log has no screen."""
    _make_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    before = count_said_lines()
    say("x" * 81)
    say("one\ntwo")
    assert count_said_lines() - before == 4
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    say("three")
    assert count_said_lines() - before == 4


def test_an_early_error_leaves_no_empty_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that did not start draws no line."""
    screen = _make_terminal(monkeypatch)
    with pytest.raises(ValueError, match="no stack"), listen("quick", live=False):
        raise ValueError("no stack")
    assert screen.getvalue() == ""


@pytest.mark.parametrize("live", [True, False])
def test_a_log_has_a_line_every_five_seconds(
    *, live: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log has no control characters, with and without --live."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    _watch(live=live)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 3
    assert "\r" not in said


@pytest.mark.parametrize("term", ["dumb", None])
def test_a_dumb_terminal_gets_one_line(term: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """--live cannot draw in place there."""
    screen = _make_terminal(monkeypatch)
    if term is None:
        monkeypatch.delenv("TERM")
    else:
        monkeypatch.setenv("TERM", term)
    _watch(live=True)
    assert "response time" not in screen.getvalue()


def test_a_log_of_github_actions_has_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --live the lines are in a group, which ends before an error is printed."""
    screen = _make_terminal(monkeypatch)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with pytest.raises(ValueError, match="it died"):
        _fail_during_a_run(ValueError("it died"))
    first, line, *_, last = screen.getvalue().splitlines()
    assert (first, last) == ("::group::measuring quick", "::endgroup::")
    assert "2 requests" in line


def test_a_live_terminal_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is drawn in place, warnings appear above it, and Ctrl-C restores the cursor."""
    screen = _make_terminal(monkeypatch)
    before = sys.stderr
    with pytest.raises(KeyboardInterrupt):
        _fail_during_a_run(KeyboardInterrupt())
    drawn = screen.getvalue()
    assert drawn.index("\x1b[?25l") < drawn.index("warning: odd") < drawn.rindex("\x1b[?25h")
    assert "28 s left" in drawn
    assert sys.stderr is before
