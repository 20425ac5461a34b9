"""Rotate the keys that verify tokens while requests are sent."""

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.core.config.placeholders import expand
from bench.core.config.promises import PromisedRotation
from bench.core.probe.exchange import ProbeAnswer
from bench.core.probe.observed import RotationObservation
from bench.errors import BenchError, TargetError
from bench.owners.temporary import replace_file

_FIELD = "promises.rotation"
_KEY_BYTES = 48
_PAUSE_S = 0.05
"""Time between two requests."""
_REQUESTS_AFTER = 10
"""Requests with an unchanged key after a change has come into effect."""
_RELOAD_TIMEOUT_S = 30.0
_REFUSED = frozenset({401, 403})

SendWithKey = Callable[[str, str], Awaitable[ProbeAnswer]]
"""Sends a request with a token that a key signed, given the key's id and the key."""


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    secret: str

    @classmethod
    def make(cls, name: str) -> "_Key":
        return cls(f"bench-probe-{name}-{secrets.token_hex(3)}", secrets.token_urlsafe(_KEY_BYTES))


class KeysFile:
    """The file of keys, which gets its old content at the end.

    Args:
        promise: The file, and how the service reads it again.
        values: Values of the stack's placeholders.

    Raises:
        TargetError: The file is not a JSON object of texts, or cannot be read.
    """

    def __init__(self, promise: PromisedRotation, values: Mapping[str, str]) -> None:
        self._path = Path(expand(promise.keys_file, values, f"{_FIELD}.keys_file"))
        self._reload = [expand(part, values, f"{_FIELD}.reload") for part in promise.reload]
        self._old = self._read()

    @contextmanager
    def restore_at_end(self) -> Iterator[None]:
        """Restore the file when the block ends."""
        try:
            yield
        finally:
            if self._old is None:
                self._path.unlink(missing_ok=True)
            else:
                self._write(self._old)
            self._tell()

    def set_keys(self, *keys: _Key) -> None:
        """Write these keys before those that the file had; the first one signs."""
        old = {} if self._old is None else json.loads(self._old)
        content = {key.id: key.secret for key in keys}
        self._write(json.dumps({**content, **old}))
        self._tell()

    def _read(self) -> str | None:
        try:
            text = self._path.read_text(encoding="utf-8")
            if isinstance(json.loads(text), dict):
                return text
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise TargetError(f"{self._path} cannot be read: {error}") from error
        raise TargetError(f"{self._path} is not a JSON object of key id to secret")

    def _write(self, text: str) -> None:
        try:
            replace_file(self._path, [text.encode()], 0o600, is_durable=False)
        except OSError as error:
            raise TargetError(f"{self._path} cannot be written: {error.strerror}") from error

    def _tell(self) -> None:
        if not self._reload:
            return
        try:
            subprocess.run(self._reload, check=True, capture_output=True, timeout=_RELOAD_TIMEOUT_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise TargetError(f"{_FIELD}.reload failed: {error}") from error


async def observe_rotation(
    promise: PromisedRotation, values: Mapping[str, str], send: SendWithKey
) -> RotationObservation:
    """Add a key, add a second one, and remove the first one, while requests with a valid key are sent.

    Raises:
        ProbeLimitError: A limit was reached. The file has its old content.
    """
    try:
        keys_file = KeysFile(promise, values)
        with keys_file.restore_at_end():
            return await _Rotation(keys_file, promise.within_s, send).run()
    except BenchError as error:
        return RotationObservation(problem=error.message)


class _Rotation:
    """One rotation, and the requests with a key that is valid all the time."""

    def __init__(self, keys_file: KeysFile, within_s: float, send: SendWithKey) -> None:
        self._file = keys_file
        self._within_s = within_s
        self._send = send
        self._requests = 0
        self._failures: list[str] = []

    async def run(self) -> RotationObservation:
        """Rotate the keys."""
        first = _Key.make("first")
        second = _Key.make("second")
        self._file.set_keys(first)
        if not await self._wait(first, accepted=True):
            return RotationObservation()
        self._file.set_keys(second, first)
        if not await self._wait(second, accepted=True, steady=first):
            return RotationObservation()
        self._file.set_keys(second)
        is_refused = await self._wait(first, accepted=False, steady=second)
        return RotationObservation(
            is_new_accepted=True,
            is_retired_refused=is_refused,
            requests=self._requests,
            failures=tuple(self._failures),
        )

    async def _wait(self, key: _Key, *, accepted: bool, steady: _Key | None = None) -> bool:
        """Wait until tokens of a key are accepted, or refused, while those of a steady key are sent."""
        start_s = time.monotonic()
        for _ in count():
            await self._send_steady(steady)
            answer = await self._send(key.id, key.secret)
            if (answer.status not in _REFUSED) == accepted and not answer.is_crash:
                break
            if time.monotonic() - start_s > self._within_s:
                return False
            await asyncio.sleep(_PAUSE_S)
        for _ in range(_REQUESTS_AFTER):
            await self._send_steady(steady)
        return True

    async def _send_steady(self, key: _Key | None) -> None:
        if key is None:
            return
        answer = await self._send(key.id, key.secret)
        self._requests += 1
        # Other refusals, such as one of the rate limit, follow the check of the token.
        if answer.status in _REFUSED or answer.is_crash:
            self._failures.append(answer.describe())
