"""GitHub's REST API with retries and rate limits. The only module that uses github3.

github3's models fail on deleted accounts, and its session does not retry. Therefore this module uses
the session with a retrying adapter, and reads the answers with its own models.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import requests
from github3.session import GitHubSession
from pydantic import SecretStr, TypeAdapter, ValidationError
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from bench.errors import PublishError
from bench.publish.foreign import Foreign

RETRIES = 4
NOT_PERMITTED = frozenset({403, 404})
_TIMEOUT_S = (5.0, 30.0)
_LONGEST_WAIT_S = 120.0
_DEFAULT_WAIT_S = 60.0  # GitHub's advice for a rate limit without a time
_MOST_PAGES = 100
_LIMITED = frozenset({403, 429})
_SERVER_ERROR = 500
NOT_FOUND = 404
_PART = 1 << 16
Answer = requests.Response
Model = TypeVar("Model", bound=Foreign)


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


class Api:
    """GitHub's REST API with the rights of a token.

    Args:
        token: Token of an account or a workflow.
        url: Address of the API.
        sleep: Function that waits a number of seconds.
        now: Function that returns the seconds since 1970.
    """

    def __init__(
        self,
        token: SecretStr,
        url: str,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = url.rstrip("/")
        self._sleep = sleep
        self._now = now
        self._session = GitHubSession()
        self._session.token_auth(token.get_secret_value())
        self._session.headers["Accept"] = "application/vnd.github+json"
        retry = _Retry(
            total=RETRIES,
            backoff_factor=0.5,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods=frozenset({"GET", "PATCH"}),  # repeating these is harmless
            respect_retry_after_header=False,  # `_send` does, for every method, up to a limit
            raise_on_status=False,
            wait=sleep,
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def ask(self, method: str, path: str, **parts: Any) -> Answer:
        """Send a request and return the answer, of any status.

        Args:
            method: HTTP method.
            path: Path below the API's address.
            **parts: Arguments `json`, `params` or `headers` of requests.

        Raises:
            PublishError: GitHub does not answer.
        """
        return self._send(method, f"{self._url}{path}", **parts)

    def post(self, path: str, content: Mapping[str, Any]) -> Answer | None:
        """Send a POST request once. Returns `None` if the answer was lost: the request may have succeeded."""
        try:
            answer = self.ask("POST", path, json=content)
        except PublishError:
            return None
        return None if answer.status_code >= _SERVER_ERROR else answer

    def pages(
        self, path: str, model: type[Model], query: Mapping[str, str], within: str | None = None
    ) -> Iterator[Model]:
        """Yield all items of a list, page by page.

        Args:
            path: Path below the API's address.
            model: Model of an item.
            query: Query parameters.
            within: Key of the list in the answer; `None` if the answer is the list.

        Raises:
            PublishError: GitHub refused, does not answer, or answers something else.
        """
        url = f"{self._url}{path}"
        params = dict(query) | {"per_page": "100"}
        for _ in range(_MOST_PAGES):
            answer = done(self._send("GET", url, params=params))
            try:
                part = answer.json() if within is None else answer.json()[within]
                yield from TypeAdapter(list[model]).validate_python(part)  # type: ignore[valid-type]
            except (ValidationError, ValueError, KeyError, TypeError) as error:
                raise PublishError(f"GitHub's answer to {path} is not a list") from error
            url = answer.links.get("next", {}).get("url", "")
            params = {}  # the address of the next page contains them
            if not url:
                return
            if not url.startswith(f"{self._url}/"):
                raise PublishError(f"GitHub's next page of {path} is on another host: {url}")

    def text(self, path: str, query: Mapping[str, str]) -> str | None:
        """Return a file; `None` if it does not exist.

        Raises:
            PublishError: GitHub refused, does not answer, or the file is not text in UTF-8.
        """
        headers = {"Accept": "application/vnd.github.raw+json"}
        answer = self.ask("GET", path, params=dict(query), headers=headers)
        if answer.status_code == NOT_FOUND:
            return None
        try:
            return done(answer).content.decode()
        except UnicodeDecodeError as error:
            raise PublishError(f"{path} is not text in UTF-8") from error

    def download(self, path: str, file: Path, most_bytes: int) -> None:
        """Download an archive to a file. The storage that GitHub names receives no token.

        Raises:
            PublishError: GitHub refused or does not answer, or the archive is larger than `most_bytes`.
        """
        redirect = self.ask("GET", path)
        address = redirect.headers.get("Location", "") if redirect.is_redirect else ""
        if not address:
            done(redirect)
            raise PublishError(f"GitHub's answer does not name the address of {path}")
        if not address.startswith(("https://", f"{self._url}/")):
            raise PublishError(f"the address of {path} is not https: {address[:100]}")
        size = 0
        try:
            with requests.get(address, stream=True, timeout=_TIMEOUT_S, allow_redirects=False) as answer:
                done(answer)
                with file.open("wb") as out:
                    for part in answer.iter_content(_PART):
                        size += len(part)
                        if size > most_bytes:
                            raise PublishError(f"{path} is larger than {most_bytes / 1e6:.0f} MB")
                        out.write(part)
        except requests.RequestException as error:
            raise PublishError(
                f"GitHub does not answer: {type(error).__name__}", "try again later"
            ) from error

    def _send(self, method: str, url: str, **parts: Any) -> Answer:
        """Send a request. After a rate limit, wait as long as GitHub asks, and send it again."""
        answer = self._once(method, url, **parts)
        for _ in range(RETRIES):
            wait_s = _rate_limit_wait_s(answer, self._now())
            if wait_s is None or wait_s > _LONGEST_WAIT_S:
                break
            self._sleep(wait_s)
            answer = self._once(method, url, **parts)
        return answer

    def _once(self, method: str, url: str, **parts: Any) -> Answer:
        try:
            answer: Answer = self._session.request(
                method, url, timeout=_TIMEOUT_S, allow_redirects=False, **parts
            )
        except requests.RequestException as error:
            raise PublishError(
                f"GitHub does not answer: {type(error).__name__}", "try again later"
            ) from error
        return answer


def done(answer: Answer) -> Answer:
    """Return a successful answer.

    Raises:
        PublishError: GitHub refused; the message quotes GitHub.
    """
    if answer.ok:
        return answer
    hint = None
    if answer.status_code in {401, 403, 404}:
        hint = "check the token's permissions: docs/reference/github-actions.md lists them"
    raise PublishError(f"GitHub refused with {answer.status_code}: {_message(answer)}", hint)


def read(answer: Answer, model: type[Model]) -> Model:
    """Parse a successful answer.

    Raises:
        PublishError: GitHub refused, or answered something else.
    """
    try:
        return model.model_validate_json(done(answer).content)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise PublishError(f"GitHub's answer has an unexpected form: {field}") from error


def _rate_limit_wait_s(answer: Answer, now: float) -> float | None:
    """Return the seconds that a rate limit lasts; `None` if the answer is not a rate limit."""
    if answer.status_code not in _LIMITED:
        return None
    wait = answer.headers.get("Retry-After", "")
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if wait:
        return float(wait) if wait.isascii() and wait.isdigit() else None
    if answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isascii() and reset.isdigit():
        return max(0.0, float(reset) - now)
    return _DEFAULT_WAIT_S if "secondary rate limit" in _message(answer) else None


def _message(answer: Answer) -> str:
    """Return GitHub's message, at most 200 characters."""
    try:
        return str(answer.json()["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return answer.reason or "no reason"
