"""The files of a version, from a commit, a folder or a prepared copy, and the images built from them."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.config.stack import Stack
from bench.core.config.version import Version
from bench.core.values.duration import format_duration
from bench.errors import ConfigError
from bench.measure.run.checkout import check_out, commit_of, find_repository
from bench.measure.stacks.images import provide_images
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
    images: Mapping[str, str] = field(default_factory=dict)
    """Images that were built from the files, by service of the compose file."""


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
    If the stack has containers, its images are built from the files of a commit or a folder.

    Args:
        name: The version, as the command line has it.
        version: The parsed version.
        stack: The stack, as the current folder declares it.
        note: Receives a line about the preparation.
        declare: Returns the stack of a commit, given the folder of its files.

    Raises:
        ConfigError: The commit or the folder does not exist.
        TargetError: A command of `prepare` or a build failed.
    """
    folder = None if version.folder is None else _require_folder(name, version.folder)
    if version.commit is None and not stack.prepare:
        with _provide_images(name, stack, folder, version, note) as images:
            yield VersionFiles(stack, folder, images=images)
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
        with _provide_images(name, stack, tree, version, note) as images:
            yield VersionFiles(stack, tree, state if stack.prepare else None, commit, images)


@contextmanager
def _provide_images(
    name: str, stack: Stack, tree: Path | None, version: Version, note: Callable[[str], None]
) -> Iterator[Mapping[str, str]]:
    """Build the images of a version of containers; yield none for other stacks, and without files."""
    if stack.compose is None or tree is None:
        yield {}
        return
    began_s = time.monotonic()
    with provide_images(stack, tree, version.variables, lambda line: note(f"{name}: {line}")) as images:
        note(f"{name}: the images are ready after {format_duration(round(time.monotonic() - began_s))}")
        yield images


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
