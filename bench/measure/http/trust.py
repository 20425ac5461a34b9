"""The certificates that bench trusts, for all its HTTPS requests."""

import os
import ssl
from functools import lru_cache
from pathlib import Path

from bench.errors import ConfigError

FILE_VARIABLE = "SSL_CERT_FILE"
FOLDER_VARIABLE = "SSL_CERT_DIR"
_HINT = "name a PEM file with the certificate of the authority that signed the server's certificate"


def make_context(ca: Path | None = None) -> ssl.SSLContext:
    """Return a TLS context that verifies servers. Its creation takes milliseconds, so it is made once.

    It trusts the certificates of the system, or those of SSL_CERT_FILE and SSL_CERT_DIR in their place.

    Args:
        ca: A PEM file with certificates that are trusted as well.

    Raises:
        ConfigError: A file or folder cannot be read, or contains no certificate.
    """
    return _make_context(ca, os.environ.get(FILE_VARIABLE, ""), os.environ.get(FOLDER_VARIABLE, ""))


@lru_cache
def _make_context(ca: Path | None, file: str, folders: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # From Python 3.13 on, the default refuses the certificates of many companies, which curl accepts.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if file:
        _load(context, file, f"{FILE_VARIABLE}={file}")
    for folder in folders.split(os.pathsep):
        if folder and not Path(folder).is_dir():
            raise ConfigError(
                f"{FOLDER_VARIABLE}={folder} is not a folder",
                f"name a folder of certificates, or unset {FOLDER_VARIABLE}",
            )
    if ca is not None:
        _load(context, str(ca), f"--ca {ca}")
    return context


def _load(context: ssl.SSLContext, file: str, origin: str) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise ConfigError(f"{origin} contains no certificate", _HINT) from None
    except OSError as error:
        raise ConfigError(f"{origin} cannot be read: {error.strerror}", _HINT) from None
