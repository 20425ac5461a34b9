"""The settings of the queue."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chatstack.settings import Settings, SettingsError

_PRIORITIES = "admin=1,premium=2,user=3"
# BullMQ's largest priority. 0 would be before all others.
_LARGEST_PRIORITY = 2_097_151
_MOST_ATTEMPTS = 100
# BullMQ's keys consist of names between colons.
_NAME = re.compile(r"[^:\s]+")


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """The settings of the queue."""

    concurrency: int
    """Number of requests that run at the same time."""
    max_waiting: int = 100
    """Number of requests that wait; one more is refused."""
    attempts: int = 1
    """Number of times that a request is tried if it fails before its first text."""
    priorities: Mapping[str, int] = field(default_factory=dict)
    """Priority of each role: the lowest number has the first turn."""

    def priority(self, user: Mapping[str, Any]) -> int:
        """Return the priority of a user. A role without a priority is behind all others."""
        last = max(self.priorities.values(), default=1)
        return self.priorities.get(str(user.get("role")), last)


def read_limits(settings: Settings) -> QueueLimits:
    """Return QUEUE_CONCURRENCY, QUEUE_MAX_WAITING, QUEUE_ATTEMPTS and QUEUE_PRIORITIES.

    Raises:
        SettingsError: One of them is wrong.
    """
    return QueueLimits(
        concurrency=settings.count("QUEUE_CONCURRENCY", 1, low=1),
        max_waiting=settings.count("QUEUE_MAX_WAITING", 100),
        attempts=settings.count("QUEUE_ATTEMPTS", 1, low=1, high=_MOST_ATTEMPTS),
        priorities=_read_priorities(settings.text("QUEUE_PRIORITIES", _PRIORITIES)),
    )


def read_name(settings: Settings) -> str:
    """Return QUEUE_NAME, the name of the queue on Redis.

    Raises:
        SettingsError: It contains a colon or white space.
    """
    name = settings.text("QUEUE_NAME", "chat-processing")
    if not _NAME.fullmatch(name):
        raise SettingsError(f"QUEUE_NAME={name}: must not contain a colon or white space")
    return name


def _read_priorities(text: str) -> dict[str, int]:
    priorities: dict[str, int] = {}
    for entry in text.split(","):
        role, _, number = entry.partition("=")
        if not role.strip() or not number.strip().isdecimal():
            raise SettingsError(f"QUEUE_PRIORITIES={text}: must be like {_PRIORITIES}")
        priority = int(number)
        if not 1 <= priority <= _LARGEST_PRIORITY:
            raise SettingsError(f"QUEUE_PRIORITIES={text}: a priority must be 1 to {_LARGEST_PRIORITY}")
        if role.strip() in priorities:
            raise SettingsError(f"QUEUE_PRIORITIES={text}: {role.strip()} occurs twice")
        priorities[role.strip()] = priority
    return priorities
