"""The base of all values that GitHub sends."""

from pydantic import BaseModel, ConfigDict


class Foreign(BaseModel):
    """A part of an answer of GitHub. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def is_same_name(name: str | None, other: str | None) -> bool:
    """Check that two logins or repositories are the same one. GitHub ignores capitals in them."""
    if name is None or other is None:
        return name is other
    return name.lower() == other.lower()
