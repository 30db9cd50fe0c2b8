"""Wait until processes are in a state; must never know why they should be.

Where the server has a stream socket every change is seen, also one that is over at once;
else the states are asked for five times a second. A server that goes away meanwhile (a
restart of the daemon) is waited for like a process.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from supervisor.errors import AccessDenied, RPCError, ServerError
from supervisor.namespec import make_namespec, split_namespec
from supervisor.states import ProcessStates

from . import session as status_codes
from .actions import NO_MATCH
from .help import usage
from .patterns import expand
from .records import ProcessInfo
from .session import Session

DEFAULT_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.2
_STATES: Final = tuple(name for name, code in vars(ProcessStates).items() if isinstance(code, int))


class Wanted(NamedTuple):
    """What the words of a ``wait`` ask for."""

    names: list[str]
    states: frozenset[str]
    timeout_s: float


def parse(words: Sequence[str]) -> Wanted:
    """Raises ValueError with a line for the user."""
    names: list[str] = []
    states, timeout_s = frozenset({"RUNNING"}), DEFAULT_TIMEOUT_S
    left = [part for word in words for part in _option_parts(word)]
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            names.append(word)
            continue
        if word not in ("--for", "--timeout"):
            raise ValueError(f"wait has no {word}")
        if not left:
            raise ValueError(f"{word} needs a value")
        value = left.pop(0)
        if word == "--for":
            states = _states(value)
        else:
            timeout_s = _seconds(value)
    if not names:
        raise ValueError("wait requires a process name")
    return Wanted(names, states, timeout_s)


def _option_parts(word: str) -> list[str]:
    return word.split("=", 1) if word.startswith("--") else [word]


def _states(text: str) -> frozenset[str]:
    states = frozenset(part.strip().upper() for part in text.split(",") if part.strip())
    unknown = sorted(states.difference(_STATES))
    if unknown or not states:
        raise ValueError(f"no such state: {', '.join(unknown) or text}; there are {', '.join(_STATES)}")
    return states


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:  # also not a NaN
        raise ValueError(f"no number of seconds: {text}")
    return seconds


def wait(session: Session, words: list[str]) -> None:
    try:
        wanted = parse(words)
    except ValueError as error:
        usage(session, f"Error: {error}", "wait", status_codes.INVALID_ARGS)
        return
    deadline = time.monotonic() + wanted.timeout_s
    waiting = _Waiting(session, wanted)
    if not waiting.choose(session.processes()):
        return
    while waiting.names and waiting.watch(deadline):
        pass
    waiting.finish()


class _Waiting:
    """``names``: those that have not been seen in a wanted state, with their last state."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self._session = session
        self._wanted = wanted
        self._reached: list[tuple[str, str]] = []
        self._streams = True
        self.names: dict[str, str] = {}

    def choose(self, infos: Sequence[ProcessInfo]) -> bool:
        """Find the processes; False after lines for what is not there."""
        by_name = {name: info for info in infos for name in (info.namespec, f"{info.group}:{info.name}")}
        words = ["*" if word == "all" else word for word in self._wanted.names]
        expanded = expand(words, lambda: infos, groups=False)
        for pattern in expanded.unmatched:
            self._session.failure(f"{pattern}: ERROR ({NO_MATCH})")
        missing = bool(expanded.unmatched)
        chosen: dict[str, ProcessInfo] = {}
        for word in expanded.words:
            group, process = split_namespec(word)
            members = [info for info in infos if info.group == group] if process is None else []
            found = members or ([by_name[word]] if word in by_name else [])
            if not found:
                what = "no such group" if process is None else "no such process"
                self._session.failure(f"{word if process else group}: ERROR ({what})")
                missing = True
            chosen |= {info.namespec: info for info in found}
        if missing:
            return False
        self.names = {name: info.statename for name, info in chosen.items()}
        self.see((info.namespec, info.statename) for info in chosen.values())
        return True

    def see(self, states: Iterable[tuple[str, str]]) -> None:
        """Take note of states that processes are in, or were."""
        for name, state in states:
            if name not in self.names:
                continue
            self.names[name] = state
            if state in self._wanted.states:
                del self.names[name]
                self._reached.append((name, state))
                if not self._session.json:
                    self._session.line(f"{name}: {state}")

    def watch(self, deadline: float) -> bool:
        """Look on for a while; False when the time is over."""
        try:
            if not (self._streams and self._watch_stream(deadline)):
                self.see((i.namespec, i.statename) for i in self._session.processes())
                if self.names:
                    time.sleep(max(0.0, min(_POLL_S, deadline - time.monotonic())))
        except AccessDenied:
            raise
        except (ServerError, RPCError):
            time.sleep(max(0.0, min(_POLL_S, deadline - time.monotonic())))
        return time.monotonic() < deadline

    def _watch_stream(self, deadline: float) -> bool:
        """Look on over the stream socket until all is reached or the time is over; False where there is none."""
        # Imported when used: sockets and frames cost every other command time at its start.
        from supervisor.protocol import stream

        from .streamlink import StreamLink, stream_address

        address = stream_address(self._session)
        if address is None:
            self._streams = False
            return False
        config = self._session.config
        with StreamLink(address, config.username, config.password) as link:
            link.send(stream.Subscribe(1))
            while self.names:
                left = deadline - time.monotonic()
                if left <= 0 or not (link.has_frames or link.wait(left)):
                    break
                for frame in link.receive():
                    if isinstance(frame, stream.Ping):
                        link.send(stream.Pong(frame.n))
                    elif isinstance(frame, stream.Snapshot):
                        self.see((make_namespec(r.group, r.name), r.statename) for r in frame.processes)
                    elif isinstance(frame, stream.Delta) and frame.process is not None:
                        record = frame.process
                        self.see([(make_namespec(record.group, record.name), record.statename)])
                    elif isinstance(frame, stream.Delta) and frame.removed:
                        self.see([(frame.removed, "removed")])
        return True

    def finish(self) -> None:
        """Lines for those that were waited for in vain, and the exit status."""
        session = self._session
        if session.json:
            rows = [(name, state, True) for name, state in self._reached]
            rows += [(name, state, False) for name, state in self.names.items()]
            session.print_json([{"namespec": n, "statename": s, "reached": ok} for n, s, ok in rows])
        else:
            for name, state in self.names.items():
                session.line(f"{name}: ERROR (still {state} after {_counted(self._wanted.timeout_s)})")
        if self.names:
            session.fail(status_codes.GENERIC)


def _counted(count: float) -> str:
    return f"{count:g} second{'' if count == 1 else 's'}"
