"""Reading and writing whole files: a reader never sees half of one, a writer never destroys one."""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import StoreError
from bench.store.problems import problems

Model = TypeVar("Model", bound=BaseModel)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        StoreError: The disk is full, or the folder cannot be written.
    """
    write_chunks(path, [text.encode()])


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file, part by part, whole or not at all: to a neighbour first, which then takes its place.

    Raises:
        StoreError: The disk is full, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, neighbour = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        Path(neighbour).chmod(0o644)  # mkstemp's 0600 would keep a teammate from reading a report
        Path(neighbour).replace(path)
    except BaseException as error:
        Path(neighbour).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        StoreError: It is not there, cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is not text in UTF-8", "is this the right file?") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error


def read_model(path: Path, model: type[Model], schema_version: int | None = None) -> Model:
    """Parse a JSON file of ours.

    Args:
        path: The file.
        model: What it should hold.
        schema_version: The newest version that is understood; None when the file has no version.

    Raises:
        StoreError: It is half a file, of a newer version, or not what it should be; the message says where.
    """
    return parse_model(read_text(path), str(path), model, schema_version)


def parse_model(text: str, where: str, model: type[Model], schema_version: int | None = None) -> Model:
    """Parse JSON of ours.

    Args:
        text: A file's, or a line's.
        where: For the message: the file, and the line where it has several.
        model: What it should hold.
        schema_version: The newest version that is understood; None when there is no version.

    Raises:
        StoreError: It was cut off, is of a newer version, or not what it should be; the message says where.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise StoreError(
            f"{where} is not whole JSON: {error}", "was it cut off? restore or delete it"
        ) from error
    except RecursionError as error:
        raise StoreError(f"{where} is nested too deeply", "is this the right file?") from error
    found = content.get("schema_version") if isinstance(content, dict) else None
    if schema_version is not None and isinstance(found, int) and found > schema_version:
        raise StoreError(
            f"{where} was written by a newer version: schema {found}, this one reads up to {schema_version}",
            "upgrade: pip install --upgrade chatbench",
        )
    try:
        # By the JSON rules, not Python's: a date is text there.
        return model.model_validate_json(text)
    except ValidationError as error:
        kind = model.__name__.removeprefix("Run").lower()
        raise StoreError(f"{where} is not a {kind}:\n{problems(error)}") from error


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write {path}: {error.strerror or error}", "free some space, or name another folder"
    )
