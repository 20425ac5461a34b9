"""The versions of the code of a machine, which must be equal on all machines of a run.

Only the standard library is imported here: a Dask worker reads its versions before anything else.
"""

import hashlib
import platform
import socket
from importlib import metadata
from pathlib import Path
from typing import TypedDict

_DIGITS = 12


class MachineCard(TypedDict):
    """The answer of a worker to the first question. It has plain values only, so any version can read it."""

    bench: str
    """Version of bench."""
    code: str
    """Digest of the code of bench. It covers the format of messages, and everything that affects a time."""
    python: str
    """Version of Python."""
    host: str
    """Name of the machine."""
    network: str
    """The machine and its network: processes with an equal one have a common loopback."""
    run: str
    """The run for which it generates load now; empty if there is none."""


def read_card(run: str = "") -> MachineCard:
    """Return the card of this machine.

    Args:
        run: The run for which it generates load now.
    """
    return MachineCard(
        bench=metadata.version("chatbench"),
        code=digest_code(Path(__file__).parents[2]),
        python=platform.python_version(),
        host=socket.gethostname(),
        network=_read_network(),
        run=run,
    )


def digest_code(folder: Path) -> str:
    """Return a digest of all Python files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:_DIGITS]


def _read_network() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/net').readlink()}"
    except OSError:  # not on every platform
        return socket.gethostname()
