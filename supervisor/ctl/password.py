"""``hash-password``: what a configuration holds in place of a password; must never know servers."""

from __future__ import annotations

import sys

from . import session as status_codes
from .help import usage
from .session import Session


def hash_password(session: Session, words: list[str]) -> None:
    """Ask for a password twice, or read one line where nobody can be asked; print its stored form."""
    from supervisor import passwords  # seldom used

    if words:
        usage(
            session, "Error: hash-password accepts no arguments", "hash-password", status_codes.INVALID_ARGS
        )
        return
    try:
        if sys.stdin.isatty():
            password = session.ask_secret("Password: ")
            again = session.ask_secret("Once more: ")
        else:
            password = again = sys.stdin.readline().rstrip("\n")
    except EOFError:
        password = again = ""
    if password != again:
        session.failure("Error: the two are not the same")
    elif not password:
        session.failure("Error: no password was given")
    else:
        session.line(passwords.hash_password(password.encode("utf-8", "surrogateescape")))
