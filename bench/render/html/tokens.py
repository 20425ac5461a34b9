"""The colours and the typeface of the identity, for drawings outside of pages: badges and icons."""

import re
from functools import cache

from bench.render.html.assets import read_style

_TOKEN = re.compile(r"--([a-z0-9-]+): ([^;]+);")


@cache
def light_tokens() -> dict[str, str]:
    """Return the value of each token in light mode by its name, such as `brand`."""
    root = read_style("tokens").split(":root {", maxsplit=1)[1].split("}", maxsplit=1)[0]
    return dict(_TOKEN.findall(root))
