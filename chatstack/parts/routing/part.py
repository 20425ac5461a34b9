"""The part of model routing. A variable of a model, or the price table, switches it on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from chatstack.parts.part import OpenPart, Surroundings
from chatstack.parts.routing.cloud import ask_cloud
from chatstack.parts.routing.complexity import WORDS, classify
from chatstack.parts.routing.prices import read_prices
from chatstack.parts.routing.routing import CostCounts, Routes, Routing
from chatstack.settings import Settings
from chatstack.upstream import Upstream

_LONG_CHARACTERS = 1000


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the part.

    Settings: ROUTE_SMALL_MODEL, ROUTE_LARGE_MODEL, ROUTE_CLOUD_MODEL with OPENAI_BASE_URL and OPENAI_API_KEY,
    ROUTE_LONG_CHARACTERS, ROUTE_LARGE_WORDS and MODEL_PRICES.
    """
    settings = surroundings.settings
    routes = Routes(
        small=settings.optional("ROUTE_SMALL_MODEL"),
        large=settings.optional("ROUTE_LARGE_MODEL"),
        cloud=settings.optional("ROUTE_CLOUD_MODEL"),
    )
    long_characters = settings.count("ROUTE_LONG_CHARACTERS", _LONG_CHARACTERS, low=1)
    classify_message = partial(classify, long_characters=long_characters, words=_read_words(settings))
    prices = read_prices(settings)
    counts = CostCounts(surroundings.measures)
    if routes.cloud is None:
        yield OpenPart(Routing(routes, classify_message, prices, counts).wrap)
        return
    timeout_s = settings.number("UPSTREAM_TIMEOUT_S", 120.0, low=0.001)
    upstream = Upstream(settings.url("OPENAI_BASE_URL"), timeout_s)
    ask = ask_cloud(upstream, settings.optional("OPENAI_API_KEY"))
    try:
        yield OpenPart(Routing(routes, classify_message, prices, counts, ask).wrap)
    finally:
        await upstream.close()


def _read_words(settings: Settings) -> frozenset[str]:
    words = settings.text("ROUTE_LARGE_WORDS", ",".join(WORDS)).lower().split(",")
    return frozenset(word.strip() for word in words)
