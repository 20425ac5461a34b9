"""Cookies are kept and sent as a browser does it."""

import pytest

from bench.core.response.cookies import CookieJar, RequestOrigin
from bench.core.values.limited_names import MOST_NAMES

NOW_S = 1_800_000_000.0
PAGE = RequestOrigin("app.test", "/account/login")


def jar_with(*headers: str, origin: RequestOrigin = PAGE) -> CookieJar:
    """Return a jar with the cookies of one answer."""
    jar = CookieJar()
    jar.add(headers, origin, NOW_S)
    return jar


@pytest.mark.parametrize(
    ("header", "path", "is_sent"),
    [
        ("a=1", "/account/settings", True),
        ("a=1", "/", False),
        ("a=1; Path=/", "/", True),
        ("a=1; Path=/docs", "/docs/1", True),
        ("a=1; Path=/docs", "/docsearch", False),
        ("a=1; path=/; HttpOnly; SameSite=Strict", "/any", True),
        ("a=1; Path=/; Max-Age=60", "/", True),
        ("a=1; Path=/; Max-Age=0", "/", False),
        ("a=1; Path=/; Max-Age=-1", "/", False),
        ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/", False),
        ("a=1; Path=/; Expires=Thu, 01-Jan-1970 00:00:00 GMT", "/", False),
        ("a=1; Path=/; Expires=Wed, 09 Jun 2055 10:18:14 GMT", "/", True),
        ("a=1; Path=/; Expires=never", "/", True),
        ("a=1; Path=/; Domain=other.test", "/", False),
        ("a=1; Path=/; Domain=.app.test", "/", True),
        ("a=1; Path=/; Secure", "/", False),
        ("=1; Path=/", "/", False),
        ("nonsense", "/account/x", False),
    ],
)
def test_a_cookie_is_sent_where_a_browser_sends_it(header: str, path: str, *, is_sent: bool) -> None:
    """Path, lifetime, domain and `Secure` decide."""
    sent = jar_with(header).header(RequestOrigin("app.test", path), NOW_S + 1)
    assert sent == ("a=1" if is_sent else None)


def test_a_cookie_ends_with_its_lifetime() -> None:
    """A cookie that was valid is not sent after its end."""
    jar = jar_with("a=1; Path=/; Max-Age=60")
    assert jar.header(PAGE, NOW_S + 59) == "a=1"
    assert jar.header(PAGE, NOW_S + 61) is None


def test_a_server_deletes_and_replaces_its_cookies() -> None:
    """A cookie of the same name and path replaces the old one; one that has expired removes it."""
    jar = jar_with("a=1; Path=/", "b=2; Path=/")
    jar.add(["a=3; Path=/"], PAGE, NOW_S)
    assert jar.header(PAGE, NOW_S) == "b=2; a=3"
    assert jar.value("a") == "3"
    jar.add(["a=; Path=/; Max-Age=0"], PAGE, NOW_S)
    assert jar.header(PAGE, NOW_S) == "b=2"
    jar.clear()
    assert jar.header(PAGE, NOW_S) is None
    assert jar.value("b") is None


def test_the_longest_path_comes_first() -> None:
    """RFC 6265, section 5.4."""
    jar = jar_with("a=1; Path=/", "b=2; Path=/account")
    assert jar.header(PAGE, NOW_S) == "b=2; a=1"


def test_a_secure_cookie_needs_tls_or_this_machine() -> None:
    """Browsers trust their own machine, too."""
    secure = "a=1; Path=/; Secure"
    assert jar_with(secure).header(RequestOrigin("app.test", "/", is_secure=True), NOW_S) == "a=1"
    local = RequestOrigin("127.0.0.1", "/")
    assert jar_with(secure, origin=local).header(local, NOW_S) == "a=1"


def test_a_domain_includes_the_hosts_below_it() -> None:
    """Without a domain, only the host itself gets the cookie."""
    below = RequestOrigin("api.app.test", "/")
    assert jar_with("a=1; Path=/; Domain=app.test").header(below, NOW_S) == "a=1"
    assert jar_with("a=1; Path=/").header(below, NOW_S) is None


def test_the_representation_of_a_cookie_has_no_value() -> None:
    """A log must not contain a session."""
    jar = jar_with("session=secret; Path=/")
    assert "secret" not in repr([*jar._cookies.values()])


def test_a_jar_keeps_the_newest_cookies_only() -> None:
    """A server that sets a new cookie in each answer fills neither the memory nor the requests."""
    jar = jar_with(*(f"name-{number}=1; Path=/" for number in range(1000)))
    header = jar.header(PAGE, NOW_S) or ""
    assert header.count("=") == MOST_NAMES
    assert jar.value("name-999") == "1"
    assert jar.value("name-0") is None
    assert jar_with("a=" + "1" * 5000).header(PAGE, NOW_S) is None
