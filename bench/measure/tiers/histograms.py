"""Reads the histograms in which services count the durations of their requests."""

from collections.abc import Callable, Mapping
from functools import partial

import httpx

from bench.core.config.stack_tiers import ServiceHistogram
from bench.core.config.tier_sources import TierName
from bench.core.config.watching import Readings
from bench.core.tiers.histogram_means import HistogramReading, HistogramTotal
from bench.errors import TargetError
from bench.measure.watch.gauges import GaugeReader

_SUM = "sum"
_COUNT = "count"


class HistogramReader:
    """Reads the histograms of a stack.

    Args:
        histograms: The declared histograms by tier. One whose service has no address is not read.
        urls: Addresses by service.
        client: The HTTP client.
        warn: Receives a warning, with a name that is equal for equal warnings.
    """

    def __init__(
        self,
        histograms: Mapping[TierName, ServiceHistogram],
        urls: Mapping[str, str],
        client: httpx.AsyncClient,
        warn: Callable[[str, str], object],
    ) -> None:
        self._readers: dict[str, GaugeReader] = {}
        self._warn = warn
        for tier, histogram in histograms.items():
            name = f"histogram {tier}"
            if histogram.service not in urls:
                warn(name, f"the tier `{tier}` has no time: '{histogram.service}' has no address; add --url")
                continue
            readings = Readings(
                path=histogram.path,
                read={part: with_suffix(histogram.series, part) for part in (_SUM, _COUNT)},
            )
            url = urls[histogram.service]
            self._readers[tier] = GaugeReader(histogram.service, url, readings, client, partial(warn, name))

    @property
    def tiers(self) -> frozenset[str]:
        """The tiers whose histograms are read."""
        return frozenset(self._readers)

    async def read(self, at_s: float) -> HistogramReading:
        """Return the observations until now. A service that does not answer causes a warning."""
        totals = {}
        for tier, reader in self._readers.items():
            try:
                values = {sample.name: sample.value for sample in await reader.read(at_s)}
            except TargetError as error:
                self._warn(f"histogram {tier}", error.message)
                continue
            if values.keys() == {_SUM, _COUNT}:
                totals[tier] = HistogramTotal(values[_SUM], values[_COUNT])
        return HistogramReading(at_s, totals)


def with_suffix(series: str, suffix: str) -> str:
    """Return a part of a histogram: `seconds{a="b"}` → `seconds_sum{a="b"}`."""
    name, brace, labels = series.partition("{")
    return f"{name}_{suffix}{brace}{labels}"
