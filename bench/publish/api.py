"""GitHub's REST API with redirects, rate limits and pages."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic_core import from_json

from bench.errors import PublishError
from bench.publish.addresses import MOST_HOPS, REDIRECTS, Renames, is_below, redirected
from bench.publish.foreign import Foreign
from bench.publish.limits import rate_limit_wait_s, remaining_requests
from bench.publish.refusals import PROXY_HINT, hint_of, words_of
from bench.publish.session import RETRIES, TIMEOUT_S, Answer, LostAnswerError, Session, lost_answer

NOT_PERMITTED = frozenset({403, 404})
NOT_FOUND = 404
RESERVED_REQUESTS = 50
"""If fewer requests remain until GitHub's limit, optional ones are left out."""
_LONGEST_WAIT_S = 120.0
_MOST_PAGES = 100
_TO_STORAGE = 302
_SUCCESS = 200
_REDIRECT = 300
_SERVER_ERROR = 500
_PART = 1 << 16
_LONGEST_ADDRESS = 200
_OF_APP = "ghs_"  # tokens of workflows and of apps start with it
Model = TypeVar("Model", bound=Foreign)


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
        self.is_of_app = token.get_secret_value().startswith(_OF_APP)
        """Whether the token is known to belong to an app, which may not ask for its own name."""
        self._url = url.rstrip("/")
        self._sleep = sleep
        self._now = now
        self._session = Session(token, sleep)
        self._renames = Renames()
        self._remaining: float | None = None

    @property
    def has_renames(self) -> bool:
        """Whether a repository has another name than the requests use."""
        return self._renames.has_any

    @property
    def is_short(self) -> bool:
        """Whether so few requests remain that optional ones must be left out."""
        return self._remaining is not None and self._remaining < RESERVED_REQUESTS

    def ask(self, method: str, path: str, **parts: Any) -> Answer:
        """Send a request and return the answer, of any status.

        Args:
            method: HTTP method.
            path: Path below the API's address.
            **parts: Arguments `json`, `params` or `headers` of requests.

        Raises:
            PublishError: GitHub does not answer, a rate limit lasts too long, or a redirect leads elsewhere.
        """
        return self._send(method, f"{self._url}{path}", **parts)

    def post(self, path: str, content: Mapping[str, Any]) -> Answer | None:
        """Send a POST request once. Returns `None` if the answer was lost: the request may have succeeded.

        Raises:
            PublishError: A rate limit lasts too long, or a redirect leads elsewhere.
        """
        try:
            answer = self.ask("POST", path, json=content)
        except LostAnswerError:
            return None
        return None if answer.status_code >= _SERVER_ERROR else answer

    def post_optional(self, path: str, content: Mapping[str, Any]) -> Answer | None:
        """Send a POST request once, and wait for no rate limit.

        Returns `None` if GitHub refused, did not answer, or few requests remain.
        """
        if self.is_short:
            return None
        try:
            answer = self._follow(self._session.send, "POST", f"{self._url}{path}", json=content)
        except PublishError:
            return None
        return answer if answer.ok else None

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
            if not is_below(url, self._url):
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
        redirect = self._send("GET", f"{self._url}{path}", to_storage=True)
        address = redirect.headers.get("Location", "")
        if redirect.status_code != _TO_STORAGE or not address:
            done(redirect)
            raise PublishError(f"GitHub's answer does not name the address of {path}")
        if not address.startswith(("https://", f"{self._url}/")):
            raise PublishError(f"the address of {path} is not https: {address[:100]}")
        size = 0
        try:
            with requests.get(address, stream=True, timeout=TIMEOUT_S, allow_redirects=False) as answer:
                done(answer)
                with file.open("wb") as out:
                    for part in answer.iter_content(_PART):
                        size += len(part)
                        if size > most_bytes:
                            raise PublishError(f"{path} is larger than {most_bytes / 1e6:.0f} MB")
                        out.write(part)
        except requests.RequestException as error:
            raise lost_answer(error, address) from error

    def _send(self, method: str, url: str, *, to_storage: bool = False, **parts: Any) -> Answer:
        """Send a request, follow redirects, and wait for the end of rate limits."""
        return self._follow(self._send_patiently, method, url, to_storage=to_storage, **parts)

    def _follow(
        self, send: Callable[..., Answer], method: str, url: str, *, to_storage: bool = False, **parts: Any
    ) -> Answer:
        """Send a request, and send it again with its method and body to where a redirect leads.

        Args:
            send: Sends one request.
            method: HTTP method.
            url: Address.
            to_storage: Return a redirect to the storage of archives.
            **parts: Arguments of requests.

        Raises:
            PublishError: A redirect leads to another host, or to no end.
        """
        visited: set[str] = set()
        while True:
            answer = send(method, self._renames.current(url), **parts)
            self._count(answer)
            location = answer.headers.get("Location", "")
            if answer.status_code not in REDIRECTS or not location:
                return answer
            if to_storage and answer.status_code == _TO_STORAGE and not self._is_repository(location):
                return answer
            address = redirected(_place(answer), answer.url, location, self._url)
            if address in visited or len(visited) == MOST_HOPS:
                raise PublishError(
                    f"{_place(answer)} has moved to {address[:_LONGEST_ADDRESS]}, the end of a loop or of "
                    f"{MOST_HOPS} redirects",
                    PROXY_HINT,
                )
            self._renames.learn(url, address, answer.status_code)
            visited.add(address)
            url = address
            if urlsplit(address).query:
                parts.pop("params", None)  # the new address contains them

    def _is_repository(self, address: str) -> bool:
        return address.startswith((f"{self._url}/repos/", f"{self._url}/repositories/"))

    def _count(self, answer: Answer) -> None:
        """Learn how many requests remain."""
        remaining = remaining_requests(answer.headers)
        if remaining is not None:
            self._remaining = remaining

    def _send_patiently(self, method: str, url: str, **parts: Any) -> Answer:
        """Send a request. After a rate limit, wait as long as GitHub asks, and send it again.

        Raises:
            PublishError: GitHub does not answer, or the rate limit lasts too long.
        """
        attempts = 0
        while True:
            answer = self._session.send(method, url, **parts)
            if answer.ok:
                return answer
            wait_s = rate_limit_wait_s(answer.status_code, answer.headers, _words(answer), self._now())
            if wait_s is None:
                return answer
            if wait_s > _LONGEST_WAIT_S or attempts == RETRIES:
                raise self._limited(answer, wait_s)
            self._sleep(wait_s)
            attempts += 1

    def _limited(self, answer: Answer, wait_s: float) -> PublishError:
        end = datetime.fromtimestamp(self._now() + wait_s, UTC)
        return PublishError(
            f"GitHub's rate limit refused {_place(answer)} with {answer.status_code} until "
            f"{end:%Y-%m-%d %H:%M:%S} UTC: {_words(answer)}",
            "publish again after that time; other jobs with this token count too",
        )


def done(answer: Answer) -> Answer:
    """Return a successful answer.

    Raises:
        PublishError: GitHub refused, and the message quotes GitHub.
    """
    if _SUCCESS <= answer.status_code < _REDIRECT:
        return answer
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


def _place(answer: Answer) -> str:
    """Return the method and the path of the request, without its query."""
    return f"{answer.request.method} {urlsplit(answer.url).path}"


def _words(answer: Answer) -> str:
    return words_of(answer.content, answer.reason)
