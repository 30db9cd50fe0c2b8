"""One attachment to a program's terminal, pure; must never know sockets, terminals, the clock.

Frames of the server, bytes of the user and times go in; what to send, show and say
comes out.

Life: *joining* until ``attached``; *replaying* while offsets are below ``live``: the
past is collected, stripped of what asks or acts and shown in one piece, then what was
typed meanwhile is taken, without what the terminal answered all the same; then *live* until the user detaches or
the process is gone. The user is not read before the live part. A program that exits
does not end the attachment, unless that was asked for. Who detaches while what was typed
is not acknowledged is *leaving*: the server was told, and says when it has it all, in a
place that outlives it.

A connection that is *lost* may be replaced by another one (``rejoin``): output goes on at
the byte where it ended, and input that was not acknowledged is sent again, if the process
is still the same one; what is typed meanwhile waits, within the same bound as ever.

Invariants: at most ``INPUT_WINDOW_BYTES`` of input are unacknowledged; credit is given
back for exactly the output bytes taken; nothing is sent after the end, nor while the connection is lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from supervisor.client.typed import Typed
from supervisor.errors import UserError
from supervisor.faults import Faults
from supervisor.protocol import stream

from .session import DETACHED, GENERIC, PROGRAM_EXITED

REQUEST_ID: Final = 1
_CTRL_SIGNS: Final = "@abcdefghijklmnopqrstuvwxyz[\\]^_"


@dataclass(frozen=True, slots=True)
class LeaveKey:
    """The one key that is not the program's: ``code`` is the byte, ``name`` what people read."""

    code: bytes = b"\x1d"
    name: str = "Ctrl-]"

    @classmethod
    def named(cls, text: str) -> LeaveKey:
        """The key called ``ctrl-a`` to ``ctrl-z``, or one of ``@ [ \\ ] ^ _`` with Ctrl. Raises UserError."""
        sign = text.lower().removeprefix("ctrl-")
        if len(text) != len("ctrl-x") or len(sign) != 1 or sign not in _CTRL_SIGNS:
            raise UserError(f"{text!r} is no key to detach with: ctrl-a to ctrl-z, ctrl-], ctrl-^ ...")
        return cls(bytes((_CTRL_SIGNS.index(sign),)), f"Ctrl-{sign.upper()}")


PREFIX_WAIT_S: Final = 0.5
"""How long a second Ctrl-] may take to make the two of them one key for the program."""
REPLAY_WAIT_S: Final = 0.5
"""How long the past may stay away before the attachment goes on without it."""
_MARGINS: Final = re.compile(rb"\x1b\[[0-9;]{1,16}r")
ALL_MARGINS: Final = b"\x1b7\x1b[r\x1b8"
"""Margins of the past may be those of another size; who needs them sets them again when the size changes."""
_CREDIT_STEP_BYTES: Final = stream.DEFAULT_CREDIT_BYTES // 2
_INPUT_FRAME_BYTES: Final = 16 * 1024
_QUEUE_BYTES: Final = 48 * 1024
LEAVE_WAIT_S: Final = 10.0
"""How long the server may take to take what was typed by one who leaves."""


@dataclass(frozen=True, slots=True)
class Send:
    frame: stream.Frame


@dataclass(frozen=True, slots=True)
class Join:
    """The server let us in: make the user's terminal ready; ``tty`` as in the attached frame."""

    tty: bool


@dataclass(frozen=True, slots=True)
class Show:
    """Bytes of the program."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TakeTyped:
    """Read what was typed so far, and leave out what the terminal answered to the past."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line of ours to the user. ``at_rest``: what the program switched on is over."""

    text: str
    at_rest: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The end, with this exit status."""

    status: int


Action = Send | Join | Show | TakeTyped | Note | Finish

# What makes a terminal answer: ENQ; DSR, DA, XTVERSION, DECRQM, kitty and window reports, DECREQTPARM; OSC
# colour and clipboard questions; DECRQSS and XTGETTCAP; DECID.
_QUERY = re.compile(
    rb"\x05|\x1bZ"
    rb"|\x1b\[[?>=]?[0-9;]*(?:n|c|\$p)"
    rb"|\x1b\[>[0-9;]*q|\x1b\[\?u|\x1b\[[01]?x"
    rb"|\x1b\[(?:1[1-9]|2[01])[0-9;]*t"
    rb"|\x1b\][0-9]{1,4};[^\x07\x1b]{0,256}\?(?:\x07|\x1b\\)"
    rb"|\x1b\[\?[0-9;]*S|\x1b\[[0-9;]*\$w|\x1b\[[0-9;]*\*y"
    rb"|\x1bP[+$]q[^\x1b]{0,4096}\x1b\\|\x1b_G[^\x1b]*\x1b\\"
)
# What acts elsewhere than on the picture: the clipboard, notes on the desktop, files that a terminal takes; what tmux
# would hand on.
_ACT = re.compile(
    rb"\x1b\](?:9|52|99|777|1337);[^\x07\x1b]*(?:\x07|\x1b\\)|\x1bPtmux;(?:[^\x1b]|\x1b\x1b)*(?:\x1b\\)?"
)


def only_picture(data: bytes) -> bytes:
    """``data``, of the past, without what asks the terminal something (the answers would be typed into the program),
    or acts once more on what is no part of the picture.
    """  # fmt: skip
    return _QUERY.sub(b"", _ACT.sub(b"", data))


def describe_exit(status: int) -> str:
    """``with status 1`` or ``by signal 9``."""
    return f"by signal {-status}" if status < 0 else f"with status {status}"


class Attachment:
    """Joins ``name`` in ``mode`` (write, take, read); ``rows`` and ``columns`` of the user's terminal, or 0.

    ``until_exit``: end when the program exits. ``leave``: the key that detaches. ``token``: as ``Typed`` has it.
    """

    def __init__(
        self,
        name: str,
        *,
        mode: str = "write",
        rows: int = 0,
        columns: int = 0,
        until_exit: bool = False,
        leave: LeaveKey = LeaveKey(),
        token: bytes = b"",
    ) -> None:
        self.name = name
        self._leave = leave
        self.tty = False
        self.joined = False
        self.finished = False
        self._mode = mode
        self._rows, self._columns = rows, columns
        self._until_exit = until_exit
        self._writer = False
        self._live = 0
        self._replay: bytearray | None = bytearray()
        self._replay_deadline: float | None = None
        self._taken = 0
        self._typed = Typed(token)
        self._prefix_deadline: float | None = None
        self._input_ended = False
        self._pid = 0
        self._seen: dict[str, tuple[int, int]] = {}
        self._away = False
        self._away_told = False
        self._leaving = False
        self._leave_deadline: float | None = None

    @property
    def wants_input(self) -> bool:
        """Whether the user is to be read now."""
        return (
            self.joined
            and self._replay is None
            and not self.finished
            and not self._input_ended
            and (self._away or not self._leaving)
            and self._typed.waiting < _QUEUE_BYTES
        )

    def deadline(self) -> float | None:
        """When ``tick`` is wanted."""
        if self._leaving:
            return self._leave_deadline or 0.0
        return self._prefix_deadline if self._replay is None else self._replay_deadline

    def begin(self) -> list[Action]:
        """The request."""
        return [Send(self._request(self._mode))]

    def _request(self, mode: str) -> stream.Attach:
        return stream.Attach(
            REQUEST_ID, self.name, mode=mode, rows=self._rows, cols=self._columns,
            token=self._typed.token, typed=self._typed.taken,
        )  # fmt: skip

    def tick(self, now: float) -> list[Action]:
        """What the passing of time brings."""
        if self._leaving and self._leave_deadline is None:
            self._leave_deadline = now + LEAVE_WAIT_S
        deadline = self.deadline()
        if self.finished or deadline is None or now < deadline:
            return []
        return self._detach() if self._leaving or self._replay is None else self._end_replay()

    # --- another connection

    def lost(self) -> None:
        """The connection is gone; nothing is sent until ``rejoin``."""
        self._away = True
        self._taken = 0

    def tell_away(self) -> list[Action]:
        """It has been gone for a moment: the user is told, once."""
        if self._away_told:
            return []
        self._away_told = True
        return [Note(f"Connection lost, attaching again; {self._leave.name} detaches")]

    def rejoin(self, same_boot: bool) -> list[Action]:
        """The request to a new connection; ``same_boot``: offsets and pids mean what they meant."""
        if not same_boot:
            self._seen.clear()
            self._pid = -1
        # The one who wrote goes on writing: a watcher may have been faster to come back.
        return [Send(self._request("take" if self._writer else "read"))]

    def _rejoined(self, frame: stream.Attached) -> list[Action]:
        self._away = False
        self._writer = frame.writer
        notes: list[Action] = []
        if frame.pid != self._pid:
            self._pid = frame.pid
            running = f"pid {frame.pid}" if frame.pid else "not running"
            lost = len(self._typed)
            dropped = f"; {lost} bytes that were typed meanwhile were dropped" if lost else ""
            self._typed.forget()
            notes.append(Note(f"Attached to {self.name} again, another process ({running}){dropped}"))
        elif self._away_told:
            notes.append(Note(f"Attached to {self.name} again"))
        self._typed.joined(frame.typed)
        redraw = self.redraw() if notes and self.tty else []
        self._away_told = False
        if self._replay is not None:
            notes += self._end_replay()
        if self._leaving:
            return [*notes, *self._send_rest()]
        return [*notes, *redraw, *self._pump(), *self._detach_if_drained()]

    # --- from the user

    def keys(self, data: bytes, now: float) -> list[Action]:
        """Bytes typed at a terminal in raw mode."""
        if self._leaving:
            return self._detach() if self._leave.code in data else []
        if self._prefix_deadline is not None:
            if not data.startswith(self._leave.code):
                return self._detach()
            self._prefix_deadline = None
            plain, data = self._leave.code, data[1:]
        else:
            plain = b""
        while data:
            before, prefix, data = data.partition(self._leave.code)
            plain += before
            if prefix and data.startswith(self._leave.code):
                plain, data = plain + self._leave.code, data[1:]
            elif prefix and data:
                return [*self._input(plain), *self._detach()]
            elif prefix:
                self._prefix_deadline = now + PREFIX_WAIT_S
        return self._input(plain)

    def line(self, data: bytes) -> list[Action]:
        """What a terminal in line mode gave: a line, or part of one that Ctrl-] ended."""
        if data.endswith(self._leave.code):
            return self._detach()
        return self._input(data)

    def plain(self, data: bytes) -> list[Action]:
        """Input that no terminal gave: all of it is meant for the program."""
        return self._input(data)

    def end_input(self) -> list[Action]:
        """No more input will come; detaches once the program has it all. Who only looks has none to give."""
        self._input_ended = True
        if self._mode == "read":
            return []
        return self._detach_if_drained()

    def detach(self) -> list[Action]:
        """The user wants out."""
        return self._detach()

    def resize(self, rows: int, columns: int) -> list[Action]:
        """The user's terminal has another size."""
        if (rows, columns) == (self._rows, self._columns):
            return []
        self._rows, self._columns = rows, columns
        return self._send_size()

    # --- from the server

    def handle(self, frame: stream.Frame, now: float) -> list[Action]:
        """What a frame of the server brings; frames about other things bring nothing."""
        if self.finished:
            return []
        actions = self._handle(frame, now)
        over = self._leaving and not (self._away or self._typed or self.finished)
        return [*actions, *self._gone()] if over else actions

    def _handle(self, frame: stream.Frame, now: float) -> list[Action]:
        match frame:
            case stream.Ping():
                return [Send(stream.Pong(frame.n))]
            case stream.Attached():
                return self._attached(frame, now)
            case stream.Output():
                return self._output(frame, now)
            case stream.Gap():
                return self._gap(frame)
            case stream.InputAck():
                self._typed.acknowledged(frame.bytes)
                return [] if self._leaving else [*self._pump(), *self._detach_if_drained()]
            case stream.Writer():
                return self._writer_changed(frame)
            case stream.Exited():
                return self._exited(frame)
            case stream.Started():
                self._pid = frame.pid
                # The terminal may be a new one, which knows no size.
                return [Note(f"{self.name} started, pid {frame.pid}"), *self._send_size()]
            case stream.Removed():
                return [Note(f"{self.name} is no longer configured"), *self._finish(PROGRAM_EXITED)]
            case stream.Error() if frame.id in (REQUEST_ID, -1):
                return self._error(frame)
        return []

    def _attached(self, frame: stream.Attached, now: float) -> list[Action]:
        if self.joined:
            return self._rejoined(frame)
        self.joined = True
        self._typed.joined(frame.typed)
        self._pid = frame.pid
        self.tty = frame.tty
        self.name = frame.name
        self._writer = frame.writer
        self._live = frame.live
        running = f"pid {frame.pid}" if frame.pid else "not running"
        keys = f"{'' if frame.tty else 'Enter sends a line, '}{self._leave.name} detaches"
        notes: list[Action] = [Note(f"Attached to {self.name} ({running}); {keys}")]
        if self._mode == "read":
            notes.append(Note("Watching only"))
        elif not self._writer:
            notes.append(Note("Somebody else writes to it: watching only (attach --take to take over)"))
        if self._replay is not None and frame.tty:
            self._replay += frame.prelude
        if frame.live == 0:
            return [*notes, Join(frame.tty), *self._end_replay()]
        self._replay_deadline = now + REPLAY_WAIT_S
        return [*notes, Join(frame.tty)]

    def _output(self, frame: stream.Output, now: float) -> list[Action]:
        actions = self._credit(len(frame.data))
        gen, seen = self._seen.get(frame.channel, (frame.gen, frame.offset))
        known = max(0, min(seen - frame.offset, len(frame.data))) if gen == frame.gen else 0
        self._seen[frame.channel] = frame.gen, frame.offset + len(frame.data)
        if self._replay is None:
            return [Show(frame.data[known:]), *actions] if known < len(frame.data) else actions
        past = max(0, min(len(frame.data), self._live - frame.offset)) if frame.channel == "stdout" else 0
        self._replay += frame.data[:past] if frame.channel == "stdout" else frame.data
        self._replay_deadline = now + REPLAY_WAIT_S
        if frame.channel == "stdout" and frame.offset + len(frame.data) >= self._live:
            rest = frame.data[past:]
            return [*actions, *self._end_replay(), *([Show(rest)] if rest else [])]
        return actions

    def _end_replay(self) -> list[Action]:
        replay, self._replay, self._replay_deadline = self._replay, None, None
        if not replay:
            return []
        actions: list[Action] = [Show(only_picture(bytes(replay)) if self.tty else bytes(replay))]
        if self.tty:
            redraw = self.redraw()
            if redraw and _MARGINS.search(replay):
                actions.append(Show(ALL_MARGINS))
            actions += [TakeTyped(), *redraw]
        return actions

    def redraw(self) -> list[Action]:
        """Make the program paint its screen: one that keeps a picture of it does so when the size changes."""
        if self._rows < 2 or not (size := self._send_size()):
            return []
        return [Send(stream.Resize(REQUEST_ID, self._rows - 1, self._columns)), *size]

    def _gap(self, frame: stream.Gap) -> list[Action]:
        note = Note(f"{frame.until - frame.offset} bytes of output were skipped")
        if self._replay is not None and frame.until >= self._live:
            return [*self._end_replay(), note]
        # What is no longer kept of the past is no loss to speak of.
        return [] if self._replay is not None else [note]

    def _credit(self, taken_bytes: int) -> list[Action]:
        self._taken += taken_bytes
        if self._taken < _CREDIT_STEP_BYTES:
            return []
        taken, self._taken = self._taken, 0
        return [Send(stream.Credit(REQUEST_ID, taken))]

    def _writer_changed(self, frame: stream.Writer) -> list[Action]:
        was, self._writer = self._writer, frame.writer
        if was and not frame.writer:
            self._typed.forget()
            return [Note(f"{frame.by or 'Somebody else'} writes now: watching only")]
        if frame.writer and not was:
            return [Note("What you type goes to the program now"), *self._send_size()]
        return []

    def _exited(self, frame: stream.Exited) -> list[Action]:
        self._typed.forget()
        self._pid = 0
        how = describe_exit(frame.status)
        if self._until_exit:
            return [*self._end_replay(), Note(f"{self.name} exited {how}"), *self._finish(PROGRAM_EXITED)]
        return [
            *self._end_replay(),
            Note(f"{self.name} exited {how}; waiting for its next start, {self._leave.name} detaches", True),
        ]

    def _error(self, frame: stream.Error) -> list[Action]:
        known = frame.code == Faults.BAD_NAME and not self.joined
        text = "bad process name supplied" if known else frame.text
        if self.joined and frame.id == REQUEST_ID:
            return [Note(f"ERROR: {text}")]
        return [Note(f"ERROR: {text}"), *self._finish(GENERIC)]

    # --- input

    def _input(self, data: bytes) -> list[Action]:
        if self._writer and not self.finished and not self._leaving:
            self._typed.add(data)
        return self._pump()

    def _pump(self) -> list[Action]:
        actions: list[Action] = []
        while not self._away and (piece := self._typed.next(_INPUT_FRAME_BYTES)):
            actions.append(Send(stream.Input(REQUEST_ID, piece)))
        return actions

    def _send_size(self) -> list[Action]:
        there = self._writer and not self._away and not self.finished
        if self.tty and there and self._rows and self._columns:
            return [Send(stream.Resize(REQUEST_ID, self._rows, self._columns))]
        return []

    def _detach_if_drained(self) -> list[Action]:
        if self._input_ended and self._mode != "read" and not self._away and not self._typed:
            return self._detach()
        return []

    def _detach(self) -> list[Action]:
        """Leave; once more: whether or not all that was typed is known to be taken."""
        if self.finished:
            return []
        if not self._typed:
            return [
                *([] if self._away or self._leaving else [Send(stream.Cancel(REQUEST_ID))]),
                *self._gone(),
            ]
        if self._leaving:
            return self._gone()
        self._leaving = True
        self._replay = None
        return [] if self._away else self._send_rest()

    def _send_rest(self) -> list[Action]:
        """Send all that was typed, and that nothing more will come."""
        rest = self._typed.rest()
        pieces = (rest[at : at + _INPUT_FRAME_BYTES] for at in range(0, len(rest), _INPUT_FRAME_BYTES))
        actions: list[Action] = [Send(stream.Input(REQUEST_ID, piece)) for piece in pieces]
        return [*actions, Send(stream.Cancel(REQUEST_ID))]

    def _gone(self) -> list[Action]:
        count = len(self._typed)
        left = f"; {count} byte{'s' * (count > 1)} typed last may not have arrived" if count else ""
        return [Note(f"Detached from {self.name}{left}"), *self._finish(DETACHED)]

    def _finish(self, status: int) -> list[Action]:
        self.finished = True
        return [Finish(status)]
