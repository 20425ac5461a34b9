"""What a good answer is: milliseconds that it takes at most. The share of good ones is the goodput."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from bench.core.samples.metrics import OBJECTIVES
from bench.errors import ConfigError

_UNIT = "_ms"
_PAIR = re.compile(r"([a-z0-9_]+):([0-9]+(?:\.[0-9]+)?)")


def _known(objectives: dict[str, float]) -> dict[str, float]:
    for key in objectives:
        if key not in OBJECTIVES:
            raise ValueError(f"'{key}' cannot be an objective; there are {', '.join(OBJECTIVES)}")
    return objectives


Objectives = Annotated[dict[str, Annotated[float, Field(gt=0)]], AfterValidator(_known)]


def parse_objectives(texts: Sequence[str]) -> Mapping[str, float]:
    """`("ttft:2000 e2e:20000",)` → `{"ttft_ms": 2000.0, "e2e_ms": 20000.0}`.

    Args:
        texts: One or several in each, separated by spaces; the unit may be left out of a name.

    Raises:
        ConfigError: One is not written like that, or of no metric that an answer has, or no time.
    """
    return dict(_parsed(pair) for text in texts for pair in text.split() or [text])


def _parsed(pair: str) -> tuple[str, float]:
    match = _PAIR.fullmatch(pair)
    limit_ms = float(match[2]) if match else 0.0
    if match is None or not 0 < limit_ms < math.inf:
        raise ConfigError(
            f"--objective {pair}: not a metric and milliseconds above 0", "write it like ttft:2000"
        )
    key = match[1].removesuffix(_UNIT) + _UNIT
    if key not in OBJECTIVES:
        known = ", ".join(each.removesuffix(_UNIT) for each in OBJECTIVES)
        raise ConfigError(f"--objective {pair}: '{match[1]}' cannot be an objective", f"there are: {known}")
    return key, limit_ms
