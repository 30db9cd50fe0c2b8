"""**Pure**: the signs of the console in Unicode and in ASCII, and the role each process state is shown in.

All Unicode signs are East Asian *narrow*, so that they take one cell everywhere. Must
never know widgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates

_S = ProcessStates


@dataclass(frozen=True, slots=True)
class Glyphs:
    states: Mapping[int, str]
    bad_exit: str
    stale: str
    opened: str
    closed: str
    cursor: str
    mark: str
    follow: str
    paused: str
    spark: str
    meter: str
    ellipsis: str
    arrow: str
    more: str
    box: str
    """Left top corner, horizontal, right top, vertical, left bottom, right bottom."""
    line: str
    button: tuple[str, str]

    def state(self, record: ProcessRecord) -> str:
        return self.of(record.state, record.expected)

    def of(self, state: int, expected: bool) -> str:
        return self.bad_exit if state == _S.EXITED and not expected else self.states.get(state, "?")


UNICODE: Final = Glyphs(
    {
        _S.RUNNING: "◉", _S.STARTING: "▹", _S.BACKOFF: "↻", _S.STOPPING: "▿", _S.STOPPED: "◦", _S.EXITED: "✓",
        _S.FATAL: "✘",
    },
    bad_exit="✗", stale="⋯", opened="▾", closed="▸", cursor="▸", mark="▪", follow="⇣", paused="=",
    spark="▁▂▃▄▅▆▇█", meter="█", ellipsis="…", arrow="→", more="›", box="┌─┐│└┘", line="─", button=("‹", "›"),
)  # fmt: skip
ASCII: Final = Glyphs(
    {
        _S.RUNNING: "+", _S.STARTING: ">", _S.BACKOFF: "~", _S.STOPPING: "<", _S.STOPPED: "-", _S.EXITED: ".",
        _S.FATAL: "X",
    },
    bad_exit="!", stale="%", opened="[-]", closed="[+]", cursor=">", mark="*", follow="F", paused="P",
    spark=" .:-=+*#", meter="#", ellipsis="~", arrow="->", more=">", box="+-+|++", line="-", button=("<", ">"),
)  # fmt: skip

_ROLES: Final = {
    _S.RUNNING: "state.running",
    _S.STARTING: "state.starting",
    _S.BACKOFF: "state.backoff",
    _S.STOPPING: "state.stopping",
    _S.STOPPED: "state.stopped",
    _S.EXITED: "state.exited",
    _S.FATAL: "state.fatal",
}


def state_role(state: int, expected: bool = True) -> str:
    if state == _S.EXITED and not expected:
        return "state.exited.bad"
    return _ROLES.get(state, "state.unknown")


def is_plain_locale(environ: Mapping[str, str]) -> bool:
    """Whether the operator asked for the C locale by name.

    Python then takes UTF-8 all the same, and says so in ``LC_CTYPE`` (PEP 538), which is not what was asked for.
    """
    ctype = environ.get("LC_CTYPE", "")
    asked = environ.get("LC_ALL") or ("" if ctype == "C.UTF-8" else ctype) or environ.get("LANG", "")
    return asked in ("C", "POSIX")


def choose(wish: str, encoding: str, term: str) -> Glyphs:
    """``wish`` is auto, unicode or ascii; auto is ASCII where signs may be missing or of unknown width."""
    if wish == "unicode":
        return UNICODE
    plain = term in ("linux", "dumb", "") or term.startswith("vt")
    if wish == "ascii" or plain or encoding.lower().replace("-", "") != "utf8":
        return ASCII
    return UNICODE


def spark(values: list[float], width: int, glyphs: Glyphs, top: float = 0.0) -> str:
    """The last ``width`` values as a line of small columns, ``top`` or the largest being full height."""
    shown = values[-width:]
    highest = max([top, *shown, 1e-9])
    steps = len(glyphs.spark) - 1
    line = "".join(glyphs.spark[min(steps, max(0, round(value / highest * steps)))] for value in shown)
    return line.rjust(width)
