"""The service that probes are sent to, with the users of its tokens."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.core.config.promises import Promises
from bench.core.config.target import Target
from bench.core.probe.chat_call import ChatCall
from bench.core.probe.exchange import Exchange, ProbeRequest, TokenKind
from bench.measure.probe.forged_tokens import TokenMaker
from bench.measure.probe.sender import Sender
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.users.auth import Account


@dataclass(frozen=True, slots=True)
class ProbeSubject:
    """A chat service, its promises, and test users."""

    running: RunningStack
    """The stack."""
    url: str
    """Address of the service."""
    chat: Target
    """The target that describes the chat and its answers."""
    call: ChatCall
    """The call of the chat."""
    stream: ChatCall
    """The chat whose answers are cancelled."""
    accounts: Sequence[Account] = ()
    """Test users, of which no probe uses one of another probe; none if the chat needs no token."""
    tokens: TokenMaker | None = field(default=None, repr=False)
    """Makes their tokens; `None` if the chat needs no token."""

    @property
    def promises(self) -> Promises:
        """The promises of the stack."""
        return self.running.stack.promises


class ProbeUser:
    """A test user who sends requests.

    Args:
        sender: Sends them.
        tokens: Makes the tokens; `None` for a chat without tokens.
        account: The test user; `None` likewise.
        other: Another test user; `None` likewise.
    """

    def __init__(
        self, sender: Sender, tokens: TokenMaker | None, account: Account | None, other: Account | None
    ) -> None:
        self._sender = sender
        self._tokens = tokens
        self._account = account
        self._other = other
        self._made: dict[TokenKind, str | None] = {}

    @property
    def id(self) -> str | None:
        """Id of the user."""
        return None if self._account is None else self._account.id

    def token(self, kind: TokenKind) -> str | None:
        """Return the user's token of a kind, always the same one."""
        if self._tokens is None or self._account is None or self._other is None:
            return None
        if kind not in self._made:
            self._made[kind] = self._tokens.make(kind, self._account, self._other)
        return self._made[kind]

    def forget_tokens(self) -> None:
        """Let the next request have a new token."""
        self._made.clear()

    async def send(self, request: ProbeRequest) -> Exchange:
        """Send a request with the token that it asks for."""
        return await self._sender.send(request, self.token(request.token), self.id)

    async def send_with(self, request: ProbeRequest, token: str) -> Exchange:
        """Send a request with this token."""
        return await self._sender.send(request, token, self.id)


class ProbeUsers:
    """The test users of a service, each given away once.

    Args:
        subject: The service.
        sender: Sends their requests.
    """

    def __init__(self, subject: ProbeSubject, sender: Sender) -> None:
        self._subject = subject
        self._sender = sender
        self._accounts: Iterator[Account] = iter(subject.accounts)
        self.other = next(self._accounts, None)
        """A test user who sends no request."""

    def next(self) -> ProbeUser:
        """Return the next test user."""
        account = next(self._accounts, None)
        return ProbeUser(self._sender, self._subject.tokens, account, self.other)


def count_by_user(exchanges: Sequence[Exchange]) -> Mapping[str, int]:
    """Return the number of chat requests that were answered or cancelled, by the id of their user."""
    counts: dict[str, int] = {}
    for exchange in exchanges:
        if exchange.user is not None and exchange.request.is_chat and exchange.answer.is_success:
            counts[exchange.user] = counts.get(exchange.user, 0) + 1
    return counts
