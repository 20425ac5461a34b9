"""The system's error behind a failed connection: its words, and the part that caused it."""

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator

from bench.core.samples.sample import Culprit, GeneratorFault
from bench.measure.http.wire import WireError, WireFault

_GENERATOR_FAULTS = {
    errno.EMFILE: GeneratorFault.OPEN_FILES,
    errno.ENFILE: GeneratorFault.SYSTEM_FILES,
    errno.EADDRNOTAVAIL: GeneratorFault.PORTS,
    errno.EADDRINUSE: GeneratorFault.PORTS,
    errno.ENOBUFS: GeneratorFault.MEMORY,
    errno.ENOMEM: GeneratorFault.MEMORY,
    errno.EACCES: GeneratorFault.FIREWALL,
    errno.EPERM: GeneratorFault.FIREWALL,
}
_NETWORK_ERRORS = frozenset(
    {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ETIMEDOUT}
)
_PROTOCOL = b"HTTP/"
_TLS_RECORDS = {b"\x15\x03", b"\x16\x03"}  # an alert and a handshake of any version
_HTTP2_SETTINGS = b"\x04"  # type of the frame with which an HTTP/2 server begins
_LONGEST_START = 40
_ERROR_NUMBER = re.compile(r"\[Errno (\d+)\]")  # asyncio joins the errors of several addresses into one text


def find_culprit(error: BaseException) -> Culprit:
    """Return the part that caused a failure of a connection, by the system's error behind it."""
    cause = find_cause(error)
    return Culprit.GENERATOR if isinstance(cause, GeneratorFault) else cause


def find_cause(error: BaseException) -> Culprit | GeneratorFault:
    """Return the part that caused a failure of a connection; for the load generator, what it lacked."""
    system = find_system_error(error)
    if isinstance(system, ssl.SSLError):
        return Culprit.TARGET
    if isinstance(system, socket.gaierror):
        return GeneratorFault.MEMORY if system.errno == socket.EAI_MEMORY else Culprit.NETWORK
    if isinstance(system, UnicodeError):
        return Culprit.NETWORK
    number = (system.errno or 0) if system is not None else 0
    if number in _GENERATOR_FAULTS:
        return _GENERATOR_FAULTS[number]
    return Culprit.NETWORK if number in _NETWORK_ERRORS else Culprit.TARGET


def find_system_error(error: BaseException) -> OSError | UnicodeError | None:
    """Return the system's error behind an exception; `None` if it has none.

    A host with several addresses has several errors. A refusal comes from the target itself, so it counts
    more than the others, for example than the missing IPv6 of this machine.
    """
    errors = list(_list_system_errors(error))
    for system in errors:
        if isinstance(system, ConnectionRefusedError):
            return system
    return errors[-1] if errors else None


def _list_system_errors(error: BaseException) -> Iterator[OSError | UnicodeError]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _list_system_errors(part)
    elif isinstance(error, UnicodeError):
        yield error
    elif isinstance(error, OSError):
        if error.errno is not None or isinstance(error, ssl.SSLError):
            yield error
            return
        for number in _ERROR_NUMBER.findall(str(error)):
            yield OSError(int(number), os.strerror(int(number)))
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from _list_system_errors(cause)


def describe(error: BaseException) -> str:
    """Return the part of an error that helps a person, in the system's words."""
    system = find_system_error(error) or error
    if isinstance(system, ssl.SSLCertVerificationError):
        return system.verify_message
    if isinstance(system, ssl.SSLError):
        return system.reason or str(system)
    if isinstance(system, socket.gaierror):
        return system.strerror or str(system)
    if isinstance(system, OSError) and system.errno:
        return os.strerror(system.errno)
    return str(system) or type(system).__name__


def explain_start(data: bytes) -> str | None:
    """Return why the first bytes of a response are no HTTP/1.1, in the words of what they are.

    Returns:
        `None` if they may be HTTP/1.1.
    """
    if _PROTOCOL.startswith(data[: len(_PROTOCOL)]):
        return None
    if data[:1] in {b"\r", b"\n"}:
        return "it begins with an empty line"
    if data[:2] in _TLS_RECORDS:
        return "it is TLS; use https:// in the address"
    if data[3:4] == _HTTP2_SETTINGS and data[:2] == b"\0\0":
        return "it is HTTP/2; use --transport httpx --http 2"
    return f"it begins with {data[:_LONGEST_START].decode('latin-1')!r}"


def connect_error(error: Exception, host: str, port: int, *, is_connected: bool) -> WireError:
    """Return the wire error of a connection that cannot be opened.

    Args:
        error: The exception.
        host: Name or IP address.
        port: TCP port.
        is_connected: Whether TCP was connected, so that TLS failed.
    """
    system = find_system_error(error)
    if not is_connected:
        # Without a free file, the system cannot look up the name, and its error hides the reason.
        system = _find_shortage() or system
    reason = describe(system or error)
    cause = find_cause(system or error)
    if isinstance(system, socket.gaierror | UnicodeError):
        return WireError(WireFault.NAME_FAILED, f"{host} has no address: {reason}", cause)
    if is_connected or isinstance(system, ssl.SSLError):
        return WireError(WireFault.TLS_FAILED, f"no TLS connection to {host}: {reason}", cause)
    return WireError(WireFault.CONNECT_FAILED, f"no connection to {host}:{port}: {reason}", cause)


def _find_shortage() -> OSError | None:
    """Return the error of opening a socket now; `None` if this machine has files for it."""
    try:
        socket.socket().close()
    except OSError as error:
        return error
    return None
