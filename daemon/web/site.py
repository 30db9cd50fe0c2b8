"""The pages' behaviour: which page, which action, which message; must never know sockets or XML.

A GET of a page changes nothing. An action comes by a form of ours (POST with its
token); the URLs with ``?action=`` of Supervisor, and forms without a token, are
obeyed where no browser can be behind them (``Visit.trusted``), and answered with a
page that asks for confirmation elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.namespec import split_namespec

from .pages import Frame, confirm_page, index_page, tail_page

Call = Callable[[str, Sequence[Any]], Awaitable[Any]]
"""Runs a method of the method table for the visitor. Raises RPCError."""

TAIL_MIN_BYTES = 1024
TAIL_MAX_BYTES = 1 << 20

ACTIONS_FOR_ALL = ("refresh", "stopall", "restartall")
ACTIONS_FOR_ONE = ("start", "stop", "restart", "clearlog")

_START_FAULTS = {
    Faults.NO_FILE: "no such file",
    Faults.NOT_EXECUTABLE: "file not executable",
    Faults.ALREADY_STARTED: "already started",
    Faults.SPAWN_ERROR: "spawn error",
    Faults.ABNORMAL_TERMINATION: "abnormal termination",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request. ``form``: query or body. ``by_form``: a POST. ``trusted``: no browser can be behind it.

    ``confirmed``: it has the token of a form of ours.
    """

    path: str
    form: Mapping[str, str]
    by_form: bool
    trusted: bool
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Page:
    """``location``: where to go on instead of a page, relative; with its ``status``."""

    status: int
    html: str = ""
    location: str = ""


async def visit(visit: Visit, call: Call, frame: Frame) -> Page:
    """The answer to a request for one of the pages. Raises RPCError when the daemon is shutting down."""
    if visit.path == "/tail.html":
        return await _tail(visit.form, call, frame)
    action = visit.form.get("action", "")
    if not action:
        message = visit.form.get("message", "")
        return Page(200, index_page(await call("supervisor.getAllProcessInfo", ()), message, frame))
    if action not in ACTIONS_FOR_ALL and action not in ACTIONS_FOR_ONE:
        return Page(404)
    namespec = visit.form.get("processname", "")
    if action != "refresh" and not (visit.trusted or visit.confirmed):
        return Page(403 if visit.by_form else 405, confirm_page(action, namespec, frame))
    message = await _act(action, namespec, call)
    # after a form 303, or some clients would repeat the POST there
    return Page(
        303 if visit.by_form else 301, location=f"./?message={quote(message, safe='', errors='replace')}"
    )


async def _act(action: str, namespec: str, call: Call) -> str:
    """Carry out an action; the message that says what came of it."""
    when = time.ctime()
    if action == "refresh":
        return f"Page refreshed at {when}"
    if action in ACTIONS_FOR_ALL:
        return await _act_on_all(action, call)
    if not await _exists(namespec, call):
        return f"No such process named {namespec}"
    return await _ONE[action](namespec, call)


async def _act_on_all(action: str, call: Call) -> str:
    try:
        await call("supervisor.stopAllProcesses", ())
        if action == "restartall":
            await call("supervisor.startAllProcesses", ())
    except RPCError as error:
        if error.code != Faults.FAILED:
            raise
        return _unexpected(error)  # whoever asks may not
    return f"All {'restarted' if action == 'restartall' else 'stopped'} at {time.ctime()}"


async def _exists(namespec: str, call: Call) -> bool:
    if not namespec or split_namespec(namespec)[1] is None:
        return False
    try:
        await call("supervisor.getProcessInfo", (namespec,))
    except RPCError as error:
        if error.code != Faults.BAD_NAME:
            raise
        return False
    return True


def _unexpected(error: RPCError) -> str:
    return f"unexpected rpc fault [{error.code}] {error.text}"


async def _start(namespec: str, call: Call) -> str:
    try:
        await call("supervisor.startProcess", (namespec,))
    except RPCError as error:
        return f"ERROR: Process {namespec}: {_START_FAULTS.get(error.code, _unexpected(error))}"
    return f"Process {namespec} started"


async def _stop(namespec: str, call: Call) -> str:
    try:
        await call("supervisor.stopProcess", (namespec,))
    except RPCError as error:
        return _unexpected(error)
    return f"Process {namespec} stopped"


async def _restart(namespec: str, call: Call) -> str:
    for method in ("supervisor.stopProcess", "supervisor.startProcess"):
        try:
            await call(method, (namespec,))
        except RPCError as error:
            if error.code == Faults.FAILED:  # whoever asks may not
                return _unexpected(error)
            # whatever else happens: the table below the message shows it
    return f"Process {namespec} restarted"


async def _clear_log(namespec: str, call: Call) -> str:
    try:
        await call("supervisor.clearProcessLogs", (namespec,))
    except RPCError as error:
        return _unexpected(error)
    return f"Log for {namespec} cleared"


_ONE: dict[str, Callable[[str, Call], Awaitable[str]]] = {
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "clearlog": _clear_log,
}


async def _tail(form: Mapping[str, str], call: Call, frame: Frame) -> Page:
    namespec = form.get("processname", "")
    given = form.get("limit", "")
    limit = (
        min(max(TAIL_MIN_BYTES, int(given)), TAIL_MAX_BYTES)
        if given.isdecimal() and len(given) < 20
        else TAIL_MIN_BYTES
    )
    if not namespec:
        return Page(200, tail_page("", "No process name found", limit, frame))
    try:
        tail = await call("supervisor.readProcessStdoutLog", (namespec, -limit, 0))
    except RPCError as error:
        missing = error.code == Faults.NO_FILE
        tail = f"No file for {namespec}" if missing else f"ERROR: {_unexpected(error)}"
    return Page(200, tail_page(namespec, tail, limit, frame))
