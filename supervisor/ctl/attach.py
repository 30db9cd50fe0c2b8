"""The shell around one attachment: terminal, socket and clock; must never decide what an attachment does.

The program's bytes go to the terminal as they are when it has a terminal of its own
(that is what a terminal is for), and through the sanitiser when it has pipes.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable

from supervisor.client.rpc import TCPAddress, UnixAddress
from supervisor.errors import RPCError, ServerError
from supervisor.faults import Faults

from .attachment import PREFIX_KEY, Action, Attachment, DropInput, Finish, Join, Note, Send, Show
from .session import LINK_LOST, Session
from .streamlink import StreamLink
from .terminal import Terminal, Terminated, write_all

_READ_BYTES = 1 << 14


def stream_address(session: Session) -> UnixAddress | TCPAddress | None:
    """Where the server's stream socket is; None when it has none.

    Beside a unix socket it has that one's name and ``.stream``; else the server is asked.
    """
    server = session.client.address
    if isinstance(server, UnixAddress) and os.path.exists(f"{server.path}.stream"):
        return UnixAddress(f"{server.path}.stream")
    try:
        text = session.reader.text(session.call("getStreamAddress"))
    except RPCError as error:
        if error.code == Faults.UNKNOWN_METHOD:
            return None
        raise
    return parse_stream_address(text, server)


def parse_stream_address(text: str, server: UnixAddress | TCPAddress) -> UnixAddress | TCPAddress | None:
    """The address in ``unix:///path`` or ``tcp://host:port``; None for others.

    A server that listens on all addresses is reached as the HTTP ``server`` was.
    """
    scheme, _, rest = text.partition("://")
    if scheme == "unix" and rest:
        return UnixAddress(rest)
    host, colon, port = rest.rpartition(":")
    if scheme != "tcp" or not colon or not (port.isascii() and port.isdigit()):
        return None
    host = host.strip("[]")
    if host in ("", "*", "0.0.0.0", "::"):
        host = server.host if isinstance(server, TCPAddress) else "localhost"
    return TCPAddress(host, int(port))


def attach_process(
    session: Session,
    address: UnixAddress | TCPAddress,
    name: str,
    *,
    mode: str = "write",
    until_exit: bool = False,
) -> None:
    """Join the terminal or pipes of ``name`` until the user detaches; sets the exit status."""
    with StreamLink(address, session.config.username, session.config.password) as link:
        terminal = Terminal()
        try:
            with terminal:
                status = _Shell(session, link, terminal, name, mode, until_exit).run()
        except Terminated as end:
            status = 128 + end.signal_number
    session.fail(status)


class _Shell:
    """Feeds an ``Attachment`` and carries out what it says."""

    def __init__(
        self, session: Session, link: StreamLink, terminal: Terminal, name: str, mode: str, until_exit: bool
    ) -> None:
        self._session = session
        self._link = link
        self._terminal = terminal
        rows, columns = terminal.size()
        self._attachment = Attachment(name, mode=mode, rows=rows, columns=columns, until_exit=until_exit)
        self._status: int | None = None
        self._at_line_start = True

    def run(self) -> int:
        """The exit status."""
        self._do(self._attachment.begin())
        try:
            while self._status is None:
                self._turn()
        except KeyboardInterrupt:
            self._do(self._attachment.detach())
        except ServerError as error:
            self._note(f"Connection lost: {error}")
            self._status = LINK_LOST
        finally:
            if not self._terminal.raw:
                self._session.output.finish()
        return LINK_LOST if self._status is None else self._status

    def _turn(self) -> None:
        """Wait for one thing to happen, and let it."""
        terminal, attachment = self._terminal, self._attachment
        waited: list[int] = [self._link.fileno(), terminal.wake_fd]
        if attachment.wants_input:
            waited.append(terminal.input_fd)
        ready, _, _ = select.select(waited, [], [], self._timeout())
        if self._link.fileno() in ready or self._link.has_frames:
            for frame in self._link.receive():
                self._do(attachment.handle(frame, time.monotonic()))
        if terminal.wake_fd in ready:
            redraw = terminal.woken()
            self._do(attachment.resize(*terminal.size()))
            self._do(attachment.redraw() if redraw else [])
        # What came in this turn may have closed the window for input.
        if terminal.input_fd in ready and attachment.wants_input:
            self._do(self._read_input())
        self._do(attachment.tick(time.monotonic()))

    def _timeout(self) -> float | None:
        if self._link.has_frames:
            return 0.0
        deadline = self._attachment.deadline()
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def _read_input(self) -> list[Action]:
        try:
            data = os.read(self._terminal.input_fd, _READ_BYTES)
        except OSError:
            data = b""  # the terminal is gone
        if not data:
            return self._attachment.detach() if self._terminal.input_is_tty else self._attachment.end_input()
        if not self._terminal.input_is_tty:
            return self._attachment.plain(data)
        if self._terminal.raw:
            return self._attachment.keys(data, time.monotonic())
        self._at_line_start = data.endswith(b"\n")  # by the terminal's echo
        return self._attachment.line(data)

    def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Send(frame):
                    self._link.send(frame)
                case Join(tty):
                    self._join(tty)
                case Show(data):
                    self._show(data)
                case DropInput():
                    self._terminal.drop_input()
                case Note(text):
                    self._note(text)
                case Finish(status):
                    self._status = status

    def _join(self, tty: bool) -> None:
        if tty:
            self._terminal.set_raw()
        else:
            self._terminal.set_lines(PREFIX_KEY)

    def _show(self, data: bytes) -> None:
        self._at_line_start = data.endswith(b"\n")
        if self._attachment.tty:
            self._terminal.show(data)
        else:
            self._session.output.data(data)

    def _note(self, text: str) -> None:
        """A line of ours, on a line of its own where the program left the cursor elsewhere."""
        if self._terminal.raw and self._terminal.output_is_tty:
            if self._status is None and self._attachment.finished:
                # The last word: out of the program's screen first.
                self._terminal.restore_modes()
            lead = b"" if self._at_line_start else b"\r\n"
            write_all(self._terminal.output_fd, lead)
            self._session.output.write(text)
            write_all(self._terminal.output_fd, b"\r\n")
        else:
            if not self._at_line_start:
                self._session.output.line("")
            self._session.output.line(text)
        self._at_line_start = True
