"""What shows who a user is: a header with a token, and cookies. It is renewed before it expires."""

import time
from collections.abc import Mapping
from typing import Any

from bench.core.config.journey import TOKEN, HeaderCredential, Login
from bench.core.load.rendering import as_text
from bench.core.response.cookies import CookieJar, RequestOrigin
from bench.core.response.step_answer import StepAnswer, expiry_of_token, read_seconds
from bench.measure.http.wire import Reply

_EARLY_S = 5.0
_EARLY_RATIO = 0.1
"""A login is renewed this long before it expires: five seconds, or a tenth of a shorter lifetime."""


class Credential:
    """The credential of one user.

    Args:
        login: How the user logs in; `None` for a user without a login, who is always logged in.

    Attributes:
        is_valid: Whether the user is logged in.
        headers: Headers that show who the user is, without cookies.
        saved: Values that the login has saved.
    """

    def __init__(self, login: Login | None) -> None:
        self._login = login
        self._cookies = CookieJar()
        self._renew_at_s: float | None = None  # on the clock of time.time
        self._stated: Any = None  # number of seconds that the answer states
        self.is_valid = login is None
        self.headers: dict[str, str] = {}
        self.saved: dict[str, Any] = {}

    @property
    def is_fresh(self) -> bool:
        """Whether the user is logged in, and the login does not expire soon."""
        return self.is_valid and (self._renew_at_s is None or time.time() < self._renew_at_s)

    def set_token(self, token: str) -> None:
        """Use a token of the stack's test user."""
        self.headers["authorization"] = f"Bearer {token}"

    def begin_login(self) -> None:
        """Forget everything before a login."""
        self._cookies.clear()
        self._stated = None
        self.is_valid = False
        self.headers = {}
        self.saved = {}

    def end_login(self) -> None:
        """Use the saved values of a complete login."""
        token = self.saved.get(TOKEN)
        login = self._login
        assert login is not None  # noqa: S101 - a login has ended
        if token is not None:
            match login.use:
                case HeaderCredential(header=header, prefix=prefix):
                    self.headers[header.lower()] = prefix + as_text(token)
                case "bearer":
                    self.headers["authorization"] = f"Bearer {as_text(token)}"
                case "cookies":
                    pass
        lifetime_s = self._find_lifetime(login, token)
        self._renew_at_s = None
        if lifetime_s is not None:
            self._renew_at_s = time.time() + lifetime_s - min(_EARLY_S, _EARLY_RATIO * lifetime_s)
        self.is_valid = True

    def read_lifetime(self, answer: StepAnswer) -> None:
        """Note the lifetime that an answer to a login states."""
        login = self._login
        if login is not None and login.expires_in is not None and login.lifetime_s is None:
            stated = answer.at(login.expires_in)
            self._stated = self._stated if stated is None else stated

    def headers_for(self, origin: RequestOrigin) -> Mapping[str, str]:
        """Return the headers of a request, with its cookies."""
        cookies = self._cookies.header(origin, time.time())
        return self.headers if cookies is None else {**self.headers, "cookie": cookies}

    def take_cookies(self, reply: Reply, origin: RequestOrigin) -> None:
        """Take the cookies of a reply."""
        headers = [value.decode("latin-1") for name, value in reply.headers if name == b"set-cookie"]
        if headers:
            self._cookies.add(headers, origin, time.time())

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie; `None` without it."""
        return self._cookies.value(name)

    def _find_lifetime(self, login: Login, token: Any) -> float | None:
        """Return for how many seconds a login is valid; `None` if nothing limits it."""
        if login.lifetime_s is not None:
            return login.lifetime_s
        stated_s = read_seconds(self._stated)
        if stated_s is not None:
            return stated_s
        expiry_s = None if token is None else expiry_of_token(token)
        return None if expiry_s is None else max(0.0, expiry_s - time.time())
