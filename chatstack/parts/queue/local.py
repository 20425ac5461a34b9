"""The queue of one process."""

import asyncio
from itertools import count

from chatstack.chat.events import Ask, Question, Queued
from chatstack.parts.queue.limits import QueueLimits
from chatstack.parts.queue.order import WaitingOrder
from chatstack.parts.queue.queue import QueueState, Ticket, full
from chatstack.parts.queue.waits import Holding


class LocalQueue:
    """A queue in memory.

    Args:
        limits: Settings of the queue.
    """

    def __init__(self, limits: QueueLimits) -> None:
        self._limits = limits
        self._order = WaitingOrder[Ticket]()
        self._running: set[Ticket] = set()
        self._user_ids: dict[Ticket, str] = {}
        self._numbers = count(1)
        self._holding = Holding(limits.concurrency)

    async def enter(self, question: Question, priority: int) -> Ticket:
        """Return a ticket, whose turn begins at once if a slot is free."""
        free = self._limits.concurrency - len(self._running)
        if free <= 0 and len(self._order) >= self._limits.max_waiting:
            raise full(self._holding.retry_after_s(len(self._order)))
        ticket = Ticket(str(next(self._numbers)), priority, asyncio.get_running_loop().create_future())
        self._user_ids[ticket] = str(question.user.get("_id"))
        self._order.add(ticket, priority)
        self._admit()
        return ticket

    def place(self, ticket: Ticket) -> Queued:
        """Return the position of a waiting ticket, and its estimated wait."""
        position = self._order.position(ticket)
        return Queued(position, self._holding.wait_s(position))

    async def wait_again(self, ticket: Ticket) -> None:
        """Give the turn back, and wait for another one, even if the queue is full."""
        self._give_back(ticket)
        ticket.turn = asyncio.get_running_loop().create_future()
        self._order.add(ticket, ticket.priority)
        self._admit()

    def leave(self, ticket: Ticket) -> None:
        """End the turn, or the wait."""
        del self._user_ids[ticket]
        if ticket in self._running:
            self._give_back(ticket)
            self._admit()
        else:
            self._order.remove(ticket)

    async def state(self, user_id: str) -> QueueState:
        """Return the state of the queue."""
        own = [ticket for ticket, owner in self._user_ids.items() if owner == user_id]
        places = [self.place(ticket) for ticket in own if ticket not in self._running]
        waiting = len(self._order)
        return QueueState(len(self._running), waiting, self._holding.wait_s(waiting + 1), places)

    def answer_with(self, ask: Ask) -> None:
        """Do nothing: requests come only from this process."""

    def _admit(self) -> None:
        """Give the free slots to the next tickets."""
        now_s = asyncio.get_running_loop().time()
        while self._order and len(self._running) < self._limits.concurrency:
            ticket = self._order.take()
            ticket.since_s = now_s
            ticket.turn.set_result(None)
            self._running.add(ticket)

    def _give_back(self, ticket: Ticket) -> None:
        self._running.remove(ticket)
        self._holding.record(asyncio.get_running_loop().time() - ticket.since_s)
