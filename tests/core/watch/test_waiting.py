import pytest

from bench.core.watch.waiting import WaitNotes


def test_a_short_wait_has_no_line() -> None:
    """A service that starts within a second needs none."""
    notes = WaitNotes("backend")
    assert notes.line(0.0, "connection refused") is None
    assert notes.line(0.9, "connection refused") is None


def test_each_new_reason_has_a_line() -> None:
    """The same reason is repeated every ten seconds."""
    notes = WaitNotes("backend")
    assert notes.line(1.0, "connection refused") == "waiting for backend: connection refused (1 s)"
    assert notes.line(1.5, "connection refused") is None
    assert notes.line(2.0, "404") == "waiting for backend: 404 (2 s)"
    assert notes.line(11.9, "404") is None
    assert notes.line(12.0, "404") == "waiting for backend: 404 (12 s)"


@pytest.mark.parametrize("reason", ["two\nlines", "a \x1b[31mcolour"])
def test_a_line_has_no_control_characters(reason: str) -> None:
    """The words come from a service."""
    line = WaitNotes("backend").line(5.0, reason) or ""
    assert line.isprintable()
