"""The way to a Dask scheduler: its address, and the certificates of its connections."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.errors import ConfigError

if TYPE_CHECKING:
    from distributed.security import Security

SCHEME = "dask"
"""Scheme of a scheduler's address, as `--workers` accepts it."""
PORT = 8786
"""Port of a scheduler, if its address names no other."""
CERTIFICATES_VARIABLE = "BENCH_CERTIFICATES"
"""Environment variable with the folder of the certificates. Without it, connections are not encrypted."""
CERTIFICATE_FILE = "certificate.pem"
"""File of the certificate that all parts of a cluster have and trust."""
KEY_FILE = "key.pem"
"""File of its private key."""
_WORKERS = "workers"
_EXAMPLE = f"{SCHEME}://10.0.0.5:{PORT}"


@dataclass(frozen=True, slots=True)
class SchedulerAccess:
    """A scheduler, and how to connect to it."""

    host: str
    """Name or address of its machine."""
    port: int = PORT
    """Its port."""
    certificates: Path | None = None
    """Folder of the certificate and its key; `None` for connections without TLS."""
    workers: int | None = None
    """Number of Dask workers that a run uses; `None` for all."""

    def __str__(self) -> str:
        query = "" if self.workers is None else f"?{_WORKERS}={self.workers}"
        return f"{SCHEME}://{self._place}{query}"

    @property
    def address(self) -> str:
        """Its address in the form of Dask."""
        return f"{'tcp' if self.certificates is None else 'tls'}://{self._place}"

    @property
    def _place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """The certificate and its key; `None` without TLS."""
        if self.certificates is None:
            return None
        return self.certificates / CERTIFICATE_FILE, self.certificates / KEY_FILE

    def make_security(self) -> "Security | None":
        """Return the settings of a client's connections; `None` without TLS."""
        if self.tls_files is None:
            return None
        from distributed.security import Security  # noqa: PLC0415 - half a second, and an optional package

        public, private = map(str, self.tls_files)
        return Security(
            tls_ca_file=public,
            tls_client_cert=public,
            tls_client_key=private,
            require_encryption=True,
        )


def is_scheduler(text: str) -> bool:
    """Return whether a text is the address of a scheduler, such as `dask://10.0.0.5:8786`."""
    return text.startswith(f"{SCHEME}://")


def find_access(
    text: str, certificates: Path | None = None, environ: Mapping[str, str] = os.environ
) -> SchedulerAccess:
    """Return the way to a scheduler.

    Args:
        text: Its address, such as `dask://10.0.0.5:8786`, or `dask://10.0.0.5:8786?workers=4` for the first
            four workers.
        certificates: Folder of the certificates; `None` for that of BENCH_CERTIFICATES, if it is set.
        environ: The environment variables.

    Raises:
        ConfigError: The text is not such an address, or the folder lacks a file.
    """
    try:
        parts = urlsplit(text)
        port = parts.port or PORT
    except ValueError as error:
        raise ConfigError(f"'{text}' is not the address of a scheduler: {error}", _EXAMPLE) from error
    if parts.scheme != SCHEME or not parts.hostname or parts.path or parts.username is not None:
        raise ConfigError(f"'{text}' is not the address of a scheduler", _EXAMPLE)
    named = environ.get(CERTIFICATES_VARIABLE)
    chosen = certificates or (Path(named) if named else None)
    folder = None if chosen is None else chosen.expanduser()
    access = SchedulerAccess(parts.hostname, port, folder, _read_limit(text, parts.query))
    require_files(access)
    return access


def _read_limit(text: str, query: str) -> int | None:
    """Return the number of workers in the query of an address.

    Raises:
        ConfigError: The query is another one.
    """
    if not query:
        return None
    match = re.fullmatch(rf"{_WORKERS}=([1-9][0-9]{{0,3}})", query)
    if match is None:
        raise ConfigError(f"'{text}': '?{query}' is unknown", f"{_EXAMPLE}?{_WORKERS}=4")
    return int(match[1])


def require_files(access: SchedulerAccess) -> None:
    """Check that the folder of the certificates has both files.

    Raises:
        ConfigError: A file is missing.
    """
    for path in access.tls_files or ():
        if not path.is_file():
            raise ConfigError(f"{path} is missing", "bench workers certificates FOLDER writes it")
