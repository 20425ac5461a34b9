"""The base of all values that GitHub sends, and the forms of its names."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# A managed user of an enterprise is called `name_enterprise`; an app `name[bot]`.
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}(\[bot\])?$")]
"""Name of an account."""
RepositoryName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}$")]
"""`owner/name`."""


class Foreign(BaseModel):
    """A part of an answer of GitHub. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def is_same_name(name: str | None, other: str | None) -> bool:
    """Check that two logins or repositories are the same one. GitHub ignores capitals in them."""
    if name is None or other is None:
        return name is other
    return name.lower() == other.lower()
