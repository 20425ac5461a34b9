"""The smallest and the largest number of pairs of a comparison."""

import re
from dataclasses import dataclass

from bench.core.verdict.stopping import MAX_PAIRS, MIN_PAIRS
from bench.errors import ConfigError

_TEXT = re.compile(r"(?:(\d{1,3})\.\.)?(\d{1,3})")
_HINT = f"--pairs {MAX_PAIRS} measures at most {MAX_PAIRS}, and --pairs 6..6 exactly 6"


@dataclass(frozen=True, slots=True)
class PairLimits:
    """The smallest and the largest number of pairs of a comparison."""

    least: int = MIN_PAIRS
    """No comparison ends with fewer pairs."""
    most: int = MAX_PAIRS
    """A comparison ends with this number of pairs, also without an answer."""


def choose_limits(pairs: str | int | None) -> PairLimits:
    """Return the limits of `N`, the largest number of pairs, or of `LEAST..MOST`; `6..6` is exactly 6.

    Raises:
        ConfigError: The text is something else, or a number is out of range.
    """
    if pairs is None:
        return PairLimits()
    match = _TEXT.fullmatch(str(pairs).strip())
    if match is None:
        raise ConfigError(f"--pairs {pairs}: write N or LEAST..MOST", _HINT)
    most = int(match[2])
    least = MIN_PAIRS if match[1] is None else int(match[1])
    if most > MAX_PAIRS:
        raise ConfigError(f"--pairs {pairs}: at most {MAX_PAIRS} pairs are possible", _HINT)
    if least < MIN_PAIRS or most < MIN_PAIRS:
        raise ConfigError(f"--pairs {pairs}: a comparison needs at least {MIN_PAIRS} pairs", _HINT)
    if least > most:
        raise ConfigError(f"--pairs {pairs}: {least} is larger than {most}", _HINT)
    return PairLimits(least, most)
