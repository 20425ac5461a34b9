"""Reads what services say of themselves in Prometheus' text format."""

import math
import re
from collections.abc import Callable, Collection, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.core.config.watching import Readings, selector
from bench.core.samples.sample import GaugeSample
from bench.errors import TargetError

_TIMEOUT_S = 5.0
MOST_BYTES = 5_000_000  # of a text; a service that says more says it to nobody
_NAME = re.compile(r"[{\s]")  # what a series' name ends before


class GaugeReader:
    """Reads the gauges of a service.

    Args:
        service: Its name.
        url: Its address.
        gauges: What is read.
        client: Who speaks HTTP.
        warn: Is told, at each reading, when there is more than is read.
    """

    def __init__(
        self,
        service: str,
        url: str,
        gauges: Readings,
        client: httpx.AsyncClient,
        warn: Callable[[str], object],
    ) -> None:
        self._service = service
        self._url = url.rstrip("/") + gauges.path
        self._gauges = gauges
        self._client = client
        self._warn = warn

    async def read(self, at_s: float) -> list[GaugeSample]:
        """What it says now; what it does not say is left out.

        Raises:
            TargetError: It does not answer, or not in that format.
        """
        try:
            async with self._client.stream("GET", self._url, timeout=_TIMEOUT_S) as response:
                response.raise_for_status()
                text = await self._text(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TargetError(f"cannot read {self._url}: {type(error).__name__}") from error
        try:
            values = added_up(text, frozenset(self._gauges.read.values()))
        except ValueError as error:
            raise TargetError(f"cannot read {self._url}: it is no Prometheus text") from error
        return [
            GaugeSample(at_s=at_s, service=self._service, name=name, value=values[series])
            for name, series in self._gauges.read.items()
            if series in values
        ]

    async def _text(self, response: httpx.Response) -> str:
        """What it says, as far as that is read: a text without an end must not fill the memory."""
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                most = f"{MOST_BYTES // 1_000_000} MB"
                self._warn(f"{self._url} says more than {most}: only the first {most} are read")
                return _whole(bytes(content[:MOST_BYTES]))
        return content.decode(errors="replace")


def _whole(cut: bytes) -> str:
    """What a cut text surely says: not its last line, nor the series before it, which may go on.

    The lines of one series stand together: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    *lines, _ = cut.decode(errors="replace").split("\n")
    last = _name(lines[-1]) if lines else ""
    while lines and _name(lines[-1]) == last:
        lines.pop()
    return "\n".join(lines)


def _name(line: str) -> str:
    """Of the series that a line is of."""
    return _NAME.split(line, maxsplit=1)[0]


def added_up(text: str, wanted: Collection[str]) -> Mapping[str, float]:
    """The value of each series that is wanted, added up over the labels that it does not name.

    Raises:
        ValueError: A line of it is not in the format.
    """
    # Of a text of hundreds of lines a few are read, which the parser need not spend a processor on.
    selectors = {series: selector(series) for series in wanted}
    names = {name for name, _ in selectors.values()}
    lines = [line for line in text.splitlines() if _name(line) in names]
    values: dict[str, float] = {}
    for family in text_string_to_metric_families("\n".join([*lines, ""])):
        for sample in filter(lambda sample: math.isfinite(sample.value), family.samples):
            for series, (name, labels) in selectors.items():
                if sample.name == name and labels.items() <= sample.labels.items():
                    values[series] = values.get(series, 0.0) + sample.value
    return values
