"""Which containers failed or ended for good, with the end of what they wrote."""

import time
from collections.abc import Callable, Mapping

from bench.core.config.compose import Container, gone
from bench.errors import ConfigError, TargetError
from bench.measure.stacks import docker

# A look costs the `docker` program's start; a container that is gone is seen twice before it counts.
_LOOK_EVERY_S = 5.0
_LOG_TAIL_LINES = 5


def failure(there: tuple[Container, ...], hidden: Mapping[str, str]) -> TargetError | None:
    """What is wrong with the first container that will not become healthy, with the end of its log."""
    failed = next((each for each in there if each.failed), None)
    if failed is None:
        return None
    return TargetError(
        f"service '{failed.service}' {failed.in_words}{tail(failed, hidden)}",
        f"its image is {failed.image.removeprefix('sha256:')[:12]}; run it by hand to see more",
    )


def tail(container: Container, hidden: Mapping[str, str]) -> str:
    """The last lines that it wrote, ready to follow a sentence."""
    lines = hushed(docker.log(container.id, _LOG_TAIL_LINES), hidden).splitlines()
    return ": " + " | ".join(lines) if lines else ", and wrote nothing"


def hushed(text: str, hidden: Mapping[str, str]) -> str:
    """A text with the names of secrets in their place."""
    for name, value in hidden.items():
        text = text.replace(value, f"${name}")
    return text


def watch(ran: list[Container], hidden: Mapping[str, str]) -> Callable[[], str | None]:
    """Says which service ended for good; one that its restart policy brings back is not dead."""
    by_id = {each.id: each for each in ran}
    look_s, suspect = time.monotonic() + _LOOK_EVERY_S, ""

    def dead() -> str | None:
        nonlocal look_s, suspect
        if time.monotonic() < look_s:
            return None
        look_s = time.monotonic() + _LOOK_EVERY_S
        try:
            now = docker.inspect(list(by_id))
        except (ConfigError, TargetError):
            return None  # an engine that does not answer says nothing of the containers
        ended, before = gone(by_id, now) or "", suspect
        suspect = ended
        if not ended or ended != before:
            return None
        last = next((each for each in now if each.id == ended), None)
        how = f"{last.in_words}{tail(last, hidden)}" if last else "was removed"
        return f"service '{by_id[ended].service}' {how}"

    return dead
