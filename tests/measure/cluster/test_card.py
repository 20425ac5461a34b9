from pathlib import Path
from typing import Any, cast

import pytest

from bench.measure.cluster.cluster import find_mismatch
from bench.measure.cluster.versions import MachineCard, digest_code, read_card

OWN = MachineCard(bench="0.2.0", code="ab12", python="3.12.4", host="desk", network="n", run="")


def _worker(**changes: str) -> MachineCard:
    """The card of a worker that differs from this machine."""
    return cast("MachineCard", {**OWN, "host": "lab", **changes})


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (_worker(python="3.11.9"), "worker 'w' on lab has Python 3.11.9, this machine has 3.12.4"),
        (
            _worker(bench="0.1.0"),
            "worker 'w' on lab has bench 0.1.0 (code ab12), this machine has 0.2.0 (code ab12)",
        ),
        (
            _worker(code="cd34"),
            "worker 'w' on lab has bench 0.2.0 (code cd34), this machine has 0.2.0 (code ab12)",
        ),
        (_worker(run="process 7 on desk"), "worker 'w' generates load for another run: process 7 on desk"),
        (Exception("ModuleNotFoundError(\"No module named 'bench'\")"), "worker 'w' lacks bench"),
        (OSError("closed"), "worker 'w' did not answer: closed"),
        (None, "worker 'w' did not answer"),
    ],
)
def test_a_worker_that_cannot_generate_load_has_a_reason(card: Any, message: str) -> None:
    """The sentence names the worker, and both versions if they differ; the hint is the cure."""
    error = find_mismatch("w", card, OWN)
    assert error is not None
    assert error.message.startswith(message)
    assert error.hint


def test_a_worker_with_the_same_versions_fits() -> None:
    """Its host and the last part of the version of Python may differ."""
    assert find_mismatch("w", _worker(python="3.12.1", network="m"), OWN) is None
    assert find_mismatch("w", read_card(), read_card()) is None


def test_the_digest_changes_with_each_file(tmp_path: Path) -> None:
    """It depends on names and contents of Python files only."""
    (tmp_path / "a.py").write_text("1")
    first = digest_code(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    assert digest_code(tmp_path) == first
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    second = digest_code(tmp_path)
    (tmp_path / "b.py").write_text("2")
    assert len({first, second, digest_code(tmp_path)}) == 3
