"""Objectives: the upper limit of a good answer in milliseconds. The share of good answers is the goodput."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from bench.core.samples.metrics import OBJECTIVES, milestone_name
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError
from bench.errors import ConfigError

_UNIT = "_ms"
_PAIR = re.compile(r"([A-Za-z0-9_.-]+):([0-9]+(?:\.[0-9]+)?)")
_LIMIT = re.compile(r"([A-Za-z0-9_.-]+)<=?([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?")
_MS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0, None: 1.0}


def _check_keys(objectives: dict[str, float]) -> dict[str, float]:
    for key in objectives:
        if key not in OBJECTIVES and milestone_name(key) is None:
            raise FieldError(
                (key,),
                f"only these metrics have objectives: {', '.join(OBJECTIVES)}; {suggest(key, OBJECTIVES)}",
            )
    return objectives


Objectives = Annotated[dict[str, Annotated[float, Field(gt=0)]], AfterValidator(_check_keys)]
"""Milliseconds by metric."""


def parse_objectives(texts: Sequence[str]) -> Mapping[str, float]:
    """Return milliseconds by metric: `("ttft:2000 e2e:20000",)` → `{"ttft_ms": 2000.0, "e2e_ms": 20000.0}`.

    Args:
        texts: One or several pairs each, separated by spaces. A name may lack its unit. `e2e<20s` is the same
            as `e2e:20000`. The last pair of a metric counts.

    Raises:
        ConfigError: A pair is not `METRIC:MILLISECONDS`, or the metric has no objectives.
    """
    objectives: dict[str, float] = {}
    for text in texts:
        for pair in text.split() or [text]:
            key, limit_ms = _parse_pair(pair)
            objectives[key] = limit_ms
    return objectives


def _parse_pair(pair: str) -> tuple[str, float]:
    match = _PAIR.fullmatch(pair)
    limit_ms = float(match[2]) if match else 0.0
    if match is None:
        match = _LIMIT.fullmatch(pair)
        limit_ms = float(match[2]) * _MS[match[3]] if match else 0.0
    if match is None or not 0 < limit_ms < math.inf:
        raise ConfigError(
            f"--objective {pair}: expected a metric and milliseconds above 0",
            "write for example ttft:2000 or 'e2e<10s'",
        )
    key = match[1].removesuffix(_UNIT) + _UNIT
    if key not in OBJECTIVES and milestone_name(key) is None:
        names = [name.removesuffix(_UNIT) for name in OBJECTIVES]
        raise ConfigError(
            f"--objective {pair}: '{match[1]}' cannot have an objective",
            f"metrics with objectives: {', '.join(names)}",
        )
    return key, limit_ms
