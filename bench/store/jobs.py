"""The file of a job that measured a suite: `results/job.json`."""

from pathlib import Path

from bench.core.run.job import SCHEMA_VERSION, SuiteJob
from bench.errors import StoreError
from bench.store.files import read_model, write_text

JOB = "job.json"
_MOST_BYTES = 500_000  # several times the largest possible size


def save_job(job: SuiteJob, folder: Path) -> Path:
    """Write the file of a job into the folder of its runs, and return the file.

    Raises:
        StoreError: The folder is not writable.
    """
    file = folder / JOB
    write_text(file, job.model_dump_json(indent=1) + "\n")
    return file


def is_job(path: Path) -> bool:
    """Check whether a path is the file of a job."""
    return path.name == JOB


def load_foreign_job(file: Path) -> SuiteJob:
    """Return a job of unknown origin.

    Raises:
        StoreError: The file is a link, is too large, or has other content.
    """
    if file.is_symlink():
        raise StoreError(f"{file} is a link, and results must be files")
    if file.is_file() and file.stat().st_size > _MOST_BYTES:
        raise StoreError(f"{file} has more than {_MOST_BYTES / 1000:.0f} kB", "is this the right file?")
    return read_model(file, SuiteJob, SCHEMA_VERSION)
