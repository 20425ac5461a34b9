from urllib.parse import unquote
from xml.etree import ElementTree as ET

from bench.render.html.name_mark import BUBBLE, draw_mark_file, mark_uri
from bench.render.html.parts import ENVIRONMENT
from bench.render.html.tokens import light_tokens
from tests.render.colours import MODES, contrast, tokens

SVG = "{http://www.w3.org/2000/svg}"


def test_the_mark_has_its_shapes_and_colours() -> None:
    """The file of the mark is SVG: the bubble in one colour, the change with its lines in the other."""
    root = ET.fromstring(draw_mark_file("#111111", "#eeeeee"))  # noqa: S314 - our own drawing
    bubble, lines, dot = list(root)
    assert root.tag == f"{SVG}svg"
    assert (bubble.attrib["d"], bubble.attrib["fill"]) == (BUBBLE, "#111111")
    assert (lines.attrib["stroke"], dot.attrib["fill"]) == ("#eeeeee", "#eeeeee")


def test_the_icon_of_a_page_is_the_mark() -> None:
    """The icon is a `data:` address, which a page may load, and it has the colours of the tokens."""
    icon = str(ENVIRONMENT.globals["icon"])
    kind, _, content = icon.partition(",")
    colours = light_tokens()
    assert kind == "data:image/svg+xml"
    assert unquote(content) == draw_mark_file(colours["brand"], colours["raised"])
    assert not set(icon) & set("<>\"' &#")
    assert icon == mark_uri(colours["brand"], colours["raised"])


def test_the_mark_can_be_seen_in_both_modes() -> None:
    """The bubble stands out from every ground, and so the change stands out from the bubble."""
    for mode in MODES:
        colours = tokens(mode)
        for ground in ("paper", "raised", "sunken"):
            assert contrast(colours["brand"], colours[ground]) >= 3.0  # the change has the colour of a ground
