"""What `bench ab` is told to compare: a stack as it is, at a commit, with other images, or an address."""

import re
from dataclasses import dataclass, field

from bench.errors import ConfigError

_SETTING = re.compile(r"\+(?=[A-Za-z_][A-Za-z0-9_]*=)")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a stack.

    Attributes:
        stack: Its name.
        commit: Whose files it is started from; None for those of this folder.
        variables: Of its compose file.
    """

    stack: str
    commit: str | None = None
    variables: dict[str, str] = field(default_factory=dict)


def parse_version(text: str) -> Version:
    """`embedded`, `embedded@main` or `compose+BACKEND_IMAGE=registry/backend:1.2+AGENT_IMAGE=…`.

    Raises:
        ConfigError: It has both a commit and variables, or a variable twice.
    """
    first, *settings = _SETTING.split(text)
    # Behind a variable an @ is an image's digest.
    stack, separator, commit = first.partition("@")
    named = [(name, value) for name, _, value in (setting.partition("=") for setting in settings)]
    variables = dict(named)
    if separator and variables:
        raise ConfigError(
            f"{text}: a commit's images must be built",
            f"build them, then name them: {stack}+{named[0][0]}=IMAGE",
        )
    if len(variables) < len(named):
        raise ConfigError(f"{text}: a variable is given twice", f"{stack}+NAME=VALUE+OTHER=VALUE")
    return Version(stack, commit if separator else None, variables)
