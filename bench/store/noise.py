"""Measured noise of baselines: `baselines/<stack>/<environment>/noise/<scenario>.json`."""

from pathlib import Path

from bench.core.run.result import RunResult, differences, environment
from bench.core.verdict.noise import SCHEMA_VERSION, Noise
from bench.store.baselines import FOLDER
from bench.store.files import read_model, write_text
from bench.store.folders import find


def save(noise: Noise) -> Path:
    """Write the noise of a scenario and return the file.

    Raises:
        StoreError: The folder is not writable.
    """
    where = _relative(noise.fingerprint.stack, environment(noise.fingerprint), noise.scenario)
    path = Path(FOLDER) / where
    write_text(path, noise.model_dump_json(indent=1) + "\n")
    return path


def load(result: RunResult) -> Noise | None:
    """Return the noise of runs that are comparable with a run; None if it was not measured.

    Raises:
        StoreError: The file has other content.
    """
    where = _relative(result.fingerprint.stack, environment(result.fingerprint), result.scenario.name)
    path = find(FOLDER, where)
    if path is None:
        return None
    noise = read_model(path, Noise, SCHEMA_VERSION)
    return None if differences(result.fingerprint, noise.fingerprint) else noise


def _relative(stack: str, environment_name: str, scenario: str) -> str:
    return f"{stack}/{environment_name}/noise/{scenario}.json"
