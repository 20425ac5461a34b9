"""The digest of the program: files that another version derived are made again."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_ENDINGS = (".py", ".j2", ".css", ".js")


@cache
def code_digest() -> str:
    """Return the digest of the version and of the files of `bench`."""
    digest = hashlib.blake2b(version("chatbench").encode(), digest_size=16)
    for path in sorted(_PACKAGE.rglob("*")):
        if path.suffix in _ENDINGS:
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
