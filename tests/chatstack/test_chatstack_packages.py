"""The parts of the backend and their packages: a part that is off needs none of them."""

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.chatstack.stacks import environment

# Starts backends in turn, without the packages of the extra `parts`; prints their errors, and the modules.
_SCRIPT = """
import asyncio, json, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package in {"bullmq", "redis", "cachetools", "structlog", "stamina"}:
            raise ModuleNotFoundError(package, name=package)

sys.meta_path.insert(0, Missing())
from chatstack.backend import make_backend
from chatstack.settings import Settings, SettingsError

async def start(variables):
    try:
        app = make_backend(Settings(variables))
        async with app.router.lifespan_context(app):
            return None
    except SettingsError as error:
        return str(error)

errors = [asyncio.run(start(variables)) for variables in json.loads(sys.argv[1])]
modules = [name for name in sys.modules if name.startswith("chatstack.parts.")]
print(json.dumps({"errors": errors, "modules": modules}))
"""


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a backend without parts."""
    return {
        "AGENT_URL": "http://127.0.0.1:1",
        "JWT_SECRET": secrets.token_hex(32),
        "SQLITE_PATH": str(tmp_path / "store.sqlite"),
    }


def _start_without_packages(settings: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    arguments = [sys.executable, "-c", _SCRIPT, json.dumps(settings)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment({}))
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_a_backend_without_parts_imports_none(base: dict[str, str]) -> None:
    """It starts without their packages, and knows only the list of the parts and their interface."""
    outcome = _start_without_packages([base, {**base, "CACHE_TTL_S": "0", "WEBSOCKET": "0"}])
    assert outcome["errors"] == [None, None]
    assert set(outcome["modules"]) == {"chatstack.parts.chain", "chatstack.parts.part"}


def test_a_part_whose_package_is_missing_is_one_sentence(base: dict[str, str]) -> None:
    """The error names the variable and the package, and how to install it."""
    redis = "redis://127.0.0.1:1/0"
    cases: Sequence[tuple[dict[str, str], str]] = [
        ({"CACHE_TTL_S": "60"}, "cachetools"),
        ({"INPUT_CHECK": "1"}, "structlog"),
        ({"MONITOR_SLOW_S": "30"}, "structlog"),
        ({"JWT_KEYS_FILE": "keys.json"}, "structlog"),
        ({"UPSTREAM_ATTEMPTS": "3"}, "stamina"),
        ({"QUEUE_CONCURRENCY": "4", "REDIS_URL": redis}, "bullmq"),
        ({"RATE_LIMIT_PER_MINUTE": "20", "REDIS_URL": redis}, "redis"),
    ]
    outcome = _start_without_packages([{**base, **variables} for variables, _ in cases])
    advice = "is not installed; run: pip install 'chatbench[parts]'"
    for error, (variables, package) in zip(outcome["errors"], cases, strict=True):
        assert error == f"{next(iter(variables))}: the package {package} {advice}"


def test_a_part_that_needs_no_package_works_without_them(base: dict[str, str]) -> None:
    """The queue and the rate limit in memory are such parts."""
    variables = {"QUEUE_CONCURRENCY": "4", "RATE_LIMIT_PER_MINUTE": "20", "WEBSOCKET": "1"}
    assert _start_without_packages([{**base, **variables}])["errors"] == [None]
