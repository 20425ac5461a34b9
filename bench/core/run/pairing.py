"""Which runs of a comparison of two versions belong together."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bench.core.values.record import Record

SCHEMA_VERSION = 1
FolderName = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,4}-(base|head)$")]


class PairedFolders(Record):
    """The folders of the two runs of a pair."""

    base: FolderName
    """Folder of the run of the base."""
    head: FolderName
    """Folder of the run of the head."""


class Pairing(Record):
    """The pairs of a comparison of two versions; `pairs.json` has them."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    base_name: str
    """Name of the base in reports."""
    pairs: tuple[PairedFolders, ...]
    """The complete pairs, in their order. Their folders are below `runs/`."""
    scenarios: Annotated[int, Field(ge=1)] = 1
    """Number of scenarios that were compared together."""
    stopped: str | None = None
    """Why no more pairs were measured, in one sentence; null while they are measured."""
    failure: str | None = None
    """Why the comparison is invalid: a pair failed twice. Null if no pair did."""
