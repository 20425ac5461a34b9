"""Journeys for tests, and their execution in the process of the test."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target, stand_in
from bench.core.load.plan import plan
from bench.core.response.remarks import Remarks
from bench.core.samples.request import RequestSample
from bench.measure.http.connection import Connection
from bench.measure.http.route import DIRECT
from bench.measure.load.endpoint import check_url
from bench.measure.load.journey_engine import JourneyEngine
from bench.measure.load.journey_users import JourneyUsers, make_setups
from bench.measure.load.shared import Shared
from bench.timing.pacing import LoopTimer

LOGIN: Mapping[str, Any] = {
    "request": {
        "method": "POST",
        "path": "/login",
        "json": {"email": "${row.email}", "password": "${row.password}"},
    },
    "save": {"token": "access_token"},
}
OPEN: Mapping[str, Any] = {
    "name": "open-session",
    "request": {"method": "POST", "path": "/sessions", "json": {"title": "load ${user.number}"}},
    "save": {"id": "session.id"},
}
ASK: Mapping[str, Any] = {"name": "ask", "messages": 2}
CLOSE: Mapping[str, Any] = {
    "name": "close",
    "request": {"method": "DELETE", "path": "/sessions/${saved.id}"},
    "always": True,
}
ROWS = tuple({"email": f"user{number}@example.com", "password": f"secret-{number}"} for number in range(20))
TARGET = {
    "name": "session-chat",
    "service": "app",
    "path": "/sessions/${saved.id}/messages",
    "body": {"text": "${message}"},
    "answer": {"kind": "json", "text": "answer"},
}


def make_journey(*steps: Mapping[str, Any], **fields: Any) -> RunSpec:
    """Return a journey of some steps, by default one iteration of one VU with a login."""
    files = fields.pop("files", {})
    rows = fields.pop("rows", ROWS)
    given: dict[str, Any] = {
        "name": "visit",
        "purpose": "A user asks in a session.",
        "seed": 1,
        "executor": "per-vu-iterations",
        "vus": 1,
        "iterations": 1,
        "login": LOGIN,
        "data": {"rows": "users.csv", "order": "unique"},
        "steps": steps,
        "request_timeout": "10s",
    }
    given |= {"service": "app"}
    if any("messages" in step for step in steps):
        given |= {"target": "session-chat", "prompts": "words.yaml"}
    if "executor" in fields:
        del given["vus"]
        del given["iterations"]
    scenario = Scenario.model_validate({**given, **fields})
    prompts = (Prompt(id="short", text="Hello"), Prompt(id="long", text="How do I begin?"))
    return RunSpec(
        scenario=scenario,
        target=Target.model_validate(TARGET) if scenario.target is not None else stand_in("app"),
        prompts=prompts if scenario.target is not None else (),
        rows=rows if scenario.data is not None else (),
        files=files,
    )


def run_journey(
    spec: RunSpec,
    url: str,
    remarks: Remarks | None = None,
    share: tuple[int, int] = (0, 1),
    graceful_stop_s: float = 10.0,
) -> list[RequestSample]:
    """Run a journey, or a share of it, and return its requests in the order in which they ended."""
    samples: list[RequestSample] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        load = plan(spec).model_copy(update={"share": share})
        services = {"app": url}
        setups = make_setups(spec, load, services, DIRECT, os.environ)
        address = check_url(url)
        users = JourneyUsers(setups, lambda _: Connection(address), (), Shared(remarks or Remarks()))
        engine = JourneyEngine(
            load,
            users.open,
            lambda sample, _: samples.append(sample),
            LoopTimer(loop.time),
            lambda _: graceful_stop_s,
        )

        async def begin(_: int) -> float:
            return loop.time()

        await engine.open()
        try:
            await engine.run(begin)
        finally:
            await engine.close()

    asyncio.run(run())
    return samples
