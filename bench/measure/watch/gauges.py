"""Read the metrics of a service in the Prometheus text format."""

import math
import re
from collections.abc import Callable, Collection, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.core.config.watching import Readings, parse_series
from bench.core.samples.sample import GaugeSample
from bench.errors import TargetError

_TIMEOUT_S = 5.0
MAX_BYTES = 5_000_000  # of a text; the rest is not read
_BYTES_PER_MB = 1_000_000
_AFTER_NAME = re.compile(r"[{\s]")  # ends the name of a series


class GaugeReader:
    """Read the gauges of a service.

    Args:
        service: The name of the service.
        url: Its address.
        gauges: The path and the series to read.
        client: The HTTP client.
        warn: Receives a warning if the text is too long.
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
            TargetError: The service does not answer, or not in this format.
        """
        try:
            async with self._client.stream("GET", self._url, timeout=_TIMEOUT_S) as response:
                response.raise_for_status()
                text = await self._read_text(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TargetError(f"cannot read {self._url}: {type(error).__name__}") from error
        try:
            values = sum_series(text, frozenset(self._gauges.read.values()))
        except ValueError as error:
            raise TargetError(f"cannot read {self._url}: the text is not in Prometheus format") from error
        samples = []
        for name, series in self._gauges.read.items():
            if series in values:
                value = values[series]
                samples.append(GaugeSample(at_s=at_s, service=self._service, name=name, value=value))
        return samples

    async def _read_text(self, response: httpx.Response) -> str:
        """Return the text up to the limit, so that an endless one cannot fill the memory."""
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MAX_BYTES:
                limit = f"{MAX_BYTES // _BYTES_PER_MB} MB"
                self._warn(f"{self._url} returns more than {limit}: only the first {limit} are read")
                return _drop_incomplete(bytes(content[:MAX_BYTES]))
        return content.decode(errors="replace")


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
    return _AFTER_NAME.split(line, maxsplit=1)[0]


def sum_series(text: str, wanted: Collection[str]) -> Mapping[str, float]:
    """Return the value of each wanted series, summed over the labels that its selector does not name.

    Raises:
        ValueError: A line is not in the Prometheus text format.
    """
    selectors = {series: parse_series(series) for series in wanted}
    names = {name for name, _ in selectors.values()}
    # Parse only the few lines of interest: the parser is slow, and a text may have hundreds of lines.
    lines = [line for line in text.splitlines() if _series_name(line) in names]
    values: dict[str, float] = {}
    for family in text_string_to_metric_families("\n".join([*lines, ""])):
        for sample in family.samples:
            if not math.isfinite(sample.value):
                continue
            for series, (name, labels) in selectors.items():
                if sample.name == name and labels.items() <= sample.labels.items():
                    values[series] = values.get(series, 0.0) + sample.value
    return values
