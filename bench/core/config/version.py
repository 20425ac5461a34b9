"""A version that `bench ab` compares: a stack with the files of a commit or a folder, and with variables."""

import re
from dataclasses import dataclass, field

from bench.errors import ConfigError

_SETTING = re.compile(r"\+(?=[A-Za-z_][A-Za-z0-9_]*=)")
# No name of a commit begins with them.
_FOLDER = re.compile(r"[./~]")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a stack."""

    stack: str
    """Name of the stack."""
    commit: str | None = None
    """Commit whose files the services use; None for the current folder."""
    folder: str | None = None
    """Folder whose files the services use; None for the current folder, or for those of a commit."""
    variables: dict[str, str] = field(default_factory=dict)
    """Environment variables of the services, or variables of the compose file, by name."""


def parse_version(text: str) -> Version:
    """Parse the text of a version.

    Examples: `embedded`, `mine@main`, `mine@./release-1`, `mine+POOL_SIZE=5`, `mine@v2+PACKAGE=server==1.2`,
    `compose+BACKEND_IMAGE=registry/backend:1.2+AGENT_IMAGE=…`.

    Raises:
        ConfigError: The text has no stack, nothing after the @, or a variable twice.
    """
    first, *settings = _SETTING.split(text)
    # After a variable, @ begins the digest of an image.
    stack, separator, source = first.partition("@")
    if not stack or (separator and not source):
        raise ConfigError(f"'{text}' is not a version", "STACK, STACK@COMMIT, STACK@./FOLDER or an address")
    variables: dict[str, str] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name in variables:
            raise ConfigError(f"{text}: variable {name} is given twice", f"{stack}+NAME=VALUE+OTHER=VALUE")
        variables[name] = value
    if _FOLDER.match(source):
        return Version(stack, folder=source, variables=variables)
    return Version(stack, commit=source or None, variables=variables)
