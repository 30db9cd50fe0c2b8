"""Reread, plan, update, add, remove: what follows the configuration files; must never know the wire or the prompt.

``update`` leaves alone what did not change, where the server can do that
(``updateProcessGroup``); with ``--whole-groups``, or another server, a changed group is
stopped, removed and added as Supervisor does it.
"""

from __future__ import annotations

from typing import Final

from supervisor.errors import RPCError
from supervisor.faults import Faults

from . import session as status_codes
from .help import usage
from .patterns import expand_groups
from .records import Changes
from .session import Session

NOTHING: Final = "No config updates to processes"
WHOLE_GROUPS: Final = "--whole-groups"


def reload_config(session: Session, shutting_down: str) -> Changes | None:
    """What changed; None after the line that says why it cannot be known."""
    try:
        return session.reader.changes(session.call("reloadConfig"))
    except RPCError as error:
        if error.code == Faults.SHUTDOWN_STATE:
            session.failure(shutting_down)
        elif error.code == Faults.CANT_REREAD:
            session.failure(f"ERROR: {error.text}")
        else:
            raise
        return None


def reread(session: Session, words: list[str]) -> None:
    if words:
        usage(session, "Error: reread accepts no arguments", "reread")
        return
    changes = reload_config(session, "ERROR: supervisor shutting down")
    if changes is None:
        return
    if session.json:
        session.print_json(changes._asdict())
        return
    lines = (
        [(name, f"{name}: available") for name in changes.added]
        + [(name, f"{name}: changed") for name in changes.changed]
        + [(name, f"{name}: disappeared") for name in changes.removed]
    )
    for _, line in sorted(lines):
        session.line(line)
    if not lines:
        session.line(NOTHING)


def add(session: Session, words: list[str]) -> None:
    for name in expand_groups(words, lambda: _inactive_groups(session)):
        try:
            session.call("addProcessGroup", name)
        except RPCError as error:
            if error.code == Faults.SHUTDOWN_STATE:
                session.failure("ERROR: shutting down")
            elif error.code == Faults.ALREADY_ADDED:
                session.line("ERROR: process group already active")
            elif error.code == Faults.BAD_NAME:
                session.failure(f"ERROR: no such process/group: {name}")
            else:
                raise
        else:
            session.line(f"{name}: added process group")


def _inactive_groups(session: Session) -> list[str]:
    infos = map(session.reader.config, session.reader.list_of(session.call("getAllConfigInfo")))
    return list(dict.fromkeys(info.group for info in infos if not info.in_use))


def active_groups(session: Session) -> list[str]:
    return list(dict.fromkeys(info.group for info in session.processes()))


def remove(session: Session, words: list[str]) -> None:
    for name in expand_groups(words, lambda: active_groups(session)):
        try:
            session.call("removeProcessGroup", name)
        except RPCError as error:
            if error.code == Faults.STILL_RUNNING:
                session.failure(f"ERROR: process/group still running: {name}")
            elif error.code == Faults.BAD_NAME:
                session.failure(f"ERROR: no such process/group: {name}")
            else:
                raise
        else:
            session.line(f"{name}: removed process group")


# --- update ------------------------------------------------------------------------------------------


def update(session: Session, words: list[str]) -> None:
    whole = WHOLE_GROUPS in words
    names = [word for word in words if word != WHOLE_GROUPS]
    unknown = next((name for name in names if name.startswith("--")), None)
    if unknown is not None:
        usage(session, f"Error: update has no {unknown}", "update", status_codes.INVALID_ARGS)
        return
    changes = reload_config(session, "ERROR: already shutting down")
    if changes is None:
        return
    wanted: set[str] | None = None
    if names and "all" not in names:
        known = set(active_groups(session)).union(changes.added, changes.changed, changes.removed)
        wanted = set(expanded := expand_groups(names, lambda: known))
        for name in dict.fromkeys(expanded):
            if name not in known:
                session.failure(f"ERROR: no such group: {name}")
    for name in changes.removed:
        if wanted is None or name in wanted:
            _update_removed(session, name)
    for name in changes.changed:
        if wanted is None or name in wanted:
            _update_changed(session, name, whole)
    for name in changes.added:
        if wanted is None or name in wanted:
            session.call("addProcessGroup", name)
            session.line(f"{name}: added process group")


def _stop_group(session: Session, name: str) -> bool:
    """Whether every process of the group stopped."""
    results = session.reader.results(session.call("stopProcessGroup", name))
    session.line(f"{name}: stopped")
    return all(result.status != Faults.FAILED for result in results)


def _update_removed(session: Session, name: str) -> None:
    if _stop_group(session, name):
        session.call("removeProcessGroup", name)
        session.line(f"{name}: removed process group")
    else:
        session.line(f"{name}: has problems; not removing")
        session.fail(status_codes.GENERIC)


def _update_changed(session: Session, name: str, whole: bool) -> None:
    if not whole and _update_members(session, name):
        return
    _stop_group(session, name)
    session.call("removeProcessGroup", name)
    session.call("addProcessGroup", name)
    session.line(f"{name}: updated process group")


def _update_members(session: Session, name: str) -> bool:
    """Whether the server could bring the group up to date by itself, maybe with problems that were told."""
    try:
        report = session.call("updateProcessGroup", name)
    except RPCError as error:
        if error.code != Faults.UNKNOWN_METHOD:
            raise
        return False
    if session.reader.names(report, "stopped"):
        session.line(f"{name}: stopped")
    session.line(f"{name}: updated process group")
    for problem in session.reader.names(report, "problems"):
        session.failure(f"{name}: ERROR ({problem})")
    return True
