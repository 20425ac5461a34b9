import os
import sys
from pathlib import Path

import pytest

from bench.cli.app import main
from bench.measure.load import spawn
from tests.command import Bench, Done


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Run a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)
    # A command that is refused would leave it to this process, and each takes half a second of a core.
    monkeypatch.setattr(spawn, "start_early", lambda: None)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return Done(int(caught.value.code or 0), captured.out, captured.err)

    return run
