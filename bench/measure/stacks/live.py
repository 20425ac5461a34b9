"""A stack that answers, wherever its services run."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.errors import ConfigError

# A service is configured by its declaration, so that nothing of the caller's shell changes what is measured.
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_INHERITED_PREFIXES = ("LC_", "PYTHON", "COVERAGE_")


@dataclass(frozen=True, slots=True)
class Live:
    """A stack that is up.

    Attributes:
        stack: Its declaration.
        values: Of the declaration's placeholders; holds the secret, so it is never shown.
        urls: By service.
        pids: By service; empty when the processes are not ours to see.
        dead: Says which service died; None while all run.
        cores: That its processes are held to; empty for any.
        containers: Ids of containers by service; empty when it has none that we can see.
        parts: What it is made of, as far as that must be equal for two runs to be compared.
    """

    stack: Stack
    values: Mapping[str, str] = field(repr=False)
    urls: Mapping[str, str]
    pids: Mapping[str, int] = field(default_factory=dict)
    dead: Callable[[], str | None] = lambda: None
    cores: tuple[int, ...] = ()
    containers: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)

    def url(self, service: str) -> str:
        """The address of a service.

        Raises:
            ConfigError: The stack has no such service.
        """
        if service not in self.urls:
            known = ", ".join(self.urls) or "none"
            raise ConfigError(f"target '{self.stack.name}' has no service '{service}'", f"there are: {known}")
        return self.urls[service]


def placeholders(secret: SecretStr | None, state: Path | None = None) -> dict[str, str]:
    """What the placeholders of a stack's declaration stand for, but for the addresses of its services."""
    values = {f"env.{key}": value for key, value in os.environ.items()} | {"python": sys.executable}
    if secret is not None:
        values["jwt_secret"] = secret.get_secret_value()
    if state is not None:
        values["state"] = str(state)
    return values


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """What a service may know of the caller's environment."""
    return {
        key: value
        for key, value in environ.items()
        if key in _INHERITED or key.startswith(_INHERITED_PREFIXES)
    }
