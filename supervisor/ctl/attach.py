"""The shell around one attachment: terminal, socket and clock; must never decide what an attachment does.

The program's bytes go to the terminal as they are when it has a terminal of its own
(that is what a terminal is for), and through the sanitiser when it has pipes.
"""

from __future__ import annotations

import os
import secrets
import select
import time
from collections.abc import Callable, Iterable

from supervisor.client.rpc import TCPAddress, UnixAddress
from supervisor.client.typed import TOKEN_BYTES
from supervisor.errors import AccessDenied, ServerError
from supervisor.protocol import stream
from supervisor.terminalreplies import without_answers

from .attachment import Action, Attachment, Finish, Join, LeaveKey, Note, Send, Show, TakeTyped
from .lineedit import END, LineEdit
from .linehistory import LineHistory, Question, path_for
from .recorder import Recorder
from .session import LINK_LOST, Session
from .streamlink import StreamLink
from .terminal import Terminal, Terminated, write_all

_READ_BYTES = 1 << 14
RECONNECT_S = 10.0
"""How long a lost connection is tried to be replaced."""
LEAVE_KEY_VARIABLE = "SUPERVISORCTL_DETACH_KEY"
_RETRY_S = 0.1
_TELL_AFTER_S = 0.7
"""A daemon that is replaced sooner leaves no trace on the screen."""


def attach_process(
    session: Session,
    address: UnixAddress | TCPAddress,
    name: str,
    *,
    mode: str = "write",
    until_exit: bool = False,
    recorder: Recorder | None = None,
) -> None:
    """Join the terminal or pipes of ``name`` until the user detaches; sets the exit status.

    Raises UserError where the key that is to detach is none.
    """

    def connect() -> StreamLink:
        return StreamLink(address, session.config.username, session.config.password)

    leave = LeaveKey.named(os.environ.get(LEAVE_KEY_VARIABLE) or "ctrl-]")
    terminal = Terminal()
    rows, columns = terminal.size()
    attachment = Attachment(
        name, mode=mode, rows=rows, columns=columns, until_exit=until_exit, leave=leave,
        token=secrets.token_bytes(TOKEN_BYTES),
    )  # fmt: skip
    shell = _Shell(session, connect, terminal, attachment, leave)
    shell.recorder = recorder
    try:
        with terminal:
            status = shell.run()
    except Terminated as end:
        status = 128 + end.signal_number
    finally:
        shell.close()
    session.fail(status)


class _Shell:
    """Feeds an ``Attachment`` and carries out what it says."""

    def __init__(
        self,
        session: Session,
        connect: Callable[[], StreamLink],
        terminal: Terminal,
        attachment: Attachment,
        leave: LeaveKey,
    ) -> None:
        self.recorder: Recorder | None = None
        self._session = session
        self._connect = connect
        self._link = connect()
        self._boot = self._link.boot
        self._terminal = terminal
        self._attachment = attachment
        self._leave = leave
        self._status: int | None = None
        self._at_line_start = True
        self._edit: LineEdit | None = None
        self._question = Question()
        self._painted = False

    def close(self) -> None:
        self._link.close()

    def run(self) -> int:
        """The exit status."""
        try:
            self._do(self._attachment.begin())
            while self._status is None:
                try:
                    self._turn_or_again()
                except KeyboardInterrupt:
                    self._do(self._attachment.detach())
        except ServerError as error:
            self._give_up(error)
        finally:
            if not self._terminal.raw:
                self._unpaint()
                self._session.output.finish()
        return LINK_LOST if self._status is None else self._status

    def _turn_or_again(self) -> None:
        try:
            self._turn()
        except ServerError as error:
            self._lost(error)

    def _give_up(self, error: ServerError) -> None:
        self._note(f"Connection lost: {error}")
        self._status = LINK_LOST

    def _lost(self, error: ServerError) -> None:
        """Get another connection, or let it be."""
        if not self._attachment.joined or self._attachment.finished:
            self._give_up(error)
            return
        for frame in self._link.rest():  # acknowledgements among it
            if isinstance(frame, stream.InputAck | stream.Output):
                self._do(
                    a for a in self._attachment.handle(frame, time.monotonic()) if not isinstance(a, Send)
                )
        self._attachment.lost()
        self._link.close()
        began = time.monotonic()
        while self._status is None:
            try:
                self._link = self._connect()
                self._do(self._attachment.rejoin(self._link.boot == self._boot))
                self._boot = self._link.boot
                return
            except ServerError as again:
                away_s = time.monotonic() - began
                if away_s >= RECONNECT_S or isinstance(again, AccessDenied):
                    self._give_up(error)
                    return
                if away_s >= _TELL_AFTER_S:
                    self._do(self._attachment.tell_away())
                self._wait_away()

    def _wait_away(self) -> None:
        """A moment until the next attempt, in which the user is heard."""
        terminal, attachment = self._terminal, self._attachment
        waited = [terminal.wake_fd, *([terminal.input_fd] if attachment.wants_input else [])]
        ready, _, _ = select.select(waited, [], [], _RETRY_S)
        if terminal.wake_fd in ready:
            terminal.woken()
            self._do(attachment.resize(*terminal.size()))
        if terminal.input_fd in ready:
            self._do(self._read_input())
        self._do(attachment.tick(time.monotonic()))

    def _turn(self) -> None:
        """Wait for one thing to happen, and let it."""
        terminal, attachment = self._terminal, self._attachment
        waited: list[int] = [self._link.fileno(), terminal.wake_fd]
        if attachment.wants_input:
            waited.append(terminal.input_fd)
        ready, _, _ = select.select(waited, [], [], self._timeout())
        if self._link.fileno() in ready or self._link.has_frames:
            for frame in self._link.receive():
                if isinstance(frame, stream.Attached | stream.Size):
                    self._tell(
                        self.recorder.begin(attachment.name, frame.rows, frame.cols) if self.recorder else ""
                    )
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
        return self._typed(data)

    def _typed(self, data: bytes) -> list[Action]:
        if self.recorder is not None:
            self._tell(self.recorder.typed(data))
        if not self._terminal.input_is_tty:
            return self._attachment.plain(data)
        if self._terminal.raw:
            return self._attachment.keys(data, time.monotonic())
        if self._edit is not None:
            return self._edited(self._edit, data)
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
                case TakeTyped():
                    if data := without_answers(self._terminal.pending()):
                        self._do(self._typed(data))
                case Note(text, at_rest):
                    if at_rest:
                        self._terminal.restore_modes()
                    self._note(text)
                case Finish(status):
                    self._status = status

    def _join(self, tty: bool) -> None:
        if tty:
            self._terminal.set_raw()
        elif (
            self._terminal.input_is_tty and self._terminal.output_is_tty and os.environ.get("TERM") != "dumb"
        ):
            self._terminal.set_keys()
            self._edit = LineEdit(self._history())
        else:
            self._terminal.set_lines(self._leave.code)

    def _history(self) -> LineHistory:
        """What was sent to this program before: in this run of supervisorctl, and in others where that is kept."""
        config, name = self._session.config, self._attachment.name
        lines = self._session.fg_lines.setdefault(name, [])
        return LineHistory(lines, path_for(config.history_file, name) if config.fg_history else "")

    def _edited(self, edit: LineEdit, data: bytes) -> list[Action]:
        """Keys for the line that is typed; it stays on the screen once it is sent."""
        actions: list[Action] = []
        keys, leave, _ = data.partition(self._leave.code)
        edit.unkept = self._question.for_a_secret
        for line in edit.feed(keys):
            if line == END:
                return [*actions, *self._attachment.detach()]
            self._question.answered()
            self._unpaint()
            self._session.output.line(line[:-1])
            self._at_line_start = True
            actions += self._attachment.line(line.encode("utf-8", "surrogateescape"))
        if leave:
            return [*actions, *self._attachment.detach()]
        self._unpaint()
        self._paint()
        return actions

    def _unpaint(self) -> None:
        """Take the line that is typed off the screen: something else is to stand there."""
        if self._painted:
            self._painted = False
            write_all(self._terminal.output_fd, b"\r\x1b[K")

    def _paint(self) -> None:
        if self._edit is None or not self._edit.text or self._painted:
            return
        if not self._at_line_start:
            self._session.output.line("")
            self._at_line_start = True
        text, behind = self._edit.picture(self._terminal.size()[1] or 80)
        back = f"\x1b[{behind}D" if behind else ""
        self._painted = True
        write_all(self._terminal.output_fd, (text + back).encode("utf-8", "replace"))

    def _show(self, data: bytes) -> None:
        self._unpaint()
        self._at_line_start = data.endswith(b"\n")
        if self._attachment.tty:
            self._terminal.show(data)
        else:
            self._question.feed(data)
            self._session.output.data(data)
            self._paint()
        if self.recorder is not None:
            self._tell(self.recorder.output(data))

    def _tell(self, text: str) -> None:
        """What the recorder has to say."""
        if text:
            self._note(text)

    def _note(self, text: str) -> None:
        """A line of ours, on a line of its own where the program left the cursor elsewhere."""
        self._unpaint()
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
