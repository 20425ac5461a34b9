"""Waits until a stack answers a test user, not only until a port is open."""

import time
from collections.abc import Callable, Mapping

import httpx

from bench.core.config.stack import Stack
from bench.errors import TargetError

_PAUSE_S = 0.1
_UNAUTHORIZED = 401
_SERVER_ERROR = 500


def wait_until_ready(
    url: str, headers: Mapping[str, str], timeout_s: float, dead: Callable[[], str | None] = lambda: None
) -> None:
    """Return when the address answers 200.

    Args:
        url: Asked again and again.
        headers: Sent along, a test user's token among them.
        timeout_s: How long to go on.
        dead: Says what died meanwhile, so that nobody waits for the dead.

    Raises:
        TargetError: It did not in time, a service died, or the token was refused.
    """
    last = "no answer"
    end_s = time.monotonic() + timeout_s
    with httpx.Client(headers=headers, timeout=5.0, trust_env=False) as client:
        while time.monotonic() < end_s:
            try:
                response = client.get(url)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                last = f"{type(error).__name__}: {error}"
            else:
                if response.is_success:
                    return
                last = f"{response.status_code} {response.text[:200]}"
                if response.status_code == _UNAUTHORIZED:
                    raise TargetError(
                        f"{url} refused the test user's token: {last}",
                        "JWT_SECRET must be the backend's own, and the test users must be in its store",
                    )
            death = dead()
            if death is not None:
                raise TargetError(death)
            time.sleep(_PAUSE_S)
    raise TargetError(
        f"{url} was not ready within {timeout_s:g} s: {last}", "is the stack up? bench stack status"
    )


def answering(stack: Stack, urls: Mapping[str, str]) -> dict[str, str]:
    """How the services of a stack that runs elsewhere answer: `up`, or what was wrong.

    Without a test user a service may refuse the question; then it answers, and that is what was asked.

    Args:
        stack: Which paths to ask: those that it declares, else the root.
        urls: By service.
    """
    paths = {
        layer.target.service: layer.target.ready for layer in (stack.layers.tiers if stack.layers else ())
    }
    found = {}
    with httpx.Client(timeout=5.0, trust_env=False) as client:
        for name, url in urls.items():
            try:
                code = client.get(url.rstrip("/") + paths.get(name, "/")).status_code
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                found[name] = f"no answer: {error}"
            else:
                found[name] = "up" if code < _SERVER_ERROR else f"answers {code}"
    return found
