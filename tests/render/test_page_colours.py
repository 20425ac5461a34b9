import re

import pytest

from bench.render.html.assets import load_assets

STYLE = load_assets().style
TEXT = ("ink", "soft", "bad", "good", "caution", "unsure", "void")
MARKS = ("quiet", "c0", "c1", "c2", "c3", "c4", "c5", "c6")


def theme(name: str) -> dict[str, str]:
    """Return the colours of a theme, by their names."""
    light, dark = STYLE.split(":root {", 1)[1].split(":root:not([data-printed]) {", 1)
    body = (light if name == "light" else dark).split("}", 1)[0]
    return dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6});", body))


def luminance(colour: str) -> float:
    """Return the relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_can_be_read_in_both_themes(name: str) -> None:
    """Text has a contrast of at least 4.5 with the background, lines of at least 3 (WCAG AA)."""
    colours = theme(name)
    assert {*TEXT, *MARKS, "paper", "raised"} <= colours.keys()
    for each in TEXT:
        assert contrast(colours[each], colours["paper"]) >= 4.5, each
        assert contrast(colours[each], colours["raised"]) >= 4.5, each
    for each in MARKS:
        assert contrast(colours[each], colours["paper"]) >= 3.0, each


def test_contrast_has_its_known_extremes() -> None:
    """Black on white has a contrast of 21, a colour on itself of 1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1
