"""Configuration files of services, which `bench` writes from texts with placeholders.

A line with `${SERVICE.instance.address}`, `….url` or `….name` is written once for each instance.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from bench.core.config.instances import address_of
from bench.core.config.placeholders import expand
from bench.core.config.target import Name
from bench.errors import ConfigError

_PARTS = ("name", "url", "address")
_INSTANCE = re.compile(r"\$\{([a-z0-9-]+)\.instance\.(name|url|address)\}")


def list_instance_placeholders(services: Iterable[Name]) -> list[str]:
    """Return the placeholders that repeat a line."""
    names: list[str] = []
    for service in services:
        names += [f"{service}.instance.{part}" for part in _PARTS]
    return names


def write_configuration(
    text: str, values: Mapping[str, str], instances: Mapping[Name, Mapping[Name, str]], where: str
) -> str:
    """Return the content of a configuration file.

    Args:
        text: The text with placeholders.
        values: Values by the placeholder's name.
        instances: For each service, the addresses of its instances by their names.
        where: Place of the text, for the error message.

    Raises:
        ConfigError: A placeholder has no value, or a line has the instances of two services.
    """
    lines: list[str] = []
    for line in text.splitlines():
        lines += _repeat(line, instances, where)
    return expand("\n".join([*lines, ""]), values, where)


def _repeat(line: str, instances: Mapping[Name, Mapping[Name, str]], where: str) -> Iterator[str]:
    """Yield a line once for each instance that it has a placeholder of; else once."""
    services = {match[1] for match in _INSTANCE.finditer(line)}
    if len(services) > 1:
        listed = " and ".join(sorted(services))
        raise ConfigError(f"{where}: a line has the instances of {listed}", "write one line for each service")
    if not services:
        yield line
    for service in services:
        for name, url in instances.get(service, {}).items():
            values = {"name": name, "url": url, "address": address_of(url)}
            repeated = line
            for part, value in values.items():
                repeated = repeated.replace(f"${{{service}.instance.{part}}}", value)
            yield repeated
