"""`bench schema`: print the JSON Schema of a kind of file."""

import json
from typing import Annotated

import typer

from bench.usecases.schema import SCHEMAS
from bench.usecases.schema import schema as find_schema

Name = Annotated[str, typer.Argument(metavar="NAME", help="The kind of file, like scenario or result.")]


def schema(name: Name) -> None:
    """Print the JSON Schema of a kind of file."""
    print(json.dumps(find_schema(name), indent=2))


schema.__doc__ = f"{schema.__doc__}\n\nKinds: {', '.join(SCHEMAS)}."
