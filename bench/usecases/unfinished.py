"""Find runs whose process was killed before it finished them."""

from contextlib import suppress
from pathlib import Path

from bench.core.run.run_start import RUNS, RunStart
from bench.core.values import wording
from bench.errors import StoreError
from bench.measure.run.conditions import Listener
from bench.owners.process import Owner
from bench.store import sample_files


def list_unfinished(folder: Path) -> list[Path]:
    """Return the folders of the runs whose process ended before it finished them, the oldest first."""
    unfinished: list[Path] = []
    for pattern in (f"*/{sample_files.RUN}", f"*/{RUNS}/*/{sample_files.RUN}"):
        for path in folder.glob(pattern):
            with suppress(StoreError):
                if _is_dead(sample_files.read_start(path.parent)):
                    unfinished.append(path.parent)
    return sorted(unfinished)


def mention_unfinished(folder: Path, listener: Listener) -> None:
    """Tell people about unfinished runs, each of them once."""
    new: list[Path] = []
    for home in list_unfinished(folder):
        start = sample_files.read_start(home)
        if not start.is_mentioned:
            new.append(home)
            with suppress(StoreError):
                sample_files.write_start(home, start.model_copy(update={"is_mentioned": True}))
    if new:
        runs = wording.counted(len(new), "run")
        listener.note(f"{runs} ended without a result, the newest in {new[-1]}; bench recover finishes it")


def _is_dead(start: RunStart) -> bool:
    owner = Owner.parse(start.owner)
    return owner is None or owner.is_dead
