"""The runs and failures that a job adds to the folder of results."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.store import failures, results
from bench.store.pairs import load_pairing
from bench.usecases.failed_run import explain_error


class JobRuns:
    """The runs and failures of a job. Older runs in the folder do not count.

    Args:
        folder: Folder of the stored runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._older = frozenset(self._list_all())

    def list_new(self) -> list[Path]:
        """Return the folders of the runs that the job stored."""
        return [home for home in self._list_all() if home not in self._older]

    def list_decided(self) -> set[str]:
        """Return the scenarios that have a complete run, or pairs that did not fail."""
        decided: set[str] = set()
        for home in self.list_new():
            pairing = load_pairing(home)
            if pairing is None or pairing.failure is None:
                decided.add(results.load(home).scenario.name)
        return decided

    def list_failed(self, names: Sequence[str]) -> list[Path]:
        """Return the folders of the reasons why scenarios have no result."""
        homes = [failures.find(name, self.folder) for name in names]
        return [home for home in homes if home is not None]

    def fail(self, name: str, error: BenchError) -> None:
        """Store the error that ended the measurement of a scenario as the reason why it has no result."""
        failures.save(explain_error(name, error), self.folder)

    def fail_rest(self, names: Sequence[str], error: BenchError) -> None:
        """Store an error for each scenario that has neither a result nor a reason."""
        measured = {results.load(home).scenario.name for home in self.list_new()}
        for name in names:
            if name not in measured and failures.find(name, self.folder) is None:
                self.fail(name, error)

    def forget(self, names: Sequence[str]) -> None:
        """Remove the reasons of an earlier job."""
        for name in names:
            failures.forget(name, self.folder)

    def _list_all(self) -> list[Path]:
        return [file.parent for file in sorted(self.folder.glob(f"*/{results.RESULT}"))]
