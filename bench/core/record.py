"""The one kind of value that travels between the pipeline's steps."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen, serialisable value: unknown fields and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
