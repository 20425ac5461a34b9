import re
from importlib.resources import files

import pytest

from bench.render.html.assets import load_assets, read_style
from tests.render.colours import MODES, NOTICEABLE, VISIONS, contrast, distance, least_distance, tokens

GROUNDS = ("paper", "raised", "sunken")
TONES = ("bad", "good", "caution", "unsure", "void")
SERIES = ("c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7")
DISTINCT = 4 * NOTICEABLE
"""Least distance between two colours with different meanings."""
STYLES = files("bench.render.html") / "templates" / "css"


def styles_but_tokens() -> str:
    """Return all style sheets of the package without the tokens and without the library."""
    names = sorted(file.name.removesuffix(".css") for file in STYLES.iterdir())
    names.remove("tokens")
    return "\n".join(map(read_style, names))


@pytest.mark.parametrize("mode", MODES)
def test_text_can_be_read_on_every_ground(mode: str) -> None:
    """Text has a contrast of at least 4.5 with each ground that it stands on (WCAG AA)."""
    colours = tokens(mode)
    for ground in GROUNDS:
        for name in ("ink", "soft", "brand", *TONES):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for tone in TONES:
        for name in ("ink", "soft", tone):
            assert contrast(colours[name], colours[f"wash-{tone}"]) >= 4.5, (name, tone)
        assert contrast(colours["on-tone"], colours[tone]) >= 4.5, tone


@pytest.mark.parametrize("mode", MODES)
def test_drawings_can_be_seen_on_every_ground(mode: str) -> None:
    """Lines and marks have a contrast of at least 3 with the page and with panels (WCAG AA)."""
    colours = tokens(mode)
    for ground in ("paper", "raised"):
        for name in ("quiet", *SERIES):
            assert contrast(colours[name], colours[ground]) >= 3.0, (name, ground)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("mode", MODES)
def test_colours_differ_for_every_colour_vision(mode: str, vision: str) -> None:
    """Tones, and series, differ by four noticeable steps, also for people who see no red, green or blue."""
    colours = tokens(mode)
    for names in (TONES, SERIES):
        assert least_distance([colours[name] for name in names], vision) >= DISTINCT, names


def test_both_modes_define_the_same_colours() -> None:
    """No colour of the light mode stays in the dark mode."""
    assert tokens("light").keys() == tokens("dark").keys()


def test_only_the_tokens_contain_colours() -> None:
    """Every other style sheet and script takes its colours from the tokens."""
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", styles_but_tokens()) == []


def test_only_the_tokens_contain_sizes_of_type() -> None:
    """Every other style sheet takes its sizes of type from the tokens, or relative to its parent."""
    sizes = re.findall(r"font(?:-size)?: [^;]*?\d(?:rem|px)\b", styles_but_tokens())
    assert sizes == []


def test_every_token_that_is_used_exists() -> None:
    """No style sheet names a token that the tokens do not define."""
    style = load_assets().style + read_style("site")
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", style))
    assert used <= set(re.findall(r"--([a-z0-9-]+):", read_style("tokens")))


def test_contrast_has_its_known_extremes() -> None:
    """Black on white has a contrast of 21, a colour on itself of 1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1


def test_distance_has_its_known_extremes() -> None:
    """Black and white have the distance 1; red and green come close without red or green cones."""
    assert distance("#000000", "#ffffff", "usual") == pytest.approx(1, abs=1e-6)
    for vision in ("protanopia", "deuteranopia"):
        assert distance("#b3261e", "#8f5600", vision) < distance("#b3261e", "#8f5600", "usual")
