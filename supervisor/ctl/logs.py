"""Tail and maintail: the end of a log, or all that comes; must never know the wire or the prompt."""

from __future__ import annotations

from typing import Final

from supervisor.errors import RPCError, TransportError
from supervisor.faults import Faults

from . import session as status_codes
from .actions import NO_MATCH
from .help import usage
from .patterns import expand
from .session import Session

TAIL_BYTES: Final = 1600


def _warn_encoding(session: Session) -> None:
    encoding = session.output.encoding
    if "utf" not in encoding.lower():
        session.line(
            f"Warning: sys.stdout.encoding is set to {encoding}, so Unicode output may fail. Check your "
            "LANG and PYTHONIOENCODING environment settings."
        )


def _tail_bytes(session: Session, modifier: str) -> int | None:
    """How many bytes ``-N`` asks for; None after the line that says that it is no number."""
    digits = modifier[1:]
    if digits.isascii() and digits.isdigit():
        return int(digits)
    session.failure(f"Error: bad argument {modifier}")
    return None


def _read_log(
    session: Session, name: str, texts: dict[int, str], method: str, *params: str, size: int
) -> str | None:
    """The last ``size`` bytes of a log (0: all of it); None after the line that says why not."""
    try:
        return session.reader.text(session.call(method, *params, -size, 0))
    except RPCError as error:
        known = texts.get(error.code)
        if known is None:
            raise
        session.failure(f"{name}: ERROR ({known})")
        return None


_MAIN_LOG_TEXTS: Final = {Faults.NO_FILE: "no log file", Faults.FAILED: "unknown error reading log"}
_LOG_TEXTS: Final = {**_MAIN_LOG_TEXTS, Faults.BAD_NAME: "no such process name"}


def tail(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: too few arguments", "tail")
        return
    if len(words) > 3:
        usage(session, "Error: too many arguments", "tail")
        return
    modifier = words.pop(0) if words[0].startswith("-") else ""
    if not words:
        session.failure("Error: tail requires process name")
        return
    name = words[0]
    channel = words[-1].lower() if len(words) > 1 else "stdout"
    if channel not in ("stdout", "stderr"):
        session.failure(f"Error: bad channel '{words[-1]}'")
        return
    expanded = expand([name], session.processes, groups=False)
    if expanded.unmatched:
        session.failure(f"{name}: ERROR ({NO_MATCH})")
        return
    if modifier == "-f":
        _follow_one(session, name, expanded.words, channel)
        return
    size = _tail_bytes(session, modifier) if modifier else TAIL_BYTES
    if size is None:
        return
    if not session.json:
        _warn_encoding(session)
    found: list[dict[str, str]] = []
    for one in expanded.words:
        method = f"readProcess{channel.capitalize()}Log"
        text = _read_log(session, one, _LOG_TEXTS, method, one, size=size)
        if text is None:
            continue
        found.append({"namespec": one, "channel": channel, "text": text})
        if not session.json:
            if len(expanded.words) > 1:
                session.line(f"==> {one} <==")
            session.line(text)
    if session.json:
        session.print_json(found)


def _follow_one(session: Session, word: str, names: list[str], channel: str) -> None:
    if len(names) > 1:
        session.failure(f"Error: tail -f follows one process, {word} matches {len(names)}")
        return
    if _json_follow(session):
        return
    _warn_encoding(session)
    follow_log(session, f"/logtail/{names[0]}/{channel}")


def _json_follow(session: Session) -> bool:
    """Whether what never ends was to be one JSON document, after the line that says so."""
    if session.json:
        session.failure("Error: -f and --json cannot go together", status_codes.INVALID_ARGS)
    return session.json


def maintail(session: Session, words: list[str]) -> None:
    if len(words) > 1:
        usage(session, "Error: too many arguments", "maintail")
        return
    if words == ["-f"]:
        if _json_follow(session):
            return
        _warn_encoding(session)
        follow_log(session, "/mainlogtail")
        return
    size: int | None = TAIL_BYTES
    if words:
        if not words[0].startswith("-"):
            session.failure(f"Error: bad argument {words[0]}")
            return
        size = _tail_bytes(session, words[0])
    if size is None:
        return
    if not session.json:
        _warn_encoding(session)
    text = _read_log(session, "supervisord", _MAIN_LOG_TEXTS, "readLog", size=size)
    if text is None:
        return
    if session.json:
        session.print_json({"text": text})
    else:
        session.line(text)


def follow_log(session: Session, path: str) -> None:
    """Show what the server adds to a log until Ctrl-C, or until the server ends it."""
    session.line("==> Press Ctrl-C to exit <==")
    try:
        for data in session.client.stream(path):
            session.output.data(data)
    except TransportError as error:
        if not error.status:
            raise
        place = f"{session.client.serverurl}{path}"
        print(f"{place} Cannot read, status code {error.status}", file=session.errors, flush=True)
        session.fail(status_codes.GENERIC)
    except KeyboardInterrupt:
        session.output.finish()
        session.line("")
    else:
        session.output.finish()
