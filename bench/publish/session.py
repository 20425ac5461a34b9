"""The HTTP session that sends requests to GitHub. The only module that uses github3.

github3's models fail on deleted accounts, and its session does not retry. Therefore this module uses
the session with a retrying adapter, and the other modules read the answers with their own models.
"""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from github3.session import GitHubSession
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from bench.errors import PublishError

Answer = requests.Response
RETRIES = 4
VERSION = "2022-11-28"
"""Version of the REST API whose answers the models of bench describe."""
TIMEOUT_S = (5.0, 30.0)
"""Longest time until a connection is open, and between two parts of an answer."""
_BAD_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
# The first class that an error has selects the next step.
_NETWORK_HINTS = (
    (requests.exceptions.ProxyError, "check HTTPS_PROXY, and that the proxy allows this address"),
    (requests.exceptions.SSLError, "name the certificates of your proxy or server in REQUESTS_CA_BUNDLE"),
    (_BAD_ADDRESS, "check GITHUB_API_URL: it is an address like https://api.github.com"),
    (requests.exceptions.Timeout, "try again later"),
    (requests.exceptions.ConnectionError, "check GITHUB_API_URL and the network, or try again later"),
    (Exception, "try again later"),
)


class LostAnswerError(PublishError):
    """No answer arrived, so GitHub may have carried out the request or not."""


class _Retry(Retry):
    """A retry policy whose waiting can be replaced in tests."""

    def __init__(self, *parts: Any, wait: Callable[[float], object] = time.sleep, **named: Any) -> None:
        super().__init__(*parts, **named)
        self._wait = wait

    def new(self, **named: Any) -> "_Retry":
        """Return the policy with one attempt less."""
        return super().new(wait=self._wait, **named)

    def sleep(self, response: Any = None) -> None:  # noqa: ARG002 - urllib3's signature
        """Wait longer before each attempt."""
        self._wait(self.get_backoff_time())


class Session:
    """A session with a token. It repeats harmless requests after an error of the server.

    Args:
        token: Token of an account or a workflow.
        sleep: Function that waits a number of seconds.
    """

    def __init__(self, token: SecretStr, sleep: Callable[[float], object]) -> None:
        self._session = GitHubSession()
        self._session.token_auth(token.get_secret_value())
        self._session.headers["Accept"] = "application/vnd.github+json"
        self._session.headers["X-GitHub-Api-Version"] = VERSION
        retry = _Retry(
            total=RETRIES,
            backoff_factor=0.5,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods=frozenset({"GET", "PATCH"}),  # repeating these is harmless
            respect_retry_after_header=False,  # `Api` does, for every method, up to a limit
            raise_on_status=False,
            wait=sleep,
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def send(self, method: str, url: str, **parts: Any) -> Answer:
        """Send a request and return the answer, of any status. A redirect is not followed.

        Raises:
            LostAnswerError: No answer arrived.
        """
        try:
            answer: Answer = self._session.request(
                method, url, timeout=TIMEOUT_S, allow_redirects=False, **parts
            )
        except (requests.RequestException, ValueError) as error:  # ValueError: a malformed redirect
            raise lost_answer(error, url) from error
        return answer


def lost_answer(error: Exception, url: str) -> LostAnswerError:
    """Return the error for a failed exchange. Its text has no token, unlike the text of the cause."""
    hint = next(hint for kind, hint in _NETWORK_HINTS if isinstance(error, kind))
    server = urlsplit(url).netloc or url
    return LostAnswerError(f"GitHub does not answer at {server}: {type(error).__name__}", hint)
