"""Read the metrics of a service in the Prometheus text format."""

import asyncio
import math
import re
from collections.abc import Callable, Collection, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from bench.core.config.watching import Readings, parse_series
from bench.core.samples.sample import GaugeSample
from bench.errors import TargetError

_TIMEOUT_S = 5.0
MAX_BYTES = 5_000_000  # of a text; the rest is not read
_BYTES_PER_MB = 1_000_000
_AFTER_NAME = re.compile(r"[{ \t\r]")  # ends the name of a series
_BLANKS = " \t"
_MAX_LINE_CHARACTERS = 80  # of a line in a message


class GaugeReader:
    """Read the gauges of a service.

    Args:
        service: The name of the service.
        url: Its address.
        gauges: The path and the series to read.
        client: The HTTP client.
        warn: Receives a warning if a line cannot be read, or if the text is too long.
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
        """Return the current values; a series that the text lacks has no sample.

        Raises:
            TargetError: The service does not answer.
        """
        try:
            async with self._client.stream("GET", self._url, timeout=_TIMEOUT_S) as response:
                response.raise_for_status()
                text = await self._read_text(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TargetError(f"cannot read {self._url}: {type(error).__name__}") from error
        values = sum_series(text, frozenset(self._gauges.read.values()), self._warn_of_line)
        samples = []
        for name, series in self._gauges.read.items():
            if series in values:
                value = values[series]
                samples.append(GaugeSample(at_s=at_s, service=self._service, name=name, value=value))
        return samples

    def _warn_of_line(self, line: str) -> None:
        shown = repr(line[:_MAX_LINE_CHARACTERS])
        self._warn(f"cannot read {self._url}: the line {shown} is not in Prometheus format")

    async def _read_text(self, response: httpx.Response) -> str:
        """Return the text up to the limit, so that an endless one cannot fill the memory."""
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MAX_BYTES:
                limit = f"{MAX_BYTES // _BYTES_PER_MB} MB"
                self._warn(f"{self._url} returns more than {limit}: only the first {limit} are read")
                return _drop_incomplete(bytes(content[:MAX_BYTES]))
        return content.decode("utf-8-sig", errors="replace")


class InstanceGauges:
    """Read the gauges of the instances of a service that run at the moment.

    Args:
        list_urls: Returns the addresses by instance.
        gauges: The path and the series to read.
        client: The HTTP client.
        warn: Receives a warning if an instance does not answer, or if its text cannot be read.
    """

    def __init__(
        self,
        list_urls: Callable[[], Mapping[str, str]],
        gauges: Readings,
        client: httpx.AsyncClient,
        warn: Callable[[str], object],
    ) -> None:
        self._list_urls = list_urls
        self._gauges = gauges
        self._client = client
        self._warn = warn

    async def read(self, at_s: float) -> list[GaugeSample]:
        """Return the current values of all instances that answer."""
        readers = []
        for name, url in self._list_urls().items():
            readers.append(GaugeReader(name, url, self._gauges, self._client, self._warn))
        readings = await asyncio.gather(*(self._attempt(reader, at_s) for reader in readers))
        samples: list[GaugeSample] = []
        for reading in readings:
            samples += reading
        return samples

    async def _attempt(self, reader: GaugeReader, at_s: float) -> list[GaugeSample]:
        try:
            return await reader.read(at_s)
        except TargetError as error:
            self._warn(error.message)
            return []


def _drop_incomplete(cut: bytes) -> str:
    """Return a cut text without its last line and without the series before it, which may be incomplete.

    The lines of a series stand together: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    *lines, _ = cut.decode(errors="replace").split("\n")
    last = _series_name(lines[-1]) if lines else ""
    while lines and _series_name(lines[-1]) == last:
        lines.pop()
    return "\n".join(lines)


def _series_name(line: str) -> str:
    return _AFTER_NAME.split(line.lstrip(_BLANKS), maxsplit=1)[0]


def sum_series(
    text: str, wanted: Collection[str], on_unreadable: Callable[[str], object] = lambda _: None
) -> Mapping[str, float]:
    """Return the value of each wanted series, summed over the labels that its selector does not name.

    A series with an unreadable line has no value, because a part of its sum is unknown.

    Args:
        text: The metrics. Only a line feed ends a line; a label may contain all other characters.
        wanted: The series to read.
        on_unreadable: Receives each wanted line that is not in the Prometheus text format.
    """
    selectors = {series: parse_series(series) for series in wanted}
    names = {name for name, _ in selectors.values()}
    unreadable: set[str] = set()
    values: dict[str, float] = {}
    for line in text.split("\n"):
        # Parse only the few lines of interest: the parser is slow, and a text may have hundreds of lines.
        line_name = _series_name(line)
        if line_name not in names:
            continue
        try:
            sample = _parse_line(line)
        except ValueError:
            on_unreadable(line)
            unreadable.add(line_name)
            continue
        for series, (name, labels) in selectors.items():
            is_selected = name == line_name and labels.items() <= sample.labels.items()
            if is_selected and math.isfinite(sample.value):
                values[series] = values.get(series, 0.0) + sample.value
    return {series: value for series, value in values.items() if selectors[series][0] not in unreadable}


def _parse_line(line: str) -> Sample:
    """Return the sample in a line.

    Raises:
        ValueError: The line is not in the Prometheus text format.
    """
    (family,) = text_string_to_metric_families(line)
    (sample,) = family.samples
    return sample
