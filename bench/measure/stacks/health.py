"""Wait until a stack answers a test user; an open port is not enough."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

import httpx

from bench.core.config.stack import Stack
from bench.errors import TargetError

_INTERVAL_S = 0.1
_REQUEST_TIMEOUT_S = 5.0
_MAX_TEXT_CHARACTERS = 200


def wait_until_ready(
    url: str,
    headers: Mapping[str, str],
    timeout_s: float,
    find_dead_service: Callable[[], str | None] = lambda: None,
) -> None:
    """Return when the address answers with success.

    Args:
        url: The address to request repeatedly.
        headers: Request headers, with the token of a test user.
        timeout_s: Maximum waiting time.
        find_dead_service: Describes a service that ended meanwhile.

    Raises:
        TargetError: The time is over, a service ended, or the service refused the token.
    """
    last = "no answer"
    end_s = time.monotonic() + timeout_s
    with httpx.Client(headers=headers, timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
        while time.monotonic() < end_s:
            try:
                response = client.get(url)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                last = f"{type(error).__name__}: {error}"
            else:
                if response.is_success:
                    return
                last = f"{response.status_code} {response.text[:_MAX_TEXT_CHARACTERS]}"
                if response.status_code == HTTPStatus.UNAUTHORIZED:
                    hint = "set JWT_SECRET to the backend's secret; the test users must be in its store"
                    raise TargetError(f"{url} refused the test user's token: {last}", hint)
            death = find_dead_service()
            if death is not None:
                raise TargetError(death)
            time.sleep(_INTERVAL_S)
    raise TargetError(
        f"{url} was not ready within {timeout_s:g} s: {last}", "check the stack: bench stack status"
    )


def probe_services(stack: Stack, urls: Mapping[str, str]) -> dict[str, str]:
    """Return the state of each service of a stack that runs elsewhere: `up`, or the problem.

    A service that refuses a request without a test user is up.

    Args:
        stack: The declaration. It contains the paths to request; the default is the root.
        urls: Addresses by service.
    """
    tiers = stack.layers.tiers if stack.layers else ()
    paths = {layer.target.service: layer.target.ready for layer in tiers}
    states = {}
    with httpx.Client(timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
        for service, url in urls.items():
            address = url.rstrip("/") + paths.get(service, "/")
            try:
                status = client.get(address).status_code
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                states[service] = f"no answer: {error}"
            else:
                is_up = status < HTTPStatus.INTERNAL_SERVER_ERROR
                states[service] = "up" if is_up else f"answers {status}"
    return states
