import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import bench.core
from bench.usecases.schema import SCHEMAS, schema

# Modules whose fields do not have a description yet. Remove a module when its fields have one; add none.
WITHOUT_DESCRIPTIONS: frozenset[str] = frozenset()


def objects(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of a schema with its name."""
    yield content.get("title", ""), content
    yield from content.get("$defs", {}).items()


def modules() -> dict[str, str]:
    """Return the module of every model of the core, by the model's name."""
    for module in pkgutil.walk_packages(bench.core.__path__, "bench.core."):
        importlib.import_module(module.name)
    by_name: dict[str, str] = {}
    waiting = BaseModel.__subclasses__()
    while waiting:
        model = waiting.pop()
        by_name[model.__name__] = model.__module__
        waiting += model.__subclasses__()
    return by_name


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_property_of_a_schema_has_a_description(kind: str) -> None:
    """Editors show the description of a field, so every field of every file has one."""
    owners = modules()
    missing = []
    for name, definition in objects(schema(kind)):
        for field, properties in definition.get("properties", {}).items():
            module = owners.get(name, kind)
            if "description" not in properties and module not in WITHOUT_DESCRIPTIONS:
                missing.append(f"{module}: {name}.{field}")
    assert missing == []
