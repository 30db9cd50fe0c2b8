"""**Pure**: the pages as HTML, from what the methods answer; must never know HTTP, sockets, or who asks.

Every text that is not ours goes through ``text``: markup is escaped, and characters
that a browser would act on or not show (controls, bidirectional marks) are replaced
by visible ones. No page has a script, or works by one. Class names are Supervisor's,
for those who style or scrape.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from supervisor.namespec import make_namespec
from supervisor.states import ProcessStates as S

ERROR_STATES = frozenset((S.FATAL, S.BACKOFF))
STARTABLE_STATES = frozenset((S.STOPPED, S.EXITED, S.FATAL))

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What is on every page. ``token``: proves that a form is ours."""

    identifier: str
    version: str
    token: str


def _picture(match: re.Match[str]) -> str:
    number = ord(match.group())
    if number < 0x20:
        return chr(0x2400 + number)
    return "\u2421" if number == 0x7F else "\ufffd"


def text(value: str) -> str:
    """As character data or an attribute's value, harmless."""
    return html.escape(_UNSEEN.sub(_picture, value))


def _linked(namespec: str) -> str:
    """As a part of a URL."""
    return quote(namespec, safe=":", errors="replace")


def _page(title: str, body: str, frame: Frame) -> str:
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n"
        '<link rel="stylesheet" href="stylesheets/supervisor.css">\n'
        f"</head>\n<body>\n{body}"
        f"<footer>Supervisor {text(frame.version)}, {text(frame.identifier)}</footer>\n</body>\n</html>\n"
    )


def _buttons(actions: Iterable[tuple[str, str]], token: str, namespec: str = "") -> str:
    """A form with one button an action."""
    name = f'<input type="hidden" name="processname" value="{text(namespec)}">' if namespec else ""
    buttons = "".join(f'<button name="action" value="{value}">{label}</button>' for value, label in actions)
    return (
        f'<form method="post" action="index.html"><input type="hidden" name="token" value="{token}">'
        f"{name}{buttons}</form>"
    )


def _row(info: Mapping[str, Any], token: str) -> str:
    namespec = make_namespec(info["group"], info["name"])
    state = info["state"]
    if state == S.RUNNING:
        style, actions = (
            "statusrunning",
            [("restart", "Restart"), ("stop", "Stop"), ("clearlog", "Clear Log")],
        )
    else:
        style = "statuserror" if state in ERROR_STATES else "statusnominal"
        actions = [("clearlog", "Clear Log")]
        if state in STARTABLE_STATES:
            actions.insert(0, ("start", "Start"))
    path = _linked(namespec)
    return (
        f'<tr><td class="status"><span class="{style}">{text(info["statename"].lower())}</span></td>'
        f"<td>{text(info['description'])}</td>"
        f'<td><a href="tail.html?processname={path}">{text(namespec)}</a></td>'
        f'<td class="action">{_buttons(actions, token, namespec)}'
        f'<a href="logtail/{path}">Tail -f Stdout</a> <a href="logtail/{path}/stderr">Tail -f Stderr</a></td></tr>\n'
    )


def index_page(infos: Iterable[Mapping[str, Any]], message: str, frame: Frame) -> str:
    """All processes, as getAllProcessInfo gives them; ``message`` says what an action came to."""
    rows = "".join([_row(info, frame.token) for info in infos])
    if rows:
        table = (
            "<table>\n<thead><tr><th>State</th><th>Description</th><th>Name</th><th>Action</th></tr></thead>\n"
            f"<tbody>\n{rows}</tbody>\n</table>\n"
        )
    else:
        table = "<p>No programs to manage</p>\n"
    said = f'<div class="status_msg">{text(message)}</div>\n' if message else ""
    whole = _buttons(
        (("refresh", "Refresh"), ("restartall", "Restart All"), ("stopall", "Stop All")), frame.token
    )
    return _page(
        "Supervisor Status",
        f'<h1>Supervisor status</h1>\n{said}<div class="all">{whole}</div>\n{table}',
        frame,
    )


def tail_page(namespec: str, tail: str, limit: int, frame: Frame) -> str:
    """The end of a process's stdout, or why there is none."""
    title = f"Supervisor tail of process {namespec}"
    again = f"tail.html?processname={_linked(namespec)}&amp;limit={limit}"
    return _page(
        title,
        f'<h1>{text(title)}</h1>\n<pre class="tail">{text(tail)}</pre>\n'
        f'<p><a href="{again}">Refresh</a> <a href="index.html">All processes</a></p>\n',
        frame,
    )


def confirm_page(action: str, namespec: str, frame: Frame) -> str:
    """Asks whether an action is meant that came by a link, or from an old form."""
    what = f"{action} {namespec}".strip()
    return _page(
        "Supervisor: please confirm",
        f'<h1>Please confirm</h1>\n<div class="status_msg">Do you want to do this: {text(what)}?</div>\n'
        f"{_buttons([(text(action), 'Yes, ' + text(what))], frame.token, namespec)}\n"
        '<p><a href="index.html">No, show all processes</a></p>\n',
        frame,
    )
