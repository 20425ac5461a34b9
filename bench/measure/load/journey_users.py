"""Makes the users of a run's journeys, each with a connection to every service of its journey."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from bench.core.config.run_spec import RunSpec
from bench.core.load.plan import RunPlan
from bench.measure.http.route import Route
from bench.measure.load.endpoint import Endpoint, check_url, find_prefix
from bench.measure.load.journey import Journey
from bench.measure.load.journey_engine import JourneyUser, TurnUser
from bench.measure.load.journey_setup import JourneySetup, ServiceAddress
from bench.measure.load.new_client import new_client
from bench.measure.load.request_client import Exchanger
from bench.measure.load.shared import Shared
from bench.measure.load.turn_setup import TurnSetup

if TYPE_CHECKING:
    from bench.measure.load.python_turn import PythonTurn


def make_setups(
    spec: RunSpec, plan: RunPlan, services: Mapping[str, str], route: Route, environ: Mapping[str, str]
) -> list[JourneySetup | TurnSetup]:
    """Return the setup of each journey of a run.

    Args:
        spec: The scenario.
        plan: The plan of the run, or of a share of it.
        services: Address of each service by name.
        route: The way to the stack.
        environ: Values of the placeholders `${env.NAME}`.

    Raises:
        ConfigError: A variable of the environment is not set, an address is invalid, or the file of a turn
            fails.
    """
    addresses: dict[str, ServiceAddress] = {}
    for name, url in services.items():
        addresses[name] = ServiceAddress(check_url(url, route.context), find_prefix(url))
    setups: list[JourneySetup | TurnSetup] = []
    for part in spec.parts:
        if part.turn is not None:
            setups.append(TurnSetup.of(part, part.turn, plan, services, route))
            continue
        endpoint = None
        if part.scenario.has_messages:
            endpoint = Endpoint.of(part, services[part.target.service], environ, share=plan.share)
        setups.append(JourneySetup.of(part, plan, endpoint, addresses, environ))
    return setups


class Renewable(Protocol):
    """A user whose token of the stack's test user can be replaced."""

    def renew(self, token: str) -> None:
        """Use another token from the next request on."""
        ...


class JourneyUsers:
    """Makes the users of a load generator.

    Args:
        setups: Setup of each journey.
        connect: Makes a connection to a service.
        tokens: Tokens of the stack's test users; empty without any.
        shared: What all users share.
    """

    def __init__(
        self,
        setups: Sequence[JourneySetup | TurnSetup],
        connect: Callable[[str], Exchanger],
        tokens: Sequence[str],
        shared: Shared,
    ) -> None:
        self._setups = setups
        self._connect = connect
        self._tokens = list(tokens)
        self._shared = shared
        self._users: dict[int, list[Renewable]] = {}

    def open(self, number: int, part: int) -> JourneyUser | TurnUser:
        """Return a new user of a journey."""
        setup = self._setups[part]
        user = self._make(number, setup)
        if self._tokens and setup.uses_test_user:
            token_number = number % len(self._tokens)
            user.renew(self._tokens[token_number])
            self._users.setdefault(token_number, []).append(user)
        return user

    def _make(self, number: int, setup: JourneySetup | TurnSetup) -> "Journey | PythonTurn":
        if isinstance(setup, TurnSetup):
            from bench.measure.load.python_turn import PythonTurn  # noqa: PLC0415 - httpx starts slowly

            return PythonTurn(number, setup, self._shared.trace_prefix)
        connections = {service: self._connect(service) for service in setup.used_services}
        chat = None
        if setup.message is not None:
            endpoint = setup.message.endpoint
            service = endpoint.target.service
            address = setup.services[service].address
            chat = new_client(
                endpoint, None, partial(connections.__getitem__, service), address, self._shared
            )
        return Journey(number, setup, connections, chat, self._shared)

    def renew(self, tokens: Mapping[int, str]) -> None:
        """Replace tokens by their number, also those of open users."""
        for number, token in tokens.items():
            self._tokens[number] = token
            for user in self._users.get(number, []):
                user.renew(token)
