"""The values of knobs that slow a stack down: the option `--inject`."""

import re

from bench.core.config.stack import Stack
from bench.errors import ConfigError


def parse_injections(stack: Stack, texts: tuple[str, ...]) -> dict[str, float]:
    """Return the value of each knob: `("model.slowdown=1.3",)` → `{"model.slowdown": 1.3}`.

    Raises:
        ConfigError: The stack has no knobs, or not this one, or the value is not a number.
    """
    knobs = stack.knobs
    if texts and not knobs:
        raise ConfigError(
            f"--inject: stack '{stack.name}' has no knobs", "choose another stack: --stack embedded"
        )
    injections = {}
    for text in texts:
        knob, _, number = text.partition("=")
        if knob not in knobs:
            raise ConfigError(
                f"--inject {text}: knob '{knob}' does not exist",
                f"existing knobs: {', '.join(sorted(knobs))}",
            )
        if not re.fullmatch(r"\d+(\.\d+)?", number):
            raise ConfigError(
                f"--inject {text}: '{number}' is not a number of 0 or more", f"write for example {knob}=1.3"
            )
        injections[knob] = float(number)
    return injections


def write_knob(value: float) -> str:
    """Return a knob's value for a variable: `1` and not `1.0`, which few programs read as a whole number."""
    return f"{value:.12g}"
