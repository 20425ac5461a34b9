import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest

from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import bearer, change, make_user, mint, serving

CHAT = "/api/chat/ask-dynaform"
GUARDED = [
    ("POST", CHAT),
    ("GET", "/api/chat/health"),
    ("GET", "/api/auth/me"),
    ("POST", "/api/auth/logout"),
]
SENT = {"message": "Hello"}


@pytest.fixture
def anyone(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the backend that is not signed in."""
    with httpx.Client(base_url=stack.backend.url, timeout=60, trust_env=False) as client:
        yield client


def _assert_refused(response: httpx.Response, reason: str) -> None:
    assert (response.status_code, response.json()) == (401, {"error": reason})


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dXNlcjpwdw==", "Token abc"])
def test_without_a_token_access_is_denied(
    anyone: httpx.Client, method: str, path: str, header: str | None
) -> None:
    """Every guarded call without a bearer token is answered 401."""
    headers = {} if header is None else {"Authorization": header}
    _assert_refused(anyone.request(method, path, json=SENT, headers=headers), "Access denied")


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_an_unknown_user_is_denied(anyone: httpx.Client, stack: Stack, method: str, path: str) -> None:
    """A token that holds, of a user who is not in the store, is answered 401."""
    headers = bearer(mint(stack.secret, make_user()))
    _assert_refused(anyone.request(method, path, json=SENT, headers=headers), "Access denied")


@pytest.mark.parametrize("active", [False, None, "true", 1])
def test_an_inactive_user_is_denied(anyone: httpx.Client, stack: Stack, active: object) -> None:
    """Only a user whose `isActive` is true is let in."""
    user = make_user(isActive=active)
    change("users", "add", [user], stack.variables)
    response = anyone.get("/api/auth/me", headers=bearer(mint(stack.secret, user)))
    _assert_refused(response, "Access denied")


def test_a_removed_user_is_denied(anyone: httpx.Client, stack: Stack) -> None:
    """A user who is taken out of the store is let in no more, though the token holds."""
    user = make_user()
    headers = bearer(mint(stack.secret, user))
    change("users", "add", [user], stack.variables)
    assert anyone.get("/api/auth/me", headers=headers).status_code == 200
    change("users", "remove", [user["_id"]], stack.variables)
    _assert_refused(anyone.get("/api/auth/me", headers=headers), "Access denied")


def test_an_expired_token_is_refused(anyone: httpx.Client, stack: Stack, user: dict[str, Any]) -> None:
    """A token past its time says so."""
    token = mint(stack.secret, user, exp=int(time.time()) - 60)
    _assert_refused(anyone.post(CHAT, json=SENT, headers=bearer(token)), "Token expired")


@pytest.mark.parametrize("exp", [253_402_300_800, 1_900_000_000_000, 10**18])
def test_a_token_may_outlast_the_calendar(
    anyone: httpx.Client, stack: Stack, user: dict[str, Any], exp: int
) -> None:
    """A token that expires after the year 9999 holds until it is revoked."""
    headers = bearer(mint(stack.secret, user, exp=exp))
    assert anyone.get("/api/auth/me", headers=headers).status_code == 200
    assert anyone.post("/api/auth/logout", headers=headers).status_code == 200
    _assert_refused(anyone.get("/api/auth/me", headers=headers), "Token revoked")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": "tomorrow"},
        {"userId": None},
        {"userId": 42},
        {"userId": "not-hex"},
        {"userId": "ab" * 13},
        {"type": "refresh"},
        {"type": "other"},
        {"nbf": 4_000_000_000},
    ],
)
def test_wrong_claims_are_invalid(
    anyone: httpx.Client, stack: Stack, user: dict[str, Any], claims: dict[str, object]
) -> None:
    """A token without an end, with a user id of another shape or of another kind is invalid."""
    token = mint(stack.secret, user, **claims)
    _assert_refused(anyone.get("/api/auth/me", headers=bearer(token)), "Invalid token")


def test_a_wrong_signature_is_invalid(anyone: httpx.Client, stack: Stack, user: dict[str, Any]) -> None:
    """A token of another secret, algorithm or none at all is invalid, and so is what is no token."""
    claims = {"userId": user["_id"], "exp": int(time.time()) + 60}
    tokens = [
        mint(secrets.token_hex(32), user),
        jwt.encode(claims, secrets.token_hex(64), algorithm="HS512"),
        jwt.encode(claims, "", algorithm="none"),
        mint(stack.secret, user)[:-4],
        "no.token.atall",
        "x",
    ]
    for token in tokens:
        _assert_refused(anyone.get("/api/auth/me", headers=bearer(token)), "Invalid token")


def test_a_token_is_accepted_in_any_case(anyone: httpx.Client, stack: Stack, user: dict[str, Any]) -> None:
    """The scheme's name and the hexadecimal digits of the user id may be of either case."""
    token = mint(stack.secret, user, userId=str(user["_id"]).upper())
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert anyone.get("/api/auth/me", headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def test_me_is_the_user_without_what_is_private(asking: httpx.Client, user: dict[str, Any]) -> None:
    """A user sees the own document, but neither passkeys nor refresh tokens."""
    response = asking.get("/api/auth/me")
    assert response.status_code == 200
    public = {key: value for key, value in user.items() if key not in ("passkeys", "refreshTokens")}
    assert response.json() == {"success": True, "data": public}


def test_a_token_is_revoked_by_logging_out(anyone: httpx.Client, stack: Stack, user: dict[str, Any]) -> None:
    """After logging out that token is refused everywhere, and the user's others still hold."""
    left, kept = bearer(mint(stack.secret, user)), bearer(mint(stack.secret, user))
    logout = anyone.post("/api/auth/logout", headers=left)
    assert (logout.status_code, logout.json()) == (200, {"success": True})
    for method, path in GUARDED:
        _assert_refused(anyone.request(method, path, json=SENT, headers=left), "Token revoked")
    assert anyone.get("/api/auth/me", headers=kept).status_code == 200


def _application(**changes: object) -> dict[str, object]:
    name = secrets.token_hex(6)
    return {"fullName": "Ada", "email": f"{name}@example.org", "username": name, **changes}


def test_who_registers_can_sign_in(anyone: httpx.Client, stack: Stack) -> None:
    """Registering makes an active user of the contract's shape, with the text trimmed, and says its id."""
    applied = _application(fullName="  Ada Lovelace ")
    response = anyone.post("/api/auth/register", json=applied)
    assert response.status_code == 201
    made = response.json()
    assert made["success"] is True
    user = {"_id": made["userId"], "role": "user", **applied}
    me = anyone.get("/api/auth/me", headers=bearer(mint(stack.secret, user))).json()["data"]
    assert me["fullName"] == "Ada Lovelace"
    assert {key: me[key] for key in ("username", "email")} == {
        key: applied[key] for key in ("username", "email")
    }
    assert (me["role"], me["isActive"], me["isEmailVerified"]) == ("user", True, False)
    assert me["lastLoginAt"] is None
    assert datetime.fromisoformat(me["createdAt"]) <= datetime.now(UTC)


@pytest.mark.parametrize("same", ["email", "username"])
def test_a_name_is_given_once(anyone: httpx.Client, same: str) -> None:
    """Whoever asks for an e-mail address or user name that is taken is refused with 409."""
    first = _application()
    assert anyone.post("/api/auth/register", json=first).status_code == 201
    response = anyone.post("/api/auth/register", json=_application(**{same: first[same]}))
    assert (response.status_code, response.json()) == (409, {"error": "User already exists"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fullName": None}, "fullName is required"),
        ({"fullName": " "}, "fullName is required"),
        ({"email": ""}, "email is required"),
        ({"username": 7}, "username is required"),
        ({"email": "nobody"}, "email is not an e-mail address"),
        ({"email": "a b@c"}, "email is not an e-mail address"),
    ],
)
def test_registering_needs_three_texts(
    anyone: httpx.Client, changes: dict[str, object], message: str
) -> None:
    """Whatever is missing, empty or no text is named with 400."""
    response = anyone.post("/api/auth/register", json=_application(**changes))
    assert (response.status_code, response.json()) == (400, {"error": message})


def test_a_refresh_token_gets_a_new_access_token(
    anyone: httpx.Client, stack: Stack, user: dict[str, Any]
) -> None:
    """A token of type refresh buys an access token of the same user that holds for a day."""
    refresh = mint(stack.secret, user, type="refresh")
    response = anyone.post("/api/auth/refresh", json={"refreshToken": refresh})
    assert (response.status_code, response.json()["success"]) == (200, True)
    token = response.json()["accessToken"]
    claims = jwt.decode(token, stack.secret, algorithms=["HS256"])
    assert {key: claims[key] for key in ("username", "email", "role")} == {
        key: user[key] for key in ("username", "email", "role")
    }
    assert claims["userId"] == user["_id"]
    assert claims["exp"] - claims["iat"] == 86_400
    assert anyone.get("/api/auth/me", headers=bearer(token)).status_code == 200


def test_the_lifetime_of_tokens_is_a_setting(stack: Stack, user: dict[str, Any]) -> None:
    """TOKEN_LIFETIME_S is how long the access tokens hold that the backend gives."""
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "TOKEN_LIFETIME_S": "900"}
    refresh = mint(stack.secret, user, type="refresh")
    with serving("backend", variables) as backend:
        url = f"{backend.url}/api/auth/refresh"
        response = httpx.post(url, json={"refreshToken": refresh}, timeout=60, trust_env=False)
    claims = jwt.decode(response.json()["accessToken"], stack.secret, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 900


def test_only_a_refresh_token_refreshes(anyone: httpx.Client, stack: Stack, user: dict[str, Any]) -> None:
    """An access token, an expired refresh token and one of an unknown user are refused with 401."""
    cases = [
        (mint(stack.secret, user), "Invalid token"),
        ("nonsense", "Invalid token"),
        (mint(stack.secret, user, type="refresh", exp=int(time.time()) - 60), "Token expired"),
        (mint(stack.secret, make_user(), type="refresh"), "Access denied"),
    ]
    for token, reason in cases:
        _assert_refused(anyone.post("/api/auth/refresh", json={"refreshToken": token}), reason)


@pytest.mark.parametrize("body", [{}, {"refreshToken": None}, {"refreshToken": 7}])
def test_refreshing_needs_a_token(anyone: httpx.Client, body: dict[str, object]) -> None:
    """Without a refresh token in the body it is a bad request."""
    response = anyone.post("/api/auth/refresh", json=body)
    assert (response.status_code, response.json()) == (400, {"error": "refreshToken is required"})


@pytest.mark.parametrize("path", [CHAT, "/api/auth/register", "/api/auth/refresh"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        pytest.param(b" " * (1024 * 1024 + 1), id="too large"),
        pytest.param(b'{"message":' + b"[" * 100_000, id="too deep"),
    ],
)
def test_a_body_that_is_no_object_is_a_bad_request(asking: httpx.Client, path: str, content: bytes) -> None:
    """Every call with a body answers 400 to what is no JSON object of a megabyte at most."""
    response = asking.post(path, content=content)
    assert response.status_code == 400
    assert response.json()["error"].startswith("the body is ")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (CHAT, b'{"message": "\\ud800"}'),
        (CHAT, b'{"message": "\\ud800", "stream": true}'),
        ("/api/auth/register", b'{"fullName": "Ada", "email": "\\ud800@x", "username": "\\ud800"}'),
        ("/api/auth/refresh", b'{"refreshToken": "\\ud800"}'),
    ],
)
def test_half_a_character_is_a_bad_request(asking: httpx.Client, path: str, content: bytes) -> None:
    """A lone surrogate, which JSON can write and no text can hold, makes the body a bad request."""
    response = asking.post(path, content=content)
    assert (response.status_code, response.json()) == (400, {"error": "the body is not JSON"})
