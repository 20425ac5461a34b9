"""Signing keys in a file that is read again when it changes. Settings: JWT_KEYS_FILE, JWT_SECRET."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import Counter

from chatstack.measures import Measures
from chatstack.parts.log import open_log
from chatstack.settings import Settings, SettingsError
from chatstack.signing import SigningKey

# A file may change again without another time of change, because file systems count time in steps.
_SETTLED_NS = 1_000_000_000
# RFC 7518, section 3.2: a key of HS256 has at least as many bits as its hash.
_SHORTEST_SECRET_BYTES = 32

Version = tuple[int, int, int]


def open_keys_file(path: str, settings: Settings, measures: Measures) -> "KeysFile":
    """Read a file of keys.

    Raises:
        SettingsError: The file cannot be read, or has no valid keys.
    """
    try:
        return KeysFile(Path(path), settings.optional("JWT_SECRET"), measures)
    except (OSError, ValueError) as error:
        raise SettingsError(f"JWT_KEYS_FILE={path}: {error}") from None


class KeysFile:
    """The keys of a file: a JSON object of key id → secret. The first key signs, and all of them verify.

    A changed file is used at the next token. While it is not valid, for example half written, the earlier
    keys stay in use.

    Args:
        path: The file.
        secret: Secret of tokens without a key id; `None` to refuse these tokens.
        measures: Counts changes of the file, and changes that are not valid.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file has no valid keys.
    """

    def __init__(self, path: Path, secret: str | None, measures: Measures) -> None:
        self._path = path
        self._secret = secret
        self._log = open_log()
        self._reads = Counter(
            "chatstack_keys_reads",
            "Changes of the file of keys, by whether its keys are valid.",
            ["valid"],
            registry=measures.registry,
        )
        self._problem = ""
        self._version: Version | None = _settled(_version(path))
        self._secrets = _read(path)

    def newest(self) -> SigningKey:
        """Return the key that signs new tokens."""
        self._read_again()
        kid, secret = next(iter(self._secrets.items()))
        return SigningKey(secret, kid)

    def secret_of(self, kid: str | None) -> str | None:
        """Return the secret of a key id (`None`: a token without one); `None` if no such key is accepted."""
        if kid is None:
            return self._secret
        self._read_again()
        return self._secrets.get(kid)

    def _read_again(self) -> None:
        """Read the file if it has changed since the last valid state."""
        try:
            version = _version(self._path)
            if version == self._version:
                return
            secrets = _read(self._path)
        except (OSError, ValueError) as error:
            self._report(str(error))
            return
        self._problem = ""
        self._version = _settled(version)
        if list(secrets.items()) != list(self._secrets.items()):
            self._secrets = secrets
            self._reads.labels("yes").inc()
            self._log.info("keys changed", keys=list(secrets))

    def _report(self, problem: str) -> None:
        """Report a file without valid keys once, not at every token."""
        if problem != self._problem:
            self._problem = problem
            self._reads.labels("no").inc()
            self._log.error("keys not changed", problem=problem, keys=list(self._secrets))


def _version(path: Path) -> Version:
    """Return numbers that change with the file."""
    status = os.stat(path)  # noqa: PTH116 - a third of the time of Path.stat, at every token
    return status.st_ino, status.st_mtime_ns, status.st_size


def _settled(version: Version) -> Version | None:
    """Return a version that no later change can have too; `None` for a file that has only just changed."""
    return version if time.time_ns() - version[1] > _SETTLED_NS else None


def _read(path: Path) -> Mapping[str, str]:
    """Return the secrets by key id, in the order of the file.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file has no valid keys. The message contains no secret.
    """
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=_distinct)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(content, dict) or not content:
        raise ValueError("not a JSON object of key ids and secrets")
    for kid, secret in content.items():
        if not kid:
            raise ValueError("a key id is empty")
        if not isinstance(secret, str) or len(secret.encode()) < _SHORTEST_SECRET_BYTES:
            raise ValueError(f"the secret of {kid!r} has fewer than {_SHORTEST_SECRET_BYTES} bytes")
    return content


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key id stands twice")
    return content
