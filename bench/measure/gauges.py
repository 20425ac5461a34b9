"""Reads what services say of themselves in Prometheus' text format."""

import math
import re
from collections.abc import Collection, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.core.sample import GaugeSample
from bench.core.watching import Readings, selector
from bench.errors import TargetError

_TIMEOUT_S = 5.0
_MOST_BYTES = 5_000_000
_NAME = re.compile(r"[{\s]")  # what a series' name ends before


class GaugeReader:
    """Reads the gauges of a service.

    Args:
        service: Its name.
        url: Its address.
        gauges: What is read.
        client: Who speaks HTTP.
    """

    def __init__(self, service: str, url: str, gauges: Readings, client: httpx.AsyncClient) -> None:
        self._service = service
        self._url = url.rstrip("/") + gauges.path
        self._gauges = gauges
        self._client = client

    async def read(self, at_s: float) -> list[GaugeSample]:
        """What it says now; what it does not say is left out.

        Raises:
            TargetError: It does not answer, or not in that format.
        """
        try:
            response = await self._client.get(self._url, timeout=_TIMEOUT_S)
            response.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TargetError(f"cannot read {self._url}: {type(error).__name__}") from error
        try:
            values = added_up(response.text[:_MOST_BYTES], frozenset(self._gauges.read.values()))
        except ValueError as error:
            raise TargetError(f"cannot read {self._url}: it is no Prometheus text") from error
        return [
            GaugeSample(at_s=at_s, service=self._service, name=name, value=values[series])
            for name, series in self._gauges.read.items()
            if series in values
        ]


def added_up(text: str, wanted: Collection[str]) -> Mapping[str, float]:
    """The value of each series that is wanted, added up over the labels that it does not name.

    Raises:
        ValueError: A line of it is not in the format.
    """
    # Of a text of hundreds of lines a few are read, which the parser need not spend a processor on.
    selectors = {series: selector(series) for series in wanted}
    names = {name for name, _ in selectors.values()}
    lines = [line for line in text.splitlines() if _NAME.split(line, maxsplit=1)[0] in names]
    values: dict[str, float] = {}
    for family in text_string_to_metric_families("\n".join([*lines, ""])):
        for sample in filter(lambda sample: math.isfinite(sample.value), family.samples):
            for series, (name, labels) in selectors.items():
                if sample.name == name and labels.items() <= sample.labels.items():
                    values[series] = values.get(series, 0.0) + sample.value
    return values
