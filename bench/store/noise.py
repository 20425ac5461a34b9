"""What is known of noise: `baselines/<stack>/<environment>/noise/<scenario>.json`."""

from pathlib import Path

from bench.core.run.result import RunResult, differences, environment
from bench.core.verdict.noise import SCHEMA_VERSION, Noise
from bench.store.baselines import FOLDER
from bench.store.files import read_model, write_text
from bench.store.folders import find


def save(noise: Noise) -> Path:
    """Write it, and return the file.

    Raises:
        StoreError: The folder cannot be written.
    """
    where = _relative(noise.fingerprint.stack, environment(noise.fingerprint), noise.scenario)
    path = Path(FOLDER) / where
    write_text(path, noise.model_dump_json(indent=1) + "\n")
    return path


def load(result: RunResult) -> Noise | None:
    """What is known of runs that compare with this one; None when nothing is.

    Raises:
        StoreError: The file is not what it should be.
    """
    where = _relative(result.fingerprint.stack, environment(result.fingerprint), result.scenario.name)
    path = find(FOLDER, where)
    if path is None:
        return None
    noise = read_model(path, Noise, SCHEMA_VERSION)
    return None if differences(result.fingerprint, noise.fingerprint) else noise


def _relative(stack: str, where: str, scenario: str) -> str:
    return f"{stack}/{where}/noise/{scenario}.json"
