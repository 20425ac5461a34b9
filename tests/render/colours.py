"""The colours of the tokens, their contrast, and how colour-blind people see them."""

import math
import re
from collections.abc import Sequence
from itertools import combinations

from bench.render.html.assets import load_assets

MODES = ("light", "dark")
NOTICEABLE = 0.02
"""Distance of two colours in OKLab at which people begin to see a difference.

Source: https://www.w3.org/TR/css-color-4/#color-difference-OK
"""
VISIONS = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""For each colour vision, the matrix on linear sRGB; complete loss of one kind of cones.

Source: Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision
deficiency, IEEE TVCG 15(6), 2009, severity 1.0.
"""
Triple = tuple[float, float, float]


def tokens(mode: str) -> dict[str, str]:
    """Return the colours of a mode by their names."""
    light, dark = load_assets().style.split(":root {", 1)[1].split(":root:not([data-printed]) {", 1)
    body = (light if mode == "light" else dark).split("}", 1)[0]
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", body))


def linear(colour: str) -> Triple:
    """Return a colour such as `#1f5fc4` in linear sRGB."""
    parts = []
    for place in (1, 3, 5):
        part = int(colour[place : place + 2], 16) / 255
        parts.append(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
    return parts[0], parts[1], parts[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def distance(one: str, other: str, vision: str) -> float:
    """Return the distance of two colours in OKLab, as people with this colour vision see them."""
    return math.dist(_oklab(_simulate(one, vision)), _oklab(_simulate(other, vision)))


def least_distance(colours: Sequence[str], vision: str) -> float:
    """Return the smallest distance between two of the colours."""
    return min(distance(one, other, vision) for one, other in combinations(colours, 2))


def _luminance(colour: str) -> float:
    return _product((0.2126, 0.7152, 0.0722), linear(colour))


def _simulate(colour: str, vision: str) -> Triple:
    seen = [min(1.0, max(0.0, _product(row, linear(colour)))) for row in VISIONS[vision]]
    return seen[0], seen[1], seen[2]


def _oklab(rgb: Triple) -> Triple:
    """Convert linear sRGB to OKLab. Source: https://bottosson.github.io/posts/oklab/."""
    long = math.cbrt(_product((0.4122214708, 0.5363325363, 0.0514459929), rgb))
    medium = math.cbrt(_product((0.2119034982, 0.6806995451, 0.1073969566), rgb))
    short = math.cbrt(_product((0.0883024619, 0.2817188376, 0.6299787005), rgb))
    cones = (long, medium, short)
    return (
        _product((0.2104542553, 0.7936177850, -0.0040720468), cones),
        _product((1.9779984951, -2.4285922050, 0.4505937099), cones),
        _product((0.0259040371, 0.7827717662, -0.8086757660), cones),
    )


def _product(one: Triple, other: Triple) -> float:
    return sum(left * right for left, right in zip(one, other, strict=True))
