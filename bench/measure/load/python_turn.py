"""A VU whose iterations are a function in Python."""

import asyncio
from random import Random

import httpx

from bench.core.load.arrival import Arrival
from bench.measure.http.httpx_transport import Transport
from bench.measure.load.journey_engine import TurnSender, TurnUser
from bench.measure.load.turn_recorder import TurnRecorder
from bench.measure.load.turn_setup import TurnSetup
from bench.measure.load.user import TurnTransport, User

_RETRY_S = 1.0
"""Pause after a turn that sent no request, so that it does not use the whole processor."""


class PythonTurn(TurnUser):
    """A user of a turn.

    Args:
        number: Number of the user, from 0.
        setup: The part of the turn that all users share.
        trace_prefix: Beginning of the trace ids of the requests; `None` to send no `traceparent`.
    """

    def __init__(self, number: int, setup: TurnSetup, trace_prefix: bytes | None = None) -> None:
        self._setup = setup
        self._recorder = TurnRecorder(setup.path, setup.prefix, setup.names)
        transport = TurnTransport(
            Transport(setup.route.context), self._recorder, setup.timeout_s, trace_prefix
        )
        client = httpx.AsyncClient(
            transport=transport,
            base_url=setup.urls[setup.service],
            timeout=setup.timeout_s,
            trust_env=False,
        )
        self._user = User(number, client, setup.urls, self._recorder)

    def renew(self, token: str) -> None:
        """Use another token of the stack's test user from the next request on."""
        self._user.client.headers["authorization"] = f"Bearer {token}"

    async def open(self) -> None:
        """Do nothing: the first request opens the connection."""

    async def close(self) -> None:
        """Close the connections."""
        await self._user.client.aclose()

    async def turn(self, iteration: Arrival, due_s: float, sender: TurnSender, /) -> float:
        """Call the function once; return when the user is free again. Times are on the pacer's clock."""
        recorder = self._recorder
        recorder.begin_iteration(iteration, due_s, sender)
        self._begin(iteration)
        try:
            await self._setup.turn(self._user)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                recorder.interrupt()
                raise
            recorder.fail(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's own code
            recorder.fail(error)
        recorder.finish()
        return sender.now_s() + (0.0 if recorder.requests else _RETRY_S)

    def _begin(self, iteration: Arrival) -> None:
        user = self._user
        plan = self._setup.plan
        place = plan.place(iteration)
        user.iteration = iteration.iteration
        user.random = Random(f"{place.seed}:values")
        if self._setup.rows:
            row = plan.parts[iteration.part].row_number(place, user.number)
            user.row = self._setup.rows[row]
