"""Histories for the site."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from bench.core.history.history import HistoryPoint
from bench.core.history.vitals import LatencyPercentiles, ServiceUsage, Vitals
from bench.core.report.dashboard import Dashboard, dashboard
from bench.core.report.site_entry import name_histories
from bench.core.report.trend_page import TrendPage, trend_page
from bench.core.samples.sample import GENERATOR, Outcome
from bench.core.verdict.baseline import Baseline, PinnedBaseline
from bench.render.html.assets import Assets
from bench.render.html.front import render_front
from bench.render.html.history_page import render_history
from bench.render.html.links import Links, SiteLinks
from bench.render.html.site_files import FRONT, path_of, render_shared
from tests.factories import NOON, TIER_TIMES, make_baseline, make_fingerprint, make_point

_USUAL_MS = 436.0  # of the baseline
MESSAGES = {"greeting": 310.0, "question": 420.0, "long_question": 640.0, "refund": 380.0}
"""Typical response time of each message."""
SUBJECTS = (
    "Cache the prompt of the system",
    "Answer with fewer calls of the model",
    "Raise the number of workers from 2 to 4, because the queue was the bottleneck in the load test",
)
AUTHORS = ("Ann Other", "Tess Ter")
LINKS = Links("https://github.com/owner/name")


def vitals(factor: float = 1.0, failed: int = 0, **changes: Any) -> Vitals:
    """Return the vitals of a run that took `factor` times the usual time; fields by name."""
    content: dict[str, Any] = {
        "load": "10 VUs, 30 s",
        "elapsed_s": 31.0,
        "requests_rps": round(3.2 / factor, 2),
        "tokens_tps": round(140 / factor, 2),
        "latencies": {
            "e2e_ms": LatencyPercentiles(p50=round(420 * factor, 2), p95=round(610 * factor, 2)),
            "ttft_ms": LatencyPercentiles(p50=90.0, p95=140.0),
        },
        "messages": {name: round(factor * ms, 2) for name, ms in MESSAGES.items()},
        "outcomes": {Outcome.OK: 100 - failed} | ({Outcome.TIMEOUT: failed} if failed else {}),
        "goodput_ratio": 0.98,
        "usage": {
            "backend": ServiceUsage(cpu_pct=14.0, memory_bytes=62_000_000),
            "model": ServiceUsage(cpu_pct=83.0 * factor, memory_bytes=41_000_000),
            GENERATOR: ServiceUsage(cpu_pct=9.0, memory_bytes=95_000_000),
        },
        "up": {"backend": 1.0, "agent": 1.0},
        "alerts": (),
    }
    return Vitals.model_validate(content | changes)


def history(factors: Sequence[float], seed: int = 7, failed: int = 0, **changes: Any) -> list[HistoryPoint]:
    """Return runs with these factors and a noise of 3 %, one a day, measured by workflow runs."""
    dice = random.Random(seed)
    parts: dict[str, Any] = {"ok": 100 - failed, "failed": failed} | changes
    return [
        make_point(
            number,
            figures={
                "e2e_ms": round(_USUAL_MS * factor * dice.gauss(1.0, 0.03), 2),
                "ttft_ms": round(95.0 * dice.gauss(1.0, 0.03), 2),
                **{
                    f"tier.{tier}_ms": round(usual_ms * dice.gauss(1.0, 0.03), 2)
                    for tier, usual_ms in (TIER_TIMES | {"decode": TIER_TIMES["decode"] * factor}).items()
                },
                "service.model.cpu_ms": round(210.0 * factor * dice.gauss(1.0, 0.02), 4),
                "service.model.memory_bytes": round(41e6 * dice.gauss(1.0, 0.01)),
                "tokens_per_request": round(44.0 * dice.gauss(1.0, 0.01), 4),
            },
            workflow_run=7_000_000_000 + number,
            branch="main",
            subject=SUBJECTS[number // 2 % len(SUBJECTS)],
            author=AUTHORS[number // 2 % len(AUTHORS)],
            **({"vitals": vitals(factor * dice.gauss(1.0, 0.03), failed)} | parts),
        )
        for number, factor in enumerate(factors)
    ]  # fmt: skip


def with_pinned() -> Baseline:
    """Return a baseline with a pinned baseline."""
    baseline = make_baseline()
    pinned = PinnedBaseline(
        runs=make_baseline().runs[:5], pinned_at=NOON, pinned_by="Tess Ter", reason="release 2.0"
    )
    return baseline.model_copy(update={"pinned": pinned})


def worse() -> TrendPage:
    """Return a history whose response time regressed."""
    return trend_page(history([1.0] * 20 + [1.25] * 14), with_pinned())


def board_of(pages: Sequence[TrendPage]) -> Dashboard:
    """Return the front page of these histories."""
    return dashboard([page.summary for page in pages])


def site_of(
    pages: Sequence[TrendPage],
    links: Links = Links(),
    assets: Assets | None = None,
    run_pages: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the files of the site of these histories, by their paths."""
    names = name_histories([page.where for page in pages])
    site_links = SiteLinks(links, run_pages or {})
    files = {FRONT: render_front(board_of(pages), site_links), **render_shared(assets)}
    for page in pages:
        files[path_of(page.where)] = render_history(names[page.where], page, (), site_links)
    return files


def several() -> list[TrendPage]:
    """Return each kind of history."""
    down = vitals(
        1.4, 9, up={"backend": 1.0, "agent": 0.93}, alerts=("requests: 9 % of 100 failed from 0 s to 31 s",),
        crossed=("e2e_ms p(95)<800",),
    )  # fmt: skip
    return [
        trend_page(history([1.0] * 34, 8, scenario="chat-stream")),
        worse(),
        trend_page(history([1.0] * 12 + [1.4] * 10 + [0.97] * 12, 9, scenario="medium")),
        trend_page(history([1.4] * 20, 10, 9, scenario="spike", vitals=down)),
        trend_page(history([1.0] * 4, 11, scenario="heavy", vitals=None)),
        trend_page(history([1.0] * 30, 12, scenario="medium", fingerprint=make_fingerprint(stack="compose"))),
    ]
