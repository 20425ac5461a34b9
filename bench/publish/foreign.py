"""The one kind of value that GitHub writes."""

from pydantic import BaseModel, ConfigDict


class Foreign(BaseModel):
    """A part of what GitHub says; what is not asked for is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)
