"""Write the certificate of a cluster: its parts trust no other one, and all connections are encrypted."""

import os
from pathlib import Path

from bench.errors import ConfigError, StoreError
from bench.measure.cluster.access import CERTIFICATE_FILE, KEY_FILE
from bench.measure.cluster.dask_programs import require_dask

_OWNER_ONLY_FOLDER = 0o700
_OWNER_ONLY = 0o600
_REPOSITORY = ".git"


def write_certificates(folder: Path) -> None:
    """Write a new certificate and its key, both valid for a year. Only their owner can read the folder.

    Args:
        folder: An empty or new folder outside of any repository.

    Raises:
        ConfigError: The folder is in a repository, or has a file of an older certificate.
        StoreError: A file cannot be written.
    """
    require_dask()
    repository = _find_repository(folder)
    if repository is not None:
        raise ConfigError(
            f"{folder} is in the repository {repository}, where a key could be committed",
            "bench workers certificates ~/.config/chatbench/workers",
        )
    for name in (CERTIFICATE_FILE, KEY_FILE):
        if (folder / name).exists():
            raise ConfigError(f"{folder / name} exists", "use it, or remove the folder first")
    from distributed.security import Security  # noqa: PLC0415 - half a second, and an optional package

    security = Security.temporary()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(_OWNER_ONLY_FOLDER)
        _write(folder / KEY_FILE, security.tls_client_key)
        _write(folder / CERTIFICATE_FILE, security.tls_client_cert)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror}", "name another folder") from error


def _find_repository(folder: Path) -> Path | None:
    """Return the repository that contains a folder; `None` without one."""
    for parent in (folder.absolute(), *folder.absolute().parents):
        if (parent / _REPOSITORY).exists():
            return parent
    return None


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
