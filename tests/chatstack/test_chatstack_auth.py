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
MESSAGE = {"message": "Hello"}


@pytest.fixture
def anonymous_client(stack: Stack) -> Iterator[httpx.Client]:
    """Return a client of the backend without a token."""
    with httpx.Client(base_url=stack.backend.url, timeout=60, trust_env=False) as client:
        yield client


def _assert_refused(response: httpx.Response, reason: str) -> None:
    assert (response.status_code, response.json()) == (401, {"error": reason})


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dXNlcjpwdw==", "Token abc"])
def test_without_a_token_access_is_denied(
    anonymous_client: httpx.Client, method: str, path: str, header: str | None
) -> None:
    """Every protected call without a bearer token gets 401."""
    headers = {} if header is None else {"Authorization": header}
    _assert_refused(anonymous_client.request(method, path, json=MESSAGE, headers=headers), "Access denied")


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_an_unknown_user_is_denied(
    anonymous_client: httpx.Client, stack: Stack, method: str, path: str
) -> None:
    """A valid token of a user who is not in the store gets 401."""
    headers = bearer(mint(stack.secret, make_user()))
    _assert_refused(anonymous_client.request(method, path, json=MESSAGE, headers=headers), "Access denied")


@pytest.mark.parametrize("active", [False, None, "true", 1])
def test_an_inactive_user_is_denied(anonymous_client: httpx.Client, stack: Stack, active: object) -> None:
    """Only users whose `isActive` is true have access."""
    user = make_user(isActive=active)
    change("users", "add", [user], stack.variables)
    response = anonymous_client.get("/api/auth/me", headers=bearer(mint(stack.secret, user)))
    _assert_refused(response, "Access denied")


def test_a_removed_user_is_denied(anonymous_client: httpx.Client, stack: Stack) -> None:
    """A user who was removed from the store has no access, even with a valid token."""
    user = make_user()
    headers = bearer(mint(stack.secret, user))
    change("users", "add", [user], stack.variables)
    assert anonymous_client.get("/api/auth/me", headers=headers).status_code == 200
    change("users", "remove", [user["_id"]], stack.variables)
    _assert_refused(anonymous_client.get("/api/auth/me", headers=headers), "Access denied")


def test_an_expired_token_is_refused(
    anonymous_client: httpx.Client, stack: Stack, user: dict[str, Any]
) -> None:
    """The error of an expired token is "Token expired"."""
    token = mint(stack.secret, user, exp=int(time.time()) - 60)
    _assert_refused(anonymous_client.post(CHAT, json=MESSAGE, headers=bearer(token)), "Token expired")


@pytest.mark.parametrize("exp", [253_402_300_800, 1_900_000_000_000, 10**18])
def test_a_token_may_expire_after_the_year_9999(
    anonymous_client: httpx.Client, stack: Stack, user: dict[str, Any], exp: int
) -> None:
    """Such a token is valid until it is revoked."""
    headers = bearer(mint(stack.secret, user, exp=exp))
    assert anonymous_client.get("/api/auth/me", headers=headers).status_code == 200
    assert anonymous_client.post("/api/auth/logout", headers=headers).status_code == 200
    _assert_refused(anonymous_client.get("/api/auth/me", headers=headers), "Token revoked")


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
    anonymous_client: httpx.Client, stack: Stack, user: dict[str, Any], claims: dict[str, object]
) -> None:
    """A token without expiry, with a malformed user id, or of another type is invalid."""
    token = mint(stack.secret, user, **claims)
    _assert_refused(anonymous_client.get("/api/auth/me", headers=bearer(token)), "Invalid token")


def test_a_wrong_signature_is_invalid(
    anonymous_client: httpx.Client, stack: Stack, user: dict[str, Any]
) -> None:
    """A token of another secret or algorithm, a cut token, and any other text are invalid."""
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
        _assert_refused(anonymous_client.get("/api/auth/me", headers=bearer(token)), "Invalid token")


def test_a_token_is_accepted_in_upper_and_lower_case(
    anonymous_client: httpx.Client, stack: Stack, user: dict[str, Any]
) -> None:
    """The scheme and the hexadecimal user id may have either case."""
    token = mint(stack.secret, user, userId=str(user["_id"]).upper())
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert (
            anonymous_client.get("/api/auth/me", headers={"Authorization": f"{scheme} {token}"}).status_code
            == 200
        )


def test_me_is_the_user_without_private_fields(backend_client: httpx.Client, user: dict[str, Any]) -> None:
    """The document of the user has neither passkeys nor refresh tokens."""
    response = backend_client.get("/api/auth/me")
    assert response.status_code == 200
    public = {key: value for key, value in user.items() if key not in ("passkeys", "refreshTokens")}
    assert response.json() == {"success": True, "data": public}


def test_a_token_is_revoked_by_logging_out(
    anonymous_client: httpx.Client, stack: Stack, user: dict[str, Any]
) -> None:
    """After a logout this token is refused by every call, and other tokens of the user stay valid."""
    revoked, kept = bearer(mint(stack.secret, user)), bearer(mint(stack.secret, user))
    logout = anonymous_client.post("/api/auth/logout", headers=revoked)
    assert (logout.status_code, logout.json()) == (200, {"success": True})
    for method, path in GUARDED:
        _assert_refused(
            anonymous_client.request(method, path, json=MESSAGE, headers=revoked), "Token revoked"
        )
    assert anonymous_client.get("/api/auth/me", headers=kept).status_code == 200


def _application(**changes: object) -> dict[str, object]:
    name = secrets.token_hex(6)
    return {"fullName": "Ada", "email": f"{name}@example.org", "username": name, **changes}


def test_a_registered_user_can_sign_in(anonymous_client: httpx.Client, stack: Stack) -> None:
    """Registering creates an active user with trimmed texts, and returns its id."""
    application = _application(fullName="  Ada Lovelace ")
    response = anonymous_client.post("/api/auth/register", json=application)
    assert response.status_code == 201
    created = response.json()
    assert created["success"] is True
    user = {"_id": created["userId"], "role": "user", **application}
    me = anonymous_client.get("/api/auth/me", headers=bearer(mint(stack.secret, user))).json()["data"]
    assert me["fullName"] == "Ada Lovelace"
    assert {key: me[key] for key in ("username", "email")} == {
        key: application[key] for key in ("username", "email")
    }
    assert (me["role"], me["isActive"], me["isEmailVerified"]) == ("user", True, False)
    assert me["lastLoginAt"] is None
    assert datetime.fromisoformat(me["createdAt"]) <= datetime.now(UTC)


@pytest.mark.parametrize("field", ["email", "username"])
def test_a_taken_name_is_refused(anonymous_client: httpx.Client, field: str) -> None:
    """A registration with a taken e-mail address or user name gets 409."""
    first = _application()
    assert anonymous_client.post("/api/auth/register", json=first).status_code == 201
    response = anonymous_client.post("/api/auth/register", json=_application(**{field: first[field]}))
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
    anonymous_client: httpx.Client, changes: dict[str, object], message: str
) -> None:
    """A field that is missing, empty or not a text is named in a 400."""
    response = anonymous_client.post("/api/auth/register", json=_application(**changes))
    assert (response.status_code, response.json()) == (400, {"error": message})


def test_a_refresh_token_gets_a_new_access_token(
    anonymous_client: httpx.Client, stack: Stack, user: dict[str, Any]
) -> None:
    """A refresh token gets an access token of the same user that is valid for a day."""
    refresh = mint(stack.secret, user, type="refresh")
    response = anonymous_client.post("/api/auth/refresh", json={"refreshToken": refresh})
    assert (response.status_code, response.json()["success"]) == (200, True)
    token = response.json()["accessToken"]
    claims = jwt.decode(token, stack.secret, algorithms=["HS256"])
    assert {key: claims[key] for key in ("username", "email", "role")} == {
        key: user[key] for key in ("username", "email", "role")
    }
    assert claims["userId"] == user["_id"]
    assert claims["exp"] - claims["iat"] == 86_400
    assert anonymous_client.get("/api/auth/me", headers=bearer(token)).status_code == 200


def test_the_lifetime_of_tokens_is_a_setting(stack: Stack, user: dict[str, Any]) -> None:
    """TOKEN_LIFETIME_S sets the validity of access tokens in seconds."""
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "TOKEN_LIFETIME_S": "900"}
    refresh = mint(stack.secret, user, type="refresh")
    with serving("backend", variables) as backend:
        url = f"{backend.url}/api/auth/refresh"
        response = httpx.post(url, json={"refreshToken": refresh}, timeout=60, trust_env=False)
    claims = jwt.decode(response.json()["accessToken"], stack.secret, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 900


def test_only_a_refresh_token_refreshes(
    anonymous_client: httpx.Client, stack: Stack, user: dict[str, Any]
) -> None:
    """Access tokens, expired refresh tokens and tokens of unknown users get 401."""
    cases = [
        (mint(stack.secret, user), "Invalid token"),
        ("nonsense", "Invalid token"),
        (mint(stack.secret, user, type="refresh", exp=int(time.time()) - 60), "Token expired"),
        (mint(stack.secret, make_user(), type="refresh"), "Access denied"),
    ]
    for token, reason in cases:
        _assert_refused(anonymous_client.post("/api/auth/refresh", json={"refreshToken": token}), reason)


@pytest.mark.parametrize("body", [{}, {"refreshToken": None}, {"refreshToken": 7}])
def test_refreshing_needs_a_token(anonymous_client: httpx.Client, body: dict[str, object]) -> None:
    """A body without a refresh token gets 400."""
    response = anonymous_client.post("/api/auth/refresh", json=body)
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
def test_a_body_that_is_not_an_object_is_a_bad_request(
    backend_client: httpx.Client, path: str, content: bytes
) -> None:
    """A body that is not a JSON object of at most 1 MiB gets 400."""
    response = backend_client.post(path, content=content)
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
def test_a_lone_surrogate_is_a_bad_request(backend_client: httpx.Client, path: str, content: bytes) -> None:
    """JSON can write a lone surrogate, but no text can contain it."""
    response = backend_client.post(path, content=content)
    assert (response.status_code, response.json()) == (400, {"error": "the body is not JSON"})
