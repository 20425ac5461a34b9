"""The base of all values that GitHub sends."""

from pydantic import BaseModel, ConfigDict


class Foreign(BaseModel):
    """A part of an answer of GitHub. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)
