"""Encrypted messages between a run and an agent on another machine.

Neither the scheduler nor the Dask worker that passes them on can read them: both ends agree on keys by X25519
(RFC 7748), and each frame is encrypted and authenticated by ChaCha20-Poly1305 (RFC 8439). A frame that was
changed, dropped or repeated on the way is an error. The agreement alone does not prove who the other end is:
a scheduler that names a wrong worker could take its place.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_HEADER = struct.Struct("!QB")
_NONCE = struct.Struct("!BxxxQ")
_RUN, _AGENT = b"run", b"agent"


class Lane(IntEnum):
    """The order of frames is kept within a lane."""

    URGENT = 0
    """Answers that measure time, which overtake others."""
    QUEUED = 1
    """Messages that wait until the other end has room."""


class BadFrameError(EOFError):
    """A frame was changed on its way, so the connection ends."""


@dataclass(slots=True)
class Sealer:
    """Encrypts the frames of one direction."""

    key: bytes = field(repr=False)
    """The key of this direction."""
    _counts: dict[Lane, int] = field(default_factory=dict, init=False)

    def seal(self, lane: Lane, content: bytes) -> bytes:
        """Return the next frame of a lane."""
        count = self._counts.get(lane, 0)
        self._counts[lane] = count + 1
        header = _HEADER.pack(len(content), lane)
        return header + ChaCha20Poly1305(self.key).encrypt(_NONCE.pack(lane, count), content, header)


@dataclass(slots=True)
class Opener:
    """Decrypts the frames of one direction."""

    key: bytes = field(repr=False)
    """The key of this direction."""
    _counts: dict[Lane, int] = field(default_factory=dict, init=False)

    async def read(self, reader: asyncio.StreamReader) -> tuple[Lane, bytes, int]:
        """Return the lane and the content of the next frame, and the number of its bytes.

        Raises:
            EOFError: The connection ended, or a frame was changed on its way.
        """
        try:
            header = await reader.readexactly(_HEADER.size)
            length, number = _HEADER.unpack(header)
            sealed = await reader.readexactly(length + 16)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError from error
        try:
            lane = Lane(number)
            count = self._counts.get(lane, 0)
            content = ChaCha20Poly1305(self.key).decrypt(_NONCE.pack(lane, count), sealed, header)
        except (InvalidTag, ValueError) as error:
            raise BadFrameError("a message was changed on its way") from error
        self._counts[lane] = count + 1
        return lane, content, _HEADER.size + len(sealed)


async def agree(
    reader: asyncio.StreamReader, write: Callable[[bytes], Awaitable[object]], *, is_run: bool
) -> tuple[Sealer, Opener]:
    """Agree on keys with the other end; return both directions.

    Args:
        reader: Receives from the other end.
        write: Sends to the other end.
        is_run: Whether this end is the run, and not the agent.

    Raises:
        EOFError: The other end closed the connection.
    """
    private = X25519PrivateKey.generate()
    own = private.public_key().public_bytes_raw()
    await write(own)
    try:
        other = await reader.readexactly(KEY_BYTES)
        shared = private.exchange(X25519PublicKey.from_public_bytes(other))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError from error
    except ValueError as error:
        raise BadFrameError("the other end sent no key") from error
    publics = own + other if is_run else other + own
    outgoing, incoming = (_RUN, _AGENT) if is_run else (_AGENT, _RUN)
    return Sealer(_derive(shared, publics + outgoing)), Opener(_derive(shared, publics + incoming))


def _derive(shared: bytes, purpose: bytes) -> bytes:
    """Return the key of a direction."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(shared)
