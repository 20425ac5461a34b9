"""A small application with accounts, sessions, messages and files: it runs in a thread of the test."""

import base64
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Status, document and `Set-Cookie` headers.
Answer = tuple[int, Any, list[str]]


class SessionChat:
    """The state of the application, and what it received.

    Attributes:
        url: Its address.
        passwords: Password by email; a user who is not in it cannot log in. Empty for any password.
        lifetime_s: Seconds that a token is valid.
        tokens: End of each token's life by the token, on the clock of `time.monotonic`.
        logins: Number of logins by email.
        sessions: Messages by the id of each open session.
        closed: Ids of closed sessions.
        files: Name and size of each uploaded file.
        broken: Paths that are answered with 500.
        slow_s: Seconds before an answer, by path.
        make_token: Makes the token of a login.
    """

    def __init__(self) -> None:
        self.url = ""
        self.passwords: dict[str, str] = {}
        self.lifetime_s = 3600.0
        self.tokens: dict[str, float] = {}
        self.emails: dict[str, str] = {}
        self.logins: Counter[str] = Counter()
        self.sessions: dict[str, list[str]] = {}
        self.closed: list[str] = []
        self.files: list[tuple[str, int]] = []
        self.requests: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.slow_s: dict[str, float] = {}
        self.lock = threading.Lock()
        self.make_token: Callable[[], str] = lambda: secrets.token_urlsafe(24)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Return status, document and `Set-Cookie` headers of an answer."""
        route = urlsplit(path).path
        time.sleep(self.slow_s.get(route, 0.0))
        with self.lock:
            self.requests.append((method, path))
            if route in self.broken:
                return 500, {"error": "out of order"}, []
            if (method, route) == ("POST", "/login"):
                return self._log_in(headers, body)
            email = self._user(headers)
            if email is None:
                return 401, {"detail": "the token has expired"}, []
            return self._answer_user(method, route, headers, body)

    def _log_in(self, headers: dict[str, str], body: bytes) -> Answer:
        if headers["content-type"].startswith("application/json"):
            fields = json.loads(body)
        else:
            fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        email = fields["email"]
        if self.passwords and self.passwords.get(email) != fields["password"]:
            return 403, {"detail": f"wrong password {fields['password']} for {email}"}, []
        token = self.make_token()
        self.tokens[token] = time.monotonic() + self.lifetime_s
        self.emails[token] = email
        self.logins[email] += 1
        cookies = [f"session={token}; Path=/; HttpOnly", "theme=dark; Path=/settings", "old=1; Max-Age=0"]
        return 200, {"access_token": token, "expires_in": self.lifetime_s}, cookies

    def _user(self, headers: dict[str, str]) -> str | None:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        for pair in headers.get("cookie", "").split("; "):
            name, _, value = pair.partition("=")
            token = value if name == "session" else token
        return self.emails.get(token) if self.tokens.get(token, 0.0) > time.monotonic() else None

    def _answer_user(self, method: str, route: str, headers: dict[str, str], body: bytes) -> Answer:
        match (method, route.strip("/").split("/")):
            case ("POST", ["sessions"]):
                session = secrets.token_hex(4)
                self.sessions[session] = []
                return 201, {"session": {"id": session}}, []
            case ("POST", ["sessions", session, "messages"]) if session in self.sessions:
                text = json.loads(body)["text"]
                self.sessions[session].append(text)
                return 200, {"answer": f"You wrote {len(text)} letters."}, []
            case ("DELETE", ["sessions", session]) if session in self.sessions:
                del self.sessions[session]
                self.closed.append(session)
                return 204, None, []
            case ("POST", ["files"]):
                self.files += _files_of(headers["content-type"], body)
                return 201, {"id": len(self.files)}, []
            case _:
                return 404, {"detail": "no such thing"}, []


def _files_of(content_type: str, body: bytes) -> Iterator[tuple[str, int]]:
    """Yield name and size of each file of a multipart body."""
    message = BytesParser().parsebytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
    for part in message.walk():
        name = part.get_filename()
        content = part.get_payload(decode=True)
        if name is not None and isinstance(content, bytes):
            yield name, len(content)


def jwt(expires_at_s: float) -> str:
    """Return an unsigned token that expires at a time in seconds since 1970."""
    parts = [{"alg": "none"}, {"exp": expires_at_s}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2ln"])


@contextmanager
def session_chat() -> Iterator[SessionChat]:
    """Run the application in a thread."""
    chat = SessionChat()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, document, cookies = chat.answer(self.command, self.path, headers, body)
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            for cookie in cookies:
                self.send_header("set-cookie", cookie)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that left is no error
    chat.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
