"""A user of a journey: logs in, sends the requests and messages of each iteration, and keeps their values."""

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from bench.core.config.executors import ClosedLoop
from bench.core.config.journey import TOKEN, Step
from bench.core.load.arrival import Arrival
from bench.core.load.journey_plan import PlannedStep
from bench.core.load.rendering import MissingValueError, UserValues, as_text
from bench.core.response.answer_content import AnswerContent
from bench.core.response.cookies import RequestOrigin
from bench.core.response.failure import Failure
from bench.core.response.step_answer import StepAnswer, hide, save_values
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.http.wire import Reply, WireError, request_bytes
from bench.measure.load.chat_client import ChatClient, MessageContext
from bench.measure.load.credential import Credential
from bench.measure.load.journey_setup import JourneySetup
from bench.measure.load.prepared_step import PreparedStep
from bench.measure.load.request_client import OPEN_TIMEOUT_S, Exchanger
from bench.measure.load.script import Script
from bench.measure.load.shared import Shared
from bench.measure.load.step_client import PreparedRequest, StepClient
from bench.measure.load.unsendable import Unsendable
from bench.measure.load.virtual_user import VirtualUser

_RETRY_S = 1.0
"""Shortest pause after a failed login, so that VUs without think times do not flood the server."""


class Journey:
    """A user (see `journey_engine.JourneyUser`).

    Args:
        number: Number of the user, from 0.
        setup: The part of the journey that all users share.
        connections: Connection to each service, by its name.
        chat: Sends the messages; `None` for a journey without messages.
        shared: What all users of a process share.
    """

    def __init__(
        self,
        number: int,
        setup: JourneySetup,
        connections: Mapping[str, Exchanger],
        chat: ChatClient | None,
        shared: Shared,
    ) -> None:
        self._setup = setup
        self._plan = setup.plan
        self._connections = connections
        self._chat = chat
        self._remarks = shared.remarks
        self._client = StepClient(setup.timeout_s, setup.tier_reader, shared)
        self._login_client = StepClient(setup.timeout_s, setup.tier_reader, shared)
        self._steps: VirtualUser = self._client
        self._messages: VirtualUser | None = chat
        if setup.retry is not None:
            from bench.measure.load.retrying_vu import RetryingVu  # noqa: PLC0415 - few loads need it

            self._steps = RetryingVu(self._client, setup.retry, shared.retry_room)
            self._messages = None if chat is None else RetryingVu(chat, setup.retry, shared.retry_room)
        self._credential = Credential(setup.login)
        self._values = UserValues(number, lambda: str(uuid.uuid4()))
        self._phase = -1
        self._sent = 0
        self._head: tuple[str, Mapping[str, str]] | None = None

    def renew(self, token: str) -> None:
        """Use another token of the stack's test user from the next request on."""
        self._credential.set_token(token)

    async def open(self) -> None:
        """Open the connections. Failures are ignored, since the first requests will show them."""
        for connection in self._connections.values():
            with suppress(WireError, TimeoutError):
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    await connection.open()

    async def close(self) -> None:
        """Close the connections."""
        if self._chat is not None:
            await self._chat.close()
        for connection in self._connections.values():
            connection.close()
            await connection.wait_closed()

    async def iterate(self, iteration: Arrival, due_s: float, end_s: float, script: Script, /) -> float:
        """Send the requests of one iteration; return when the user is free again.

        After a failed step, after `end_s`, and if the script is over, only steps with `always` are sent.

        Args:
            iteration: The iteration.
            due_s: Its planned time, on the pacer's clock like all these times.
            end_s: Time after which no other step begins.
            script: Sends and records the requests.
        """
        self._begin(iteration)
        free_s = due_s
        if not self._credential.is_fresh:
            free_s = await self._log_in(iteration, due_s, script)
            if not self._credential.is_valid:
                return free_s + self._wait_after_failure_s(iteration)
        return await self._send_steps(self._plan.steps_of(iteration), free_s, end_s, script)

    async def _send_steps(
        self, steps: Iterable[PlannedStep], free_s: float, end_s: float, script: Script
    ) -> float:
        """Send the requests of an iteration; return when the user is free again."""
        is_over = False
        for planned in steps:
            due_s = free_s
            if not is_over:
                due_s = free_s + planned.arrival.think_time_s
                # The clean-up must not begin the next iteration early, so it waits for the end too.
                await script.sleep_until(min(due_s, end_s))
                is_over = due_s >= end_s or script.is_over
                if is_over:
                    due_s = free_s = max(free_s, script.now_s())
            if script.is_closed or (is_over and not planned.step.always):
                continue
            sample = await self._run_step(planned, due_s, script, is_over=is_over)
            if sample is not None:
                free_s = script.end_of(sample)
                is_over = is_over or script.is_over or not _may_continue(sample, planned.step)
        return free_s

    def _begin(self, iteration: Arrival) -> None:
        place = self._plan.place(iteration)
        row: Mapping[str, Any] = {}
        if self._setup.rows:
            journey = self._plan.parts[iteration.part]
            row = self._setup.rows[journey.row_number(place, self._values.number)]
        self._values.begin(iteration.iteration, f"{place.seed}:values", row, self._credential.saved)
        if iteration.phase != self._phase or not isinstance(self._plan.phases[iteration.phase], ClosedLoop):
            self._phase = iteration.phase
            self._sent = 0

    def _wait_after_failure_s(self, iteration: Arrival) -> float:
        load = self._plan.phases[iteration.phase]
        think_time_s = load.think_time_s[0] if isinstance(load, ClosedLoop) else 0.0
        return max(0.0, _RETRY_S - think_time_s)

    async def _run_step(
        self, planned: PlannedStep, due_s: float, script: Script, *, is_over: bool
    ) -> RequestSample | None:
        """Send a request of an iteration; return `None` for a clean-up that has nothing to clean up."""
        if not self._credential.is_fresh:
            due_s = await self._log_in(planned.arrival, due_s, script)
        arrival = self._number_request(planned.arrival)
        vu: VirtualUser
        try:
            vu = self._prepare(planned)
        except MissingValueError as error:
            if is_over:  # the step that saves it failed
                self._sent -= 1
                return None
            vu = Unsendable(str(error))
        except ValueError as error:  # a value of a header or path that HTTP does not allow
            vu = Unsendable(self._hide_secrets(str(error)))
        sample, token_times_s = await script.exchange(vu, arrival, due_s)
        if self._is_expired(sample) and not script.is_over:
            is_renewed = await self._log_in_again(arrival, sample.status, script)
            if is_renewed and not script.is_over:  # the response time contains the renewed login
                sample, token_times_s = await script.exchange(self._prepare(planned), arrival, due_s)
        sample = self._mask(sample)
        script.record(sample, token_times_s)
        return sample

    def _mask(self, sample: RequestSample) -> RequestSample:
        """Return a sample whose explanation has no secret of the user."""
        if sample.detail is None:
            return sample
        return sample._replace(detail=self._hide_secrets(sample.detail))

    def _number_request(self, arrival: Arrival) -> Arrival:
        """Return a request with its number among those of the user in this phase."""
        number = self._sent
        self._sent += 1
        return arrival._replace(iteration=number)

    def _prepare(self, planned: PlannedStep) -> VirtualUser:
        """Prepare the request of a step, and return the client that sends it.

        Raises:
            MissingValueError: A value is missing.
            ValueError: A value cannot stand in its place.
        """
        if planned.step.messages is not None:
            return self._prepare_message(planned.step)
        if planned.message is not None:
            self._values.message = self._setup.texts[planned.message]
        step = self._setup.steps[planned.step.name]
        self._client.request = self._prepare_request(step, self._values.saved)
        return self._steps

    def _is_expired(self, sample: RequestSample) -> bool:
        """Return whether an answer shows that the login has expired."""
        login = self._setup.login
        if login is None or not self._setup.login_steps or sample.outcome is Outcome.OK:
            return False
        return sample.status in login.renew_on

    async def _log_in_again(self, arrival: Arrival, status: int | None, script: Script) -> bool:
        """Log in after an answer with this status; return whether that succeeded."""
        await self._log_in(arrival, script.now_s(), script)
        if self._credential.is_valid:
            self._remarks.add(f"had the status {status} after the login expired, so the VU logged in again")
        return self._credential.is_valid

    def _hide_secrets(self, text: str) -> str:
        """Return a text without the secrets of the user, which a server may repeat."""
        setup = self._setup
        row = self._values.row
        saved = self._credential.saved
        secrets = [
            *setup.secrets,
            *(as_text(row[column]) for column in setup.secret_columns if column in row),
            *(as_text(value) for value in saved.values()),
        ]
        return hide(text, secrets)

    def _prepare_request(
        self, step: PreparedStep, saved: dict[str, Any], *, is_login: bool = False
    ) -> PreparedRequest:
        rendered = step.render(self._values)
        service = self._setup.services[step.service]
        credential = self._credential
        path = service.prefix + rendered.path
        origin = RequestOrigin(service.address.host, path.partition("?")[0], service.address.tls is not None)
        headers = {**credential.headers_for(origin), **rendered.headers}

        def read(reply: Reply, took_ms: float) -> StepAnswer:
            credential.take_cookies(reply, origin)
            return StepAnswer(reply.status, reply.header, credential.cookie, reply.body, took_ms)

        def save(answer: StepAnswer) -> Failure | None:
            values, failure = save_values(answer, step.step.save, step.step.name)
            saved.update(values)
            if is_login:
                credential.read_lifetime(answer)
            return failure

        host = service.address.authority
        return PreparedRequest(
            content=request_bytes(rendered.method, path, host, headers, rendered.body),
            connection=self._connections[step.service],
            checks=step.step.expect,
            read=read,
            save=save,
            is_secret=is_login,
        )

    def _prepare_message(self, step: Step) -> VirtualUser:
        """Prepare the next message: its head has the user's credentials, and its body the user's values."""
        chat = self._chat
        vu = self._messages
        message = self._setup.message
        assert chat is not None  # noqa: S101 - a journey with messages has a chat
        assert vu is not None  # noqa: S101 - likewise
        assert message is not None  # noqa: S101 - a journey with messages has a target
        credential = self._credential
        path = message.path(self._values)
        endpoint = message.endpoint
        full_path = (endpoint.prefix + path).partition("?")[0]
        origin = RequestOrigin(endpoint.address.host, full_path, endpoint.address.tls is not None)
        head = (path, {**message.headers(self._values), **credential.headers_for(origin)})
        if head != self._head:
            chat.change_head(*head)
            self._head = head
        saved = self._values.saved

        def save(reply: Reply, content: AnswerContent) -> Failure | None:
            credential.take_cookies(reply, origin)
            if not step.save:
                return None
            text = content.text or ""
            answer = StepAnswer(
                reply.status, reply.header, credential.cookie, values=content.values, text=text
            )
            values, failure = save_values(answer, step.save, step.name)
            saved.update(values)
            return failure

        paths = tuple(place.path for place in step.save.values() if place.path is not None)
        chat.context = MessageContext(message.body(self._values), paths, save)
        return vu

    async def _log_in(self, arrival: Arrival, due_s: float, script: Script) -> float:
        """Send the requests of the login; return when the last one ended, on the pacer's clock."""
        setup = self._setup
        credential = self._credential
        credential.begin_login()
        free_s = due_s
        for step in setup.login_steps:
            request = arrival._replace(
                prompt=step.step.name, step=0, cancel_after_s=None, journey_step=step.step.name
            )
            login: VirtualUser
            try:
                self._login_client.request = self._prepare_request(step, credential.saved, is_login=True)
                login = self._login_client
            except (MissingValueError, ValueError) as error:
                login = Unsendable(self._hide_secrets(str(error)))
            sample, _ = await script.exchange(login, self._number_request(request), free_s)
            script.record(self._mask(sample), ())
            free_s = script.end_of(sample)
            if sample.outcome is not Outcome.OK:
                return free_s
            self._values.saved.update(credential.saved)
        if setup.token is not None:
            credential.saved[TOKEN] = setup.token(self._values)
            self._values.saved.update(credential.saved)
        credential.end_login()
        return free_s


def _may_continue(sample: RequestSample, step: Step) -> bool:
    """Return whether an iteration goes on after a request: a user who cancels a message goes on."""
    if sample.outcome is Outcome.OK:
        return True
    return sample.outcome is Outcome.CANCELLED and step.messages is not None
