"""``send``: a few keys to a program without attaching to it; must never know terminals.

Texts and names of keys become bytes here; they go out as one write, so that no other
writer gets between them.
"""

from __future__ import annotations

import re
import time
from typing import Final

from supervisor.client.rpc import TCPAddress, UnixAddress
from supervisor.errors import RPCError, TransportError, UserError
from supervisor.faults import Faults
from supervisor.protocol import stream

from .help import usage
from .session import INVALID_ARGS, NOT_RUNNING, Session
from .streamlink import StreamLink, stream_address

ANSWER_WITHIN_S: Final = 30.0
_REQUEST_ID: Final = 1
_ESCAPES: Final = {"r": "\r", "n": "\n", "t": "\t", "e": "\x1b", "a": "\a", "b": "\b", "0": "\0", "\\": "\\"}
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|.|\Z)", re.DOTALL)
_KEYS: Final = {
    "enter": "\r", "return": "\r", "tab": "\t", "esc": "\x1b", "escape": "\x1b", "space": " ", "backspace": "\x7f",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "insert": "\x1b[2~", "delete": "\x1b[3~", "page-up": "\x1b[5~", "page-down": "\x1b[6~",
    "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~",
    "f7": "\x1b[18~", "f8": "\x1b[19~", "f9": "\x1b[20~", "f10": "\x1b[21~", "f11": "\x1b[23~", "f12": "\x1b[24~",
}  # fmt: skip
_CTRL_SIGNS: Final = "@abcdefghijklmnopqrstuvwxyz[\\]^_"


def unescape(text: str) -> str:
    r"""``text`` with ``\r \n \t \e \a \b \0 \\`` and ``\xHH`` read. Raises UserError."""

    def one(match: re.Match[str]) -> str:
        what = match.group(1)
        if len(what) == 3:
            code = int(what[1:], 16)
            return chr(code) if code < 0x80 else chr(0xDC00 + code)  # one byte, not a character
        if what not in _ESCAPES:
            raise UserError(
                f"{match.group()!r} in the text is no escape: use \\r \\n \\t \\e \\xHH, or \\\\ for one \\"
            )
        return _ESCAPES[what]

    return _ESCAPE.sub(one, text)


def key(name: str) -> str:
    """What a terminal sends for ``ctrl-c``, ``alt-x``, ``f5``, ``enter`` or a single character. Raises UserError."""
    lowered = name.lower()
    if lowered in _KEYS:
        return _KEYS[lowered]
    if lowered.startswith(("alt-", "meta-")) and len(name.partition("-")[2]) > 0:
        return "\x1b" + key(name.partition("-")[2])
    if lowered.startswith("ctrl-") and len(lowered) == 6 and lowered[5] in _CTRL_SIGNS:
        return chr(_CTRL_SIGNS.index(lowered[5]))
    if lowered == "ctrl-space":
        return "\0"
    if len(name) == 1:
        return name
    raise UserError(f"no key is called {name!r}: ctrl-a, alt-a, enter, tab, esc, up, page-up, f1, a ...")


def parse(words: list[str]) -> tuple[str, str]:
    """(program, what to send). Raises UserError."""
    names: list[str] = []
    parts: list[str] = []
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option == "--keys":
            keys = (value if equals else next(rest, "")).split()
            if not keys:
                raise UserError("--keys needs the names of keys")
            parts += map(key, keys)
        elif word.startswith("--") and not names:
            raise UserError(f"unknown option {word}")
        elif not names:
            names.append(word)
        else:
            parts.append(unescape(word))
    if not names or not parts:
        raise UserError("a process name and something to send are needed")
    return names[0], "".join(parts)


def send(session: Session, words: list[str]) -> None:
    try:
        name, text = parse(words)
    except UserError as error:
        usage(session, f"ERROR: {error}", "send", INVALID_ARGS)
        return
    address = stream_address(session)
    try:
        if address is None:
            session.call("sendProcessStdin", name, text)
        else:
            _send_by_stream(session, address, name, text)
    except RPCError as error:
        known = {
            Faults.BAD_NAME: ("no such process", 1),
            Faults.NOT_RUNNING: ("not running", NOT_RUNNING),
            Faults.NO_FILE: ("it reads no input", 1),
        }
        if error.code not in known:
            raise
        reason, status = known[error.code]
        session.failure(f"{name}: ERROR ({reason})", status)


def _send_by_stream(session: Session, address: UnixAddress | TCPAddress, name: str, text: str) -> None:
    """Control characters have no place in XML, so the call goes over the stream. Raises RPCError."""
    with StreamLink(address, session.config.username, session.config.password) as link:
        link.send(
            stream.Call(
                _REQUEST_ID, "supervisor.sendProcessStdin", [name, text.encode("utf-8", "surrogateescape")]
            )
        )
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while link.has_frames or link.wait(max(0.0, deadline - time.monotonic())):
            for frame in link.receive():
                match frame:
                    case stream.Ping():
                        link.send(stream.Pong(frame.n))
                    case stream.Result():
                        return
                    case stream.Fault() | stream.Error():
                        raise RPCError(frame.code, frame.text)
        raise TransportError(link.address, "no answer in time")
