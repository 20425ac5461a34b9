"""A version that `bench ab` compares: a stack as it is, at a commit, or with other images."""

import re
from dataclasses import dataclass, field

from bench.errors import ConfigError

_SETTING = re.compile(r"\+(?=[A-Za-z_][A-Za-z0-9_]*=)")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a stack."""

    stack: str
    """Name of the stack."""
    commit: str | None = None
    """Commit whose files start the stack; None for the files of this folder."""
    variables: dict[str, str] = field(default_factory=dict)
    """Variables of the compose file, by name."""


def parse_version(text: str) -> Version:
    """Parse `embedded`, `embedded@main` or `compose+BACKEND_IMAGE=registry/backend:1.2+AGENT_IMAGE=…`.

    Raises:
        ConfigError: The text has both a commit and variables, or a variable twice.
    """
    first, *settings = _SETTING.split(text)
    # After a variable, @ begins the digest of an image.
    stack, separator, commit = first.partition("@")
    variables: dict[str, str] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name in variables:
            raise ConfigError(f"{text}: variable {name} is given twice", f"{stack}+NAME=VALUE+OTHER=VALUE")
        variables[name] = value
    if separator and variables:
        first_name = next(iter(variables))
        raise ConfigError(
            f"{text}: the images of a commit must be built first",
            f"build them, then write {stack}+{first_name}=IMAGE",
        )
    return Version(stack, commit if separator else None, variables)
