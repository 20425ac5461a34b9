"""The files of a version that `bench ab` compares: from a commit, from a folder, or a prepared copy."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.core.config.stack import Stack
from bench.core.config.version import Version
from bench.core.values.duration import format_duration
from bench.errors import ConfigError
from bench.measure.run.checkout import check_out, commit_of, find_repository
from bench.measure.stacks.processes import prepare_tree
from bench.measure.stacks.start_options import StartOptions
from bench.owners.temporary import temporary_folder

# bench writes these folders itself, and git writes the third.
_LEFT_OUT = (".bench", "results", ".git")


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The files of a version."""

    stack: Stack
    """The stack, as the files of the version declare it."""
    tree: Path | None = None
    """Folder with the files; `None` for the current folder."""
    state: Path | None = None
    """Folder for files that its services write; `None` for a new one in each run."""
    commit: str | None = None
    """The commit of the files; `None` for those of a folder."""


@contextmanager
def provide_files(
    name: str,
    version: Version,
    stack: Stack,
    note: Callable[[str], None],
    declare: Callable[[Path], Stack],
) -> Iterator[VersionFiles]:
    """Provide the files of a version during the block.

    If the stack has `prepare`, its commands run in a copy of the files, so that no folder of yours changes.

    Args:
        name: The version, as the command line has it.
        version: The parsed version.
        stack: The stack, as the current folder declares it.
        note: Receives a line about the preparation.
        declare: Returns the stack of a commit, given the folder of its files.

    Raises:
        ConfigError: The commit or the folder does not exist.
        TargetError: A command of `prepare` failed.
    """
    folder = None if version.folder is None else _require_folder(name, version.folder)
    if version.commit is None and not stack.prepare:
        yield VersionFiles(stack, folder)
        return
    with (
        temporary_folder("version") as home,
        ExitStack() as checkouts,
    ):
        commit = None
        if version.commit is not None:
            commit = commit_of(version.commit)
            tree = checkouts.enter_context(check_out(version.commit))
            stack = declare(tree)
        else:
            tree = _copy(folder, home / "tree")
        state = home / "state"
        if stack.prepare:
            note(f"preparing {name}: {'; '.join(' '.join(command) for command in stack.prepare)}")
            began_s = time.monotonic()
            prepare_tree(stack, state, StartOptions(variables=version.variables, tree=tree))
            note(f"prepared {name} in {format_duration(round(time.monotonic() - began_s))}")
        yield VersionFiles(stack, tree, state if stack.prepare else None, commit)


def _require_folder(name: str, text: str) -> Path:
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError(f"{name}: the folder {folder} does not exist", "STACK@./FOLDER")
    return folder


def _copy(folder: Path | None, copy: Path) -> Path:
    """Copy a folder, or those files of the current repository that git does not ignore; return the copy."""
    repository = find_repository() if folder is None else None
    if repository is None:
        shutil.copytree(folder or Path.cwd(), copy, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        return copy
    for relative in repository.list_files():
        if relative.parts[0] not in _LEFT_OUT:
            _copy_file(repository.root / relative, copy / relative)
    tree = copy / repository.place
    tree.mkdir(parents=True, exist_ok=True)
    return tree


def _copy_file(source: Path, copy: Path) -> None:
    """Copy a file, a link, or the folder of a submodule. A file that was deleted is left out."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        else:
            shutil.copy2(source, copy, follow_symlinks=False)
