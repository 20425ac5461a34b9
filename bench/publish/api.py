"""GitHub's REST API with retries and rate limits. The only module that uses github3.

github3's models fail on deleted accounts, and its session does not retry. Therefore this module uses
the session with a retrying adapter, and reads the answers with its own models.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from github3.session import GitHubSession
from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic_core import from_json
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from bench.errors import PublishError
from bench.publish.foreign import Foreign
from bench.publish.limits import rate_limit_wait_s
from bench.publish.refusals import PROXY_HINT, hint_of, words_of

RETRIES = 4
NOT_PERMITTED = frozenset({403, 404})
_TIMEOUT_S = (5.0, 30.0)
_LONGEST_WAIT_S = 120.0
_MOST_PAGES = 100
_TO_STORAGE = 302
_SUCCESS = 200
_REDIRECT = 300
_SERVER_ERROR = 500
NOT_FOUND = 404
_PART = 1 << 16
_LONGEST_ADDRESS = 200
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
Answer = requests.Response
Model = TypeVar("Model", bound=Foreign)


class _LostAnswerError(PublishError):
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
            PublishError: GitHub does not answer, or a rate limit lasts too long.
        """
        return self._send(method, f"{self._url}{path}", **parts)

    def post(self, path: str, content: Mapping[str, Any]) -> Answer | None:
        """Send a POST request once. Returns `None` if the answer was lost: the request may have succeeded.

        Raises:
            PublishError: A rate limit lasts too long.
        """
        try:
            answer = self.ask("POST", path, json=content)
        except _LostAnswerError:
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
            PublishError: GitHub refused, does not answer, answers something else, or the list has too many
                pages.
        """
        url = f"{self._url}{path}"
        params = dict(query) | {"per_page": "100"}
        for _ in range(_MOST_PAGES):
            answer = self._send("GET", url, params=params)
            yield from _items(answer, model, within)
            url = answer.links.get("next", {}).get("url", "")
            params = {}  # the address of the next page contains them
            if not url:
                return
            if not url.startswith(f"{self._url}/"):
                raise PublishError(
                    f"GitHub's next page of {path} is on another host: {url[:_LONGEST_ADDRESS]}", PROXY_HINT
                )
        raise PublishError(f"GitHub's list {path} has more than {_MOST_PAGES} pages of 100 items")

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
        address = redirect.headers.get("Location", "")
        if redirect.status_code != _TO_STORAGE or not address:
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
            raise _lost_answer(error, address) from error

    def _send(self, method: str, url: str, **parts: Any) -> Answer:
        """Send a request. After a rate limit, wait as long as GitHub asks, and send it again.

        Raises:
            PublishError: GitHub does not answer, or the rate limit lasts too long.
        """
        attempts = 0
        while True:
            answer = self._once(method, url, **parts)
            if answer.ok:
                return answer
            wait_s = rate_limit_wait_s(answer.status_code, answer.headers, _words(answer), self._now())
            if wait_s is None:
                return answer
            if wait_s > _LONGEST_WAIT_S or attempts == RETRIES:
                end = datetime.fromtimestamp(self._now() + wait_s, UTC)
                raise PublishError(
                    f"GitHub's rate limit refused {_place(answer)} with {answer.status_code} until "
                    f"{end:%Y-%m-%d %H:%M:%S} UTC: {_words(answer)}",
                    "publish again after that time; other jobs with this token count too",
                )
            self._sleep(wait_s)
            attempts += 1

    def _once(self, method: str, url: str, **parts: Any) -> Answer:
        try:
            answer: Answer = self._session.request(
                method, url, timeout=_TIMEOUT_S, allow_redirects=False, **parts
            )
        except (requests.RequestException, ValueError) as error:  # ValueError: a malformed redirect
            raise _lost_answer(error, url) from error
        return answer


def done(answer: Answer) -> Answer:
    """Return a successful answer.

    A redirect is an error too: in another name the repository would look like a fork of itself.

    Raises:
        PublishError: GitHub refused, and the message quotes GitHub; or the address has moved.
    """
    if _SUCCESS <= answer.status_code < _REDIRECT:
        return answer
    if answer.is_redirect:
        raise _moved(answer)
    words = _words(answer)
    hint = hint_of(answer.status_code, words, answer.headers)
    raise PublishError(f"GitHub refused {_place(answer)} with {answer.status_code}: {words}", hint)


def read(answer: Answer, model: type[Model]) -> Model:
    """Parse a successful answer.

    Raises:
        PublishError: GitHub refused, or answered something else.
    """
    try:
        return model.model_validate(_content(answer))
    except ValidationError as error:
        raise _unexpected_form(answer, error) from error


def _items(answer: Answer, model: type[Model], within: str | None) -> list[Model]:
    """Parse a page of a list."""
    content = _content(answer)
    if within is not None and isinstance(content, dict):
        content = content.get(within)
    if not isinstance(content, list):
        raise PublishError(f"GitHub's answer to {_place(answer)} is not a list", PROXY_HINT)
    try:
        return TypeAdapter(list[model]).validate_python(content)  # type: ignore[valid-type]
    except ValidationError as error:
        raise _unexpected_form(answer, error) from error


def _content(answer: Answer) -> Any:
    try:
        return from_json(done(answer).content)
    except ValueError as error:
        raise PublishError(f"GitHub's answer to {_place(answer)} is not JSON", PROXY_HINT) from error


def _unexpected_form(answer: Answer, error: ValidationError) -> PublishError:
    field = ".".join(map(str, error.errors()[0]["loc"]))
    return PublishError(f"GitHub's answer to {_place(answer)} has an unexpected form: {field}")


def _moved(answer: Answer) -> PublishError:
    """Return the error for a redirect. Within GitHub the repository has a new name, else a proxy answers."""
    address = urljoin(answer.url, answer.headers["Location"])
    new = urlsplit(address)
    old = urlsplit(answer.url)
    hint = PROXY_HINT
    if (new.scheme, new.netloc) == (old.scheme, old.netloc):
        hint = "the repository was renamed or transferred: set GITHUB_REPOSITORY to its new name"
    return PublishError(f"{_place(answer)} has moved to {address[:_LONGEST_ADDRESS]}", hint)


def _lost_answer(error: Exception, url: str) -> _LostAnswerError:
    """Return the error for a failed exchange. Its text has no token, unlike the text of the cause."""
    hint = next(hint for kind, hint in _NETWORK_HINTS if isinstance(error, kind))
    server = urlsplit(url).netloc or url
    return _LostAnswerError(f"GitHub does not answer at {server}: {type(error).__name__}", hint)


def _place(answer: Answer) -> str:
    """Return the method and the path of the request, without its query."""
    return f"{answer.request.method} {urlsplit(answer.url).path}"


def _words(answer: Answer) -> str:
    return words_of(answer.content, answer.reason)
