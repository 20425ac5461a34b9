"""GitHub's REST interface, asked patiently. The only place that knows github3.

github3's own models ask for fields that a deleted user does not have, and it has no retries; so its session
is used, with an adapter that retries, and the answers are read by models of ours.
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
_UNSAID_WAIT_S = 60.0  # what GitHub asks for where it says neither how long nor until when
_MOST_PAGES = 100
_LIMITED = frozenset({403, 429})
_SERVER_ERROR = 500
NOT_FOUND = 404
_PART = 1 << 16
Answer = requests.Response
Model = TypeVar("Model", bound=Foreign)


class _Retry(Retry):
    """Retries that wait as they are told to, so that a test need not."""

    def __init__(self, *parts: Any, wait: Callable[[float], object] = time.sleep, **named: Any) -> None:
        super().__init__(*parts, **named)
        self._wait = wait

    def new(self, **named: Any) -> "_Retry":
        """The same, with one attempt less."""
        return super().new(wait=self._wait, **named)

    def sleep(self, response: Any = None) -> None:  # noqa: ARG002 - urllib3's signature
        """Wait longer before each attempt."""
        self._wait(self.get_backoff_time())


class Api:
    """GitHub's REST interface, with somebody's rights.

    Args:
        token: Whose rights are used.
        url: Of the interface.
        sleep: Waits so many seconds.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        token: SecretStr,
        url: str,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._sleep, self._now = url.rstrip("/"), sleep, now
        self._session = GitHubSession()
        self._session.token_auth(token.get_secret_value())
        self._session.headers["Accept"] = "application/vnd.github+json"
        again = _Retry(
            total=RETRIES,
            backoff_factor=0.5,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods=frozenset({"GET", "PATCH"}),  # to do these twice is to do them once
            respect_retry_after_header=False,  # `_send` does, for every method, and not for a day
            raise_on_status=False,
            wait=sleep,
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))

    def ask(self, method: str, path: str, **parts: Any) -> Answer:
        """Ask for one thing, whatever GitHub answers.

        Args:
            method: Of HTTP.
            path: Below the interface's address.
            **parts: `json` or `params`, as requests has them.

        Raises:
            PublishError: GitHub does not answer.
        """
        return self._send(method, f"{self._url}{path}", **parts)

    def post(self, path: str, content: Mapping[str, Any]) -> Answer | None:
        """Make something. None when nobody knows whether it was made: a POST is never blindly done twice."""
        try:
            answer = self.ask("POST", path, json=content)
        except PublishError:
            return None
        return None if answer.status_code >= _SERVER_ERROR else answer

    def pages(
        self, path: str, model: type[Model], query: Mapping[str, str], within: str | None = None
    ) -> Iterator[Model]:
        """All of a list, page by page.

        Args:
            path: Below the interface's address.
            model: Of each thing in the list.
            query: What is asked for.
            within: The key under which the list stands; None when it is the whole answer.

        Raises:
            PublishError: GitHub refused, does not answer, or says something else.
        """
        url, more = f"{self._url}{path}", dict(query) | {"per_page": "100"}
        for _ in range(_MOST_PAGES):
            answer = done(self._send("GET", url, params=more))
            try:
                part = answer.json() if within is None else answer.json()[within]
                yield from TypeAdapter(list[model]).validate_python(part)  # type: ignore[valid-type]
            except (ValidationError, ValueError, KeyError, TypeError) as error:
                raise PublishError(f"GitHub answered {path} with something else than a list") from error
            url, more = answer.links.get("next", {}).get("url", ""), {}
            if not url:
                return
            if not url.startswith(f"{self._url}/"):
                raise PublishError(f"GitHub's next page of {path} is elsewhere: {url}")

    def text(self, path: str, query: Mapping[str, str]) -> str | None:
        """A file as it is; None when there is none.

        Raises:
            PublishError: GitHub refused, does not answer, or the file is no text.
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
        """Write what GitHub keeps elsewhere to a file. The place it names is asked without the token.

        Raises:
            PublishError: GitHub refused or does not answer, or it is more than that many bytes.
        """
        told = self.ask("GET", path)
        place = told.headers.get("Location", "") if told.is_redirect else ""
        if not place:
            done(told)
            raise PublishError(f"GitHub does not say where {path} is")
        if not place.startswith(("https://", f"{self._url}/")):
            raise PublishError(f"GitHub keeps {path} where nobody is asked safely: {place[:100]}")
        size = 0
        try:
            with requests.get(place, stream=True, timeout=_TIMEOUT_S, allow_redirects=False) as answer:
                done(answer)
                with file.open("wb") as out:
                    for part in answer.iter_content(_PART):
                        size += len(part)
                        if size > most_bytes:
                            raise PublishError(f"{path} has more than {most_bytes / 1e6:.0f} MB")
                        out.write(part)
        except requests.RequestException as error:
            raise PublishError(
                f"GitHub does not answer: {type(error).__name__}", "try again later"
            ) from error

    def _send(self, method: str, url: str, **parts: Any) -> Answer:
        """Send, and wait as long as GitHub asks to: what it refused for being too much was not done."""
        answer = self._once(method, url, **parts)
        for _ in range(RETRIES):
            wait_s = _asked_to_wait_s(answer, self._now())
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
            what = type(error).__name__
            raise PublishError(f"GitHub does not answer: {what}", "try again later") from error
        return answer


def done(answer: Answer) -> Answer:
    """The answer, when GitHub did what was asked.

    Raises:
        PublishError: It did not; the message has its words.
    """
    if answer.ok:
        return answer
    hint = None
    if answer.status_code in {401, 403, 404}:
        hint = "has the token the rights that docs/reference/github-actions.md names?"
    raise PublishError(f"GitHub refused with {answer.status_code}: {_said(answer)}", hint)


def read(answer: Answer, model: type[Model]) -> Model:
    """What GitHub answered, when it did what was asked.

    Raises:
        PublishError: It did not, or said something else.
    """
    try:
        return model.model_validate_json(done(answer).content)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise PublishError(f"GitHub answered with something else than was asked for: {place}") from error


def _asked_to_wait_s(answer: Answer, now: float) -> float | None:
    """How long GitHub wants to be left alone; None when it does not say so."""
    if answer.status_code not in _LIMITED:
        return None
    wait, reset = answer.headers.get("Retry-After", ""), answer.headers.get("X-RateLimit-Reset", "")
    if wait:
        return float(wait) if wait.isascii() and wait.isdigit() else None
    if answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isascii() and reset.isdigit():
        return max(0.0, float(reset) - now)
    return _UNSAID_WAIT_S if "secondary rate limit" in _said(answer) else None


def _said(answer: Answer) -> str:
    """GitHub's own words, short."""
    try:
        return str(answer.json()["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return answer.reason or "no reason given"
