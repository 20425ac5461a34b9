"""The requests of a run as JSON Lines: one object per request, for other tools."""

from collections.abc import Callable, Iterable, Iterator

import orjson

from bench.core.run.recording import request_line
from bench.core.samples.samples import Samples


def render_pages(read_pages: Callable[[], Iterable[Samples]]) -> Iterator[str]:
    """Yield the requests of each page. Values that are unknown are left out.

    Args:
        read_pages: Reads the requests in pages, from the first one.
    """
    for page in read_pages():
        lines = [orjson.dumps(request_line(sample), option=orjson.OPT_APPEND_NEWLINE) for sample in page]
        yield b"".join(lines).decode()
