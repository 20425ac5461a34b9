"""Read and write files. Readers never see a partly written file."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import StoreError
from bench.owners.temporary import replace_file
from bench.store.problems import list_problems

# Other accounts read reports, whatever the umask.
_READABLE = 0o644
Model = TypeVar("Model", bound=BaseModel)


def write_text(path: Path, text: str, *, is_durable: bool = True) -> None:
    """Replace a file by a text; if this fails, the old file stays.

    Args:
        path: The file.
        text: The text.
        is_durable: See `write_chunks`.

    Raises:
        StoreError: The disk is full, or the folder is not writable.
    """
    write_chunks(path, [text.encode()], is_durable=is_durable)


def write_chunks(path: Path, chunks: Iterable[bytes], *, is_durable: bool = True) -> None:
    """Replace a file by the chunks; if this fails, the old file stays.

    Args:
        path: The file.
        chunks: The content.
        is_durable: Wait until the disk has the content; not needed for a file that can be made again.

    Raises:
        StoreError: The disk is full, the folder is not writable, or the path is a folder.
    """
    if path.is_dir():  # also the empty path and the root, which have no name
        raise StoreError(f"cannot write {path}: it is a folder", "name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, chunks, _READABLE, is_durable=is_durable)
    except OSError as error:
        raise _unwritable(path, error) from error


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        StoreError: The file does not exist, is not readable, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is not text in UTF-8", "is this the right file?") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error


def read_model(path: Path, model: type[Model], schema_version: int | None = None) -> Model:
    """Parse a JSON file that `bench` wrote.

    Args:
        path: The file.
        model: Expected content.
        schema_version: Version that this program reads; None for files without a version.

    Raises:
        StoreError: The file is incomplete, of another version, or has other content; the message names the
            place.
    """
    return parse_model(read_text(path), str(path), model, schema_version)


def parse_model(text: str, where: str, model: type[Model], schema_version: int | None = None) -> Model:
    """Parse JSON that `bench` wrote.

    Args:
        text: Text of a file or of one line.
        where: File, and line if the file has several, for error messages.
        model: Expected content.
        schema_version: Version that this program reads; None for files without a version.

    Raises:
        StoreError: The text is incomplete, of another version, or has other content; the message names the
            place.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise StoreError(
            f"{where} is not complete JSON: {error}", "was it cut off? restore or delete it"
        ) from error
    except RecursionError as error:
        raise StoreError(f"{where} is nested too deeply", "is this the right file?") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if schema_version is not None and isinstance(version, int) and version != schema_version:
        _refuse_version(where, version, schema_version)
    try:
        # JSON rules, not Python's: a date is text in JSON.
        return model.model_validate_json(text)
    except ValidationError as error:
        kind = model.__name__.removeprefix("Run").lower()
        sentences = "\n".join(problem.sentence for problem in list_problems(error, content, model))
        raise StoreError(f"{where} is not a {kind}:\n{sentences}") from error


def _refuse_version(where: str, version: int, schema_version: int) -> NoReturn:
    hint = "upgrade: pip install --upgrade chatbench"
    if version < schema_version:
        hint = "delete the file and create it again with this version"
    raise StoreError(
        f"{where} has schema version {version}; this version of bench reads version {schema_version}", hint
    )


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write {path}: {error.strerror or error}", "free disk space, or name another folder"
    )
