"""Settings from environment variables. A wrong setting is one sentence, not a traceback."""

import math
from collections.abc import Mapping
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A variable is missing or wrong; the message names it."""


class Settings:
    """Typed access to environment variables. An empty variable counts as not set.

    Args:
        environ: Environment variables.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text.

        Raises:
            SettingsError: The variable is not set and has no default.
        """
        value = self._environ.get(name) or default
        if value is None:
            raise SettingsError(f"{name} is not set")
        return value

    def optional(self, name: str) -> str | None:
        """Return a text, or `None` if the variable is not set."""
        return self._environ.get(name) or None

    def url(self, name: str) -> str:
        """Return an address that begins with http:// or https:// and names a host.

        Raises:
            SettingsError: The value is not such an address.
        """
        text = self.text(name)
        try:
            parts = urlsplit(text)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise SettingsError(f"{name}={text}: not an address like http://127.0.0.1:11434")
        return text

    def number(self, name: str, default: float, *, low: float = 0.0, high: float = math.inf) -> float:
        """Return a number from `low` to `high`.

        Raises:
            SettingsError: The value is not such a number.
        """
        text = self._environ.get(name) or str(default)
        try:
            value = float(text)
        except ValueError:
            raise SettingsError(f"{name}={text}: not a number") from None
        if not (math.isfinite(value) and low <= value <= high):
            bounds = f"at least {low:.10g}" if high == math.inf else f"{low:.10g} to {high:.10g}"
            raise SettingsError(f"{name}={text}: must be {bounds}")
        return value

    def count(self, name: str, default: int, *, low: int = 0, high: int = 1_000_000_000) -> int:
        """Return an integer from `low` to `high`.

        Raises:
            SettingsError: The value is not such a number.
        """
        value = self.number(name, default, low=low, high=high)
        if not value.is_integer():
            raise SettingsError(f"{name}={self._environ[name]}: not a whole number")
        return int(value)

    def switch(self, name: str) -> bool:
        """Return whether the variable is 1; without a value, it is 0.

        Raises:
            SettingsError: The value is neither 0 nor 1.
        """
        text = self._environ.get(name) or "0"
        if text not in {"0", "1"}:
            raise SettingsError(f"{name}={text}: must be 0 or 1")
        return text == "1"

    def table(self, name: str, example: str) -> dict[str, str]:
        """Return a table such as `a=1,b=2`; empty if the variable is not set.

        Args:
            name: Name of the variable.
            example: A right value with its variable, for the error.

        Raises:
            SettingsError: An entry has no name or no value, or a name occurs twice.
        """
        rows: dict[str, str] = {}
        text = self._environ.get(name) or ""
        for entry in filter(None, map(str.strip, text.split(","))):
            key, _, value = map(str.strip, entry.rpartition("="))
            if not key or not value:
                raise SettingsError(f"{name}: {entry}: write it like {example}")
            if key in rows:
                raise SettingsError(f"{name}: {key} occurs twice")
            rows[key] = value
        return rows
