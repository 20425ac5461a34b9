"""What Ctrl-C left behind, and the next step."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.core.run.run_start import RUNS
from bench.errors import StoreError
from bench.owners.process import Owner
from bench.store import sample_files


@contextmanager
def explain_interrupt(folder: Path) -> Iterator[None]:
    """Give an interruption in the block a message, if it has none: the runs that it left unfinished.

    Args:
        folder: Folder of the stored runs.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if interrupt.args:
            raise
        raise KeyboardInterrupt(_describe_unfinished(folder)) from interrupt


def describe_stored(what: str, home: Path, command: str = "report", problem: StoreError | None = None) -> str:
    """Return the message of an interruption after which a folder has a run.

    Args:
        what: What is in the folder.
        home: The folder.
        command: The command that shows it.
        problem: The error if the run could not be stored in its folder.
    """
    if problem is not None:
        command = "recover" if (home / sample_files.RUN).is_file() else command
        return f"interrupted; {problem.message}\nnext: bench {command} {home}"
    return f"interrupted; {what} in {home}\nnext: bench {command} {home}"


def _describe_unfinished(folder: Path) -> str:
    """Return what the interruption left: a run of this process that has requests, or nothing."""
    own = str(Owner.current())
    for pattern in (f"*/{sample_files.RUN}", f"*/{RUNS}/*/{sample_files.RUN}"):
        for file in sorted(folder.glob(pattern), reverse=True):
            with suppress(StoreError):
                if sample_files.read_start(file.parent).owner == own:
                    home = file.parent
                    return describe_stored("the requests so far are", home, "recover")
    return "interrupted before the first request; nothing is stored\nnext: run the same command again"
