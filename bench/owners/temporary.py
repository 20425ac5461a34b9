"""Temporary folders and files. Their names contain their owner: a later run removes those of dead owners.

A name has a title, the owner and random letters: `bench-embedded.4711-3635401-0c1d2e-9f8e7d.a2c4e6f8`.
"""

import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import BenchError, StoreError
from bench.owners.process import PATTERN, Owner

_VARIABLE = "TMPDIR"
_PREFIX = "bench-"
_NAME = re.compile(rf".+\.({PATTERN})\.[0-9a-f]+")
_RANDOM_BYTES = 4
_OWNER_ONLY = 0o600
# With less space, services cannot even write their logs.
_LEAST_BYTES = 1024 * 1024
_HINT = "free space there, or choose another folder: TMPDIR=/path/to/folder bench …"


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Provide a new, empty folder that is removed after the block.

    Args:
        purpose: A word for the folder's name, such as the name of a stack.

    Raises:
        StoreError: The folder for temporary files is full or not writable; the message names it.
    """
    root = find_root()
    folder = root / own_name(f"{_PREFIX}{purpose}")
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"cannot write {_name(root)}: {error.strerror}", _HINT) from error
    try:
        _require_space(root)
        yield folder
    except (BenchError, OSError) as error:
        _explain(error, root)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_root() -> Path:
    """Return the folder for temporary files: `TMPDIR` if it is set, else the one of the system.

    Raises:
        StoreError: It does not exist or is not writable, or the system has none.
    """
    chosen = os.environ.get(_VARIABLE)
    if not chosen:
        try:
            return Path(tempfile.gettempdir())
        except OSError as error:
            raise StoreError("no folder for temporary files is writable, such as /tmp", _HINT) from error
    root = Path(chosen).absolute()
    if not root.is_dir():
        raise StoreError(f"{_VARIABLE}={chosen} is not a folder", f"create it, or unset {_VARIABLE}")
    if not os.access(root, os.W_OK | os.X_OK):
        raise StoreError(
            f"{_VARIABLE}={chosen} is not writable", f"name another folder, or unset {_VARIABLE}"
        )
    return root


def replace_file(path: Path, chunks: Iterable[bytes], mode: int, *, is_durable: bool = True) -> None:
    """Replace a file; readers never see a part of it, and if this fails, the old file stays.

    The content goes to a temporary file in the same folder, which then takes the file's name. Temporary files
    of killed writers are removed.

    Args:
        path: The file.
        chunks: The content.
        mode: The permissions; only its owner can read the temporary file.
        is_durable: Wait until the disk has the content, so that it survives a loss of power.

    Raises:
        OSError: The disk is full, or the folder is not writable.
    """
    unfinished = path.with_name(own_name(f".{path.name}"))
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(chunks)
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
        unfinished.chmod(mode)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    for stray in list_strays(path.parent, f".{path.name}."):
        remove(stray)


def own_name(title: str) -> str:
    """Return a new name for a file or folder of this process."""
    return f"{title}.{Owner.current()}.{secrets.token_hex(_RANDOM_BYTES)}"


def find_owner(path: Path) -> Owner | None:
    """Return the process that made a file or folder with `own_name`; `None` for another one."""
    match = _NAME.fullmatch(path.name)
    return None if match is None else Owner.parse(match[1])


def list_strays(folder: Path, prefix: str = "") -> list[Path]:
    """Return the files and folders that dead processes left in a folder.

    Args:
        folder: The folder.
        prefix: Beginning of their names.
    """
    strays = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            owner = find_owner(Path(entry.path)) if entry.name.startswith(prefix) else None
            if owner is not None and owner.is_dead:
                strays.append(Path(entry.path))
    return sorted(strays)


def list_stray_folders() -> list[Path]:
    """Return the temporary folders of this user that dead processes left behind."""
    with suppress(StoreError):
        return [folder for folder in list_strays(find_root(), _PREFIX) if _is_ours(folder)]
    return []


def remove(path: Path) -> None:
    """Remove a file, or a folder with everything in it. What cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _is_ours(folder: Path) -> bool:
    """Return whether a folder belongs to this user. Everybody may create files in /tmp, also links."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return not folder.is_symlink() and folder.is_dir() and status.st_uid == os.getuid()


def _require_space(root: Path) -> None:
    if _is_full(root):
        raise StoreError(f"{_name(root)} is full", _HINT)


def _explain(error: BenchError | OSError, root: Path) -> None:
    """Add the reason to an error that was raised while the folder for temporary files is full.

    Raises:
        StoreError: The error is one of the system.
    """
    if not _is_full(root):
        return
    reason = f"{_name(root)} is full"
    if isinstance(error, OSError):
        if error.errno in {errno.ENOSPC, errno.EDQUOT, None}:
            raise StoreError(reason, _HINT) from error
    elif reason not in error.message:
        error.message = f"{error.message}\n{reason}"
        error.hint = _HINT


def _is_full(root: Path) -> bool:
    try:
        space = os.statvfs(root)
    except OSError:
        return False
    has_inodes = space.f_files == 0 or space.f_favail > 0  # some file systems count none
    return space.f_bavail * space.f_frsize < _LEAST_BYTES or not has_inodes


def _name(root: Path) -> str:
    """Return a folder for temporary files, with the variable that chose it."""
    is_chosen = bool(os.environ.get(_VARIABLE))
    return f"{_VARIABLE}={root}" if is_chosen else f"the folder for temporary files, {root}"
