"""`bench health`: what of a stack is up."""

from bench.cli.console import say
from bench.cli.watching import TargetName, TargetUrl, chosen
from bench.errors import TargetError


def health(*, target: TargetName = None, target_url: TargetUrl = None) -> None:
    """Run the health checks of a stack once.

    What needs a test user gets one for the moment, which needs JWT_SECRET and the stack's store.
    """
    import asyncio

    from bench.core.config.watching import hint_of
    from bench.measure.persistent.attach import visited
    from bench.measure.watch.watching import Watched, ask_once
    from bench.render.monitor import health_lines

    stack, urls = chosen(target, target_url)
    with visited(stack, urls, lambda text: say(f"warning: {text}")) as found:
        probes, left_out = asyncio.run(ask_once(Watched(found.live, found.token, found.why_no_token)))
    print(health_lines(probes, left_out), end="")
    down = [probe.check for probe in probes if not probe.up]
    if down:
        hints = [
            f"{name}: {hint_of(stack.checks[name]) if name in stack.checks else 'docker logs'}"
            for name in down
        ]
        raise TargetError(f"down on '{stack.name}': {', '.join(down)}", "; ".join(hints))
    if not probes:
        raise TargetError(f"nothing of '{stack.name}' could be asked", "why stands above")
