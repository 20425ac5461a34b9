"""The part of a journey that all its users share: parsed requests, services, rows and messages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.core.config.journey import Login
from bench.core.config.placeholders import environment_values
from bench.core.config.retry import Retry
from bench.core.config.run_spec import RunSpec
from bench.core.config.secret_names import SECRET_NAME
from bench.core.config.template import expand_environment, is_dynamic
from bench.core.load.plan import RunPlan
from bench.core.load.rendering import UserValues, as_text, prepare, prepare_path, prepare_text
from bench.core.response.tier_times import TierReader
from bench.measure.http.wire import Address
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.prepared_step import PreparedStep


class ServiceAddress(NamedTuple):
    """Where a service is."""

    address: Address
    """Its address."""
    prefix: str
    """Path before all paths of the service, without a slash at the end."""


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """The messages to a target. A function that is `None` has nothing of a user in its result."""

    endpoint: Endpoint
    """The target at its address."""
    path: Callable[[UserValues], str]
    """Returns the path below the prefix."""
    headers: Callable[[UserValues], dict[str, str]]
    """Returns the headers that contain values of the user."""
    body: Callable[[UserValues], Any]
    """Returns the body with the user's values; `None` if it has none."""

    @classmethod
    def of(cls, endpoint: Endpoint) -> "MessageTemplate":
        """Return the messages to an endpoint."""
        dynamic = {name: text for name, text in endpoint.headers.items() if is_dynamic(text)}
        headers = prepare(dynamic)
        body = prepare(endpoint.body) if is_dynamic(endpoint.body) else lambda _: None
        return cls(
            endpoint=endpoint,
            path=prepare_path(endpoint.path),
            headers=lambda values: {name: as_text(value) for name, value in headers(values).items()},
            body=body,
        )


@dataclass(frozen=True, slots=True)
class JourneySetup:
    """The part of a journey that all its users share."""

    plan: RunPlan
    """The plan of the run, of this process's share."""
    services: Mapping[str, ServiceAddress]
    """Where each service is, by its name."""
    login: Login | None
    """How users log in; `None` if they do not."""
    login_steps: Sequence[PreparedStep]
    """Requests of the login."""
    token: Callable[[UserValues], str] | None
    """Renders a credential that needs no request."""
    steps: Mapping[str, PreparedStep]
    """Requests of the steps, by the step's name."""
    message: MessageTemplate | None
    """The messages; `None` for a journey without."""
    texts: Mapping[str, str]
    """Text of each message, by its id."""
    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    """Rows of data."""
    secrets: Sequence[str] = field(repr=False)
    """Values of the environment that must not appear in results."""
    secret_columns: Sequence[str]
    """Columns of the rows whose values must not appear in results."""
    timeout_s: float
    """Longest time for one request."""
    retry: Retry | None
    """How users send a step again."""
    tier_reader: TierReader
    """Reads the tier times of answers to requests."""
    uses_test_user: bool = False
    """Whether requests have the token of a test user of the stack."""

    @property
    def used_services(self) -> set[str]:
        """Names of the services that get requests of the journey."""
        names = {step.service for step in (*self.login_steps, *self.steps.values())}
        return names if self.message is None else names | {self.message.endpoint.target.service}

    @classmethod
    def of(
        cls,
        spec: RunSpec,
        plan: RunPlan,
        endpoint: Endpoint | None,
        services: Mapping[str, ServiceAddress],
        environ: Mapping[str, str],
    ) -> "JourneySetup":
        """Return the setup of a scenario.

        Args:
            spec: The scenario with its rows and files.
            plan: The plan of the run.
            endpoint: Its target at an address; `None` if it sends no messages.
            services: Where each service is, by its name.
            environ: Values of the placeholders `${env.NAME}`; the spec's own variables replace them.

        Raises:
            ConfigError: A variable of the environment is not set.
        """
        scenario = spec.scenario
        login = scenario.login
        values = environment_values({**environ, **spec.variables})
        service = scenario.service or spec.target.service
        steps: dict[str, PreparedStep] = {}
        for step in scenario.steps:
            if step.request is not None:
                steps[step.name] = PreparedStep(step, service, spec.files, values, scenario.seed)
        login_steps = [
            PreparedStep(step, service, spec.files, values, scenario.seed)
            for step in (login.requests if login else ())
        ]
        token = None
        if login is not None and login.token is not None:
            token = prepare_text(as_text(expand_environment(login.token, values, "login: token")))
        columns = dict.fromkeys(column for row in spec.rows[:1] for column in row)
        return cls(
            plan=plan,
            services=services,
            login=login,
            login_steps=login_steps,
            token=token,
            steps=steps,
            message=None if endpoint is None else MessageTemplate.of(endpoint),
            texts={prompt.id: prompt.text for prompt in spec.prompts},
            rows=spec.rows,
            secrets=[text for name, text in environ.items() if SECRET_NAME.search(name)],
            secret_columns=[column for column in columns if SECRET_NAME.search(column)],
            timeout_s=scenario.request_timeout_s,
            retry=scenario.retry,
            tier_reader=TierReader(spec.target.forms[0].durations),
            uses_test_user=login is None and spec.target.auth == "bearer",
        )
