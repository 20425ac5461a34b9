"""The suites of a folder of scenarios: which scenarios run together."""

from typing import Annotated

from pydantic import ConfigDict, Field, RootModel

from bench.core.config.target import Name


class Suites(RootModel[dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]]]):
    """Names of the scenarios that run together, by suite."""

    model_config = ConfigDict(frozen=True, defer_build=True)
