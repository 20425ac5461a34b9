import io
import sys
from collections.abc import Sequence

import pytest

from bench.cli.live import listen
from bench.core.load.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """A terminal as stderr, outside of GitHub Actions."""
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


def _break_off(error: BaseException) -> None:
    with listen("quick", live=True) as listener:
        listener.progress(Progress(elapsed_s=1.0, planned_s=30.0, finished=2, failed=0))
        listener.warning("odd")
        listener.progress(Progress(elapsed_s=2.0, planned_s=30.0, finished=4, failed=0))
        raise error


def test_progress_rewrites_its_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there is one line that changes, and the cursor goes on at the end."""
    screen = _terminal(monkeypatch)
    _watch(live=False)
    assert screen.getvalue().count("\r") == 22
    assert screen.getvalue().endswith("\n")


def test_nothing_is_drawn_before_there_is_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that never began leaves no empty line."""
    screen = _terminal(monkeypatch)
    with pytest.raises(ValueError, match="no stack"), listen("quick", live=False):
        raise ValueError("no stack")
    assert screen.getvalue() == ""


@pytest.mark.parametrize("live", [True, False])
def test_progress_is_a_line_now_and_then_elsewhere(
    *, live: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a log there is a line every five seconds and no control character, live or not."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    _watch(live=live)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 3
    assert "\r" not in said


@pytest.mark.parametrize("term", ["dumb", None])
def test_a_terminal_without_a_cursor_gets_the_line(term: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be drawn in place, live is the line that there is without it."""
    screen = _terminal(monkeypatch)
    if term is None:
        monkeypatch.delenv("TERM")
    else:
        monkeypatch.setenv("TERM", term)
    _watch(live=True)
    assert "response time" not in screen.getvalue()


def test_on_github_the_lines_can_be_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a job's log live is lines in a group of their own, which ends before what went wrong is said."""
    screen = _terminal(monkeypatch)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with pytest.raises(ValueError, match="it died"):
        _break_off(ValueError("it died"))
    first, line, *_, last = screen.getvalue().splitlines()
    assert (first, last) == ("::group::measuring quick", "::endgroup::")
    assert "2 requests" in line


def test_a_live_terminal_is_as_before_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is drawn in place, what is said stands above it, and the cursor is back after Ctrl-C."""
    screen = _terminal(monkeypatch)
    before = sys.stderr
    with pytest.raises(KeyboardInterrupt):
        _break_off(KeyboardInterrupt())
    drawn = screen.getvalue()
    assert drawn.index("\x1b[?25l") < drawn.index("warning: odd") < drawn.rindex("\x1b[?25h")
    assert "28 s left" in drawn
    assert sys.stderr is before
