"""The relays of a stack: small programs through which connections with a fault of the network go."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from bench.core.config.fault import CutNetworkFault, NetworkFault, SlowNetworkFault
from bench.core.faults.fault_plan import Edge
from bench.errors import MeasurementError
from bench.measure.faults import relay
from bench.measure.stacks.ports import LOOPBACK, host_and_port

_END_TIMEOUT_S = 5.0


class Relays:
    """Relays of some connections of a stack; each starts when its service has an address.

    Args:
        edges: The connections.
    """

    def __init__(self, edges: Sequence[Edge]) -> None:
        self._edges = edges
        self._relays: dict[Edge, _Relay] = {}

    def reroute(self, caller: str, urls: Mapping[str, str]) -> dict[str, str]:
        """Return the addresses at which a service, or the load generator, reaches the others.

        Args:
            caller: Name of the service.
            urls: Addresses by instance and service. Names with the same address are the same service.
        """
        ways = dict(urls)
        for edge in self._edges:
            direct = urls.get(edge.instance)
            if direct is None or not edge.covers(caller, edge.instance):
                continue
            if edge not in self._relays:
                self._relays[edge] = _Relay(edge.instance)
            way = self._relays[edge].lead_to(direct)
            ways |= {name: way for name, url in urls.items() if url == direct}
        return ways

    def begin(self, fault: NetworkFault, instances: Sequence[str]) -> None:
        """Slow down or cut the connections of a fault.

        Raises:
            MeasurementError: A relay has ended, or the stack was started without it.
        """
        for instance in instances:
            self._find(Edge(fault.caller, instance)).change(_state_of(fault))

    def end(self, fault: NetworkFault, instances: Sequence[str]) -> None:
        """Let the connections of a fault pass again. The errors are those of `begin`."""
        for instance in instances:
            self._find(Edge(fault.caller, instance)).change(_state_of(None))

    def close(self) -> None:
        """End all relays."""
        for program in self._relays.values():
            program.close()

    def _find(self, edge: Edge) -> "_Relay":
        if edge not in self._relays:
            caller = "its callers" if edge.caller is None else f"'{edge.caller}'"
            raise MeasurementError(
                f"no connection from {caller} to '{edge.instance}' has a relay",
                f"use the address of '{edge.instance}' as a placeholder in the stack file, and measure the "
                "scenario alone",
            )
        return self._relays[edge]


@contextmanager
def open_relays(edges: Sequence[Edge]) -> Iterator[Relays]:
    """Provide the relays of some connections; the block's end ends them."""
    relays = Relays(edges)
    try:
        yield relays
    finally:
        relays.close()


def _state_of(fault: NetworkFault | None) -> dict[str, object]:
    """Return the state of the network for a relay; None for a network without a fault."""
    slow = fault if isinstance(fault, SlowNetworkFault) else None
    return {
        "latency_s": slow.latency_s if slow else 0.0,
        "jitter_s": slow.jitter_s if slow else 0.0,
        "bytes_per_s": slow.bandwidth if slow else None,
        "is_cut": isinstance(fault, CutNetworkFault),
    }


class _Relay:
    """One relay program."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._direct = ""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", relay.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches bench only
        )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise MeasurementError(f"the relay before '{instance}' did not start")
        self._port = int(json.loads(line)["port"])

    def lead_to(self, url: str) -> str:
        """Lead to the address of a service, and return the address that leads there."""
        host, port = host_and_port(url)
        if url != self._direct:
            self.change({"upstream": [host, port]})
            self._direct = url
        authority = url.partition("://")[2].partition("/")[0]
        return url.replace(authority, f"{LOOPBACK[0]}:{self._port}", 1)

    def change(self, state: Mapping[str, object]) -> None:
        """Change the state of the network.

        Raises:
            MeasurementError: The program has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(json.dumps(state).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:  # the pipe is broken, or closed
            raise MeasurementError(f"the relay before '{self._instance}' ended") from error

    def close(self) -> None:
        """End the program."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
