"""Experiments: `scenarios/experiments/*.yaml`, their unfinished runs, and their results."""

from collections.abc import Iterator
from pathlib import Path

from bench.core.experiment.experiment import Experiment
from bench.core.experiment.experiment_progress import ExperimentProgress
from bench.core.experiment.experiment_result import SCHEMA_VERSION, ExperimentResult
from bench.core.values.nearest import suggest
from bench.errors import ConfigError, StoreError
from bench.store.files import read_model, write_text
from bench.store.folders import SCENARIOS, find, list_names
from bench.store.yaml_file import YamlFile

RESULT = "experiment.json"
"""The result, in the folder of the experiment's runs."""
PROGRESS = "blocks.json"
"""The complete blocks, in the same folder."""
ACCEPTED = "baselines"
"""Folder with `experiments/NAME.json`: results that belong to a commit."""


def load(name: str) -> Experiment:
    """Read an experiment by its name, or from a file that ends in `.yaml` or `.yml`.

    Raises:
        ConfigError: The experiment does not exist, or its file is wrong.
    """
    if name.endswith((".yaml", ".yml")):
        return YamlFile(Path(name), Experiment).parse()
    path = find(SCENARIOS, f"experiments/{name}.yaml")
    if path is None:
        raise ConfigError(f"experiment '{name}' does not exist", suggest(name, list_all()))
    return YamlFile(path, Experiment).parse()


def list_all() -> tuple[str, ...]:
    """Return the names of all experiments."""
    return list_names(SCENARIOS, "experiments/*.yaml")


def save(result: ExperimentResult, home: Path) -> None:
    """Write a result into the folder of its runs.

    Raises:
        StoreError: The folder is not writable.
    """
    write_text(home / RESULT, result.model_dump_json(indent=1) + "\n")


def read(path: Path) -> ExperimentResult:
    """Return a result by its file, or by the folder of its runs.

    Raises:
        StoreError: The file does not exist, or is not a result of an experiment.
    """
    file = path / RESULT if path.is_dir() else path
    return read_model(file, ExperimentResult, SCHEMA_VERSION)


def list_results(results: Path) -> tuple[ExperimentResult, ...]:
    """Return the newest result of each experiment, by name: measured here, or accepted with the commit.

    Args:
        results: Folder of the stored runs.

    Raises:
        StoreError: A file has other content.
    """
    newest: dict[str, ExperimentResult] = {}
    for name in list_names(ACCEPTED, "experiments/*.json"):
        path = find(ACCEPTED, f"experiments/{name}.json")
        if path is not None:
            newest[name] = read(path)
    for path in sorted(results.glob(f"*/{RESULT}")):
        result = read(path)
        other = newest.get(result.name)
        if other is None or other.started_at < result.started_at:
            newest[result.name] = result
    return tuple(newest[name] for name in sorted(newest))


def save_progress(progress: ExperimentProgress, home: Path) -> None:
    """Write the complete blocks of an experiment.

    Raises:
        StoreError: The folder is not writable.
    """
    write_text(home / PROGRESS, progress.model_dump_json(indent=1) + "\n")


def accept(result: ExperimentResult, folder: Path) -> None:
    """Write a result below its experiment's name.

    Raises:
        StoreError: The folder is not writable.
    """
    write_text(folder / f"{result.name}.json", result.model_dump_json(indent=1) + "\n")


def find_unfinished(experiment: Experiment, results: Path) -> tuple[Path, ExperimentProgress] | None:
    """Return the newest measurement of an experiment that has no result, with its folder; None without one.

    Only a measurement of the same declaration can be continued.
    """
    for home, progress in _list_progress(experiment, results):
        if not (home / RESULT).exists():
            return home, progress
    return None


def find_finished(experiment: Experiment, results: Path) -> ExperimentResult | None:
    """Return the newest result of an experiment with the same declaration; None without one.

    Raises:
        StoreError: The result has other content.
    """
    for home, _ in _list_progress(experiment, results):
        if (home / RESULT).exists():
            return read(home)
    return None


def _list_progress(experiment: Experiment, results: Path) -> Iterator[tuple[Path, ExperimentProgress]]:
    """Yield the measurements of an experiment with the same declaration, the newest first."""
    for path in sorted(results.glob(f"*/{PROGRESS}"), reverse=True):
        try:
            progress = read_model(path, ExperimentProgress)
        except StoreError:  # of another version: it cannot be continued
            continue
        if progress.experiment == experiment:
            yield path.parent, progress
