"""The helper that listener authors import; must never know the daemon.

``listener`` speaks the event-listener protocol on blocking streams, ``pcomm`` writes what
becomes a PROCESS_COMMUNICATION event, ``getRPCInterface`` calls the supervisor that
started this process. Streams may be text or binary; lengths on the wire count bytes.
"""

from __future__ import annotations

import io
import sys
import time
import xmlrpc.client as xmlrpclib
from collections.abc import Mapping
from typing import Any

from .events import ProcessCommunicationEvent
from .protocol.listener import READY_LINE, parse_headers, result
from .xmlrpc import SupervisorTransport

# What these are bound to is fixed when this is imported, as listeners expect.
_STDIN: Any = sys.stdin
_STDOUT: Any = sys.stdout


def getRPCTransport(env: Mapping[str, str]) -> SupervisorTransport:
    """A transport to the supervisor that ``env`` (``os.environ``) names.

    Raises KeyError when there is no SUPERVISOR_SERVER_URL in it.
    """
    user = env.get("SUPERVISOR_USERNAME", "")
    password = env.get("SUPERVISOR_PASSWORD", "")
    return SupervisorTransport(user, password, env["SUPERVISOR_SERVER_URL"])


def getRPCInterface(env: Mapping[str, str]) -> xmlrpclib.ServerProxy:
    """A proxy of that supervisor: ``.supervisor.getState()`` and so on. Raises as ``getRPCTransport``."""
    return xmlrpclib.ServerProxy("http://127.0.0.1", getRPCTransport(env))


def get_headers(line: str) -> dict[str, str]:
    """``{"k": "v"}`` of ``k:v …``. Raises ValueError for a word without exactly one colon."""
    return parse_headers(line)


def eventdata(payload: str) -> tuple[dict[str, str], str]:
    """The headers in the first line of a payload, and what follows it. Raises ValueError without a line feed."""
    first, data = payload.split("\n", 1)
    return get_headers(first), data


def get_asctime(now: float | None = None) -> str:
    """``YYYY-MM-DD HH:MM:SS,mmm`` of local time; ``now`` is epoch seconds, default: the time it is."""
    when = time.time() if now is None else now
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(when))},{int(when % 1 * 1000):03d}"


# --- streams -----------------------------------------------------------------------------------------


def _is_binary(stream: Any) -> bool:
    return isinstance(stream, (io.RawIOBase, io.BufferedIOBase))


def _write(stream: Any, data: bytes) -> None:
    """Write bytes to a stream of either kind, in front of nothing that waits, and flush."""
    if _is_binary(stream):
        stream.write(data)
    elif hasattr(stream, "buffer"):
        stream.flush()
        stream.buffer.write(data)
    else:
        stream.write(data.decode("utf-8", "surrogateescape"))
    stream.flush()


def _encoded(data: str | bytes) -> bytes:
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data


def _read_text(stream: Any, length: int) -> str:
    """As many characters as come to ``length`` bytes; fewer at the end of input."""
    parts = []
    while length > 0:
        # a character has at most 4 bytes: this many never reach beyond what belongs to us
        part = stream.read((length + 3) // 4)
        if not part:
            break
        parts.append(part)
        length -= len(part.encode("utf-8", "surrogateescape"))
    return "".join(parts)


def _read_bytes(stream: Any, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = stream.read(length - len(data))
        if not part:
            break
        data += part
    return data


# --- protocols ---------------------------------------------------------------------------------------


class ProcessCommunicationsProtocol:
    """What stands between the tokens becomes an event, where capture is on for the channel."""

    def send(self, msg: str | bytes, fp: Any = _STDOUT) -> None:
        """Write a message to a stream of either kind."""
        event = ProcessCommunicationEvent
        _write(fp, event.BEGIN_TOKEN + _encoded(msg) + event.END_TOKEN)

    def stdout(self, msg: str | bytes) -> None:
        """Send by the standard output."""
        self.send(msg, sys.stdout)

    def stderr(self, msg: str | bytes) -> None:
        """Send by the standard error."""
        self.send(msg, sys.stderr)


class EventListenerProtocol:
    """A listener's side: ``wait`` for an event, then ``ok``, ``fail`` or ``send``."""

    def wait(self, stdin: Any = _STDIN, stdout: Any = _STDOUT) -> tuple[dict[str, str], Any]:
        """Say READY and read one event: its headers and its payload, bytes from a binary stream, else text.

        Raises KeyError("len") at the end of input.
        """
        self.ready(stdout)
        if _is_binary(stdin):
            headers = get_headers(stdin.readline().decode("utf-8"))
            return headers, _read_bytes(stdin, int(headers["len"]))
        raw = getattr(stdin, "buffer", None)
        if raw is not None and _is_binary(raw):
            headers = get_headers(raw.readline().decode("utf-8"))
            return headers, _read_bytes(raw, int(headers["len"])).decode("utf-8", "replace")
        headers = get_headers(stdin.readline())
        return headers, _read_text(stdin, int(headers["len"]))

    def ready(self, stdout: Any = _STDOUT) -> None:
        """Say that an event may come."""
        _write(stdout, READY_LINE)

    def ok(self, stdout: Any = _STDOUT) -> None:
        """The event was dealt with."""
        self.send("OK", stdout)

    def fail(self, stdout: Any = _STDOUT) -> None:
        """The event was not dealt with: it comes again."""
        self.send("FAIL", stdout)

    def send(self, data: str | bytes, stdout: Any = _STDOUT) -> None:
        """Answer the event with a result of one's own, for a result handler."""
        _write(stdout, result(_encoded(data)))


pcomm = ProcessCommunicationsProtocol()
listener = EventListenerProtocol()
