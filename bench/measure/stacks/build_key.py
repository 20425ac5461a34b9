"""Digests of the files that an image is built from, so that an unchanged image is not built twice."""

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_LEFT_OUT = frozenset({".git", ".bench", "results"})
"""Folders that git and bench write themselves."""
_TIMEOUT_S = 60.0


def find_context(build: Mapping[str, Any], tree: Path) -> Path | None:
    """Return the folder that contains all files of a build; `None` if other files may be part of it.

    Args:
        build: The `build` section of a service, as Compose prints it.
        tree: The files of the version.
    """
    context = Path(tree, str(build.get("context", "."))).resolve()
    file = Path(context, str(build.get("dockerfile", "Dockerfile"))).resolve()
    is_inside = context.is_relative_to(tree.resolve()) and file.is_relative_to(context)
    return None if build.get("additional_contexts") or not is_inside else context


def digest_files(folder: Path) -> str:
    """Return the digest of the names, rights and contents of a folder's files that git does not ignore."""
    digest = hashlib.sha256()
    for name in sorted(_list_files(folder)):
        path = folder / name
        if path.is_dir() and not path.is_symlink():  # the folder of a submodule
            digest.update(f"{name}\0{digest_files(path)}\0".encode(errors="surrogateescape"))
        elif name.split("/")[0] not in _LEFT_OUT:
            with suppress(FileNotFoundError):  # it was deleted, and the deletion is not committed
                content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
                rights = path.lstat().st_mode & 0o777
                head = f"{name}\0{rights:o}\0{path.is_symlink()}\0{len(content)}\0"
                digest.update(head.encode(errors="surrogateescape") + content)
    return digest.hexdigest()


def _list_files(folder: Path) -> Iterator[str]:
    """Return the files below a folder that git does not ignore; without a repository, all of them."""
    listing = ["git", "-C", str(folder), "ls-files", "-z", "-co", "--exclude-standard"]
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(listing, capture_output=True, timeout=_TIMEOUT_S, check=True).stdout
        yield from filter(None, os.fsdecode(listed).split("\0"))
        return
    for home, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in files:
            yield str(Path(home, name).relative_to(folder))
