"""Namespecs (``group:name``, ``group:*``) read and written; must never know which processes exist."""

from __future__ import annotations


def make_namespec(group: str, process: str) -> str:
    """The form shown to users: ``name`` when group and process are named alike, else ``group:name``."""
    return process if group == process else f"{group}:{process}"


def split_namespec(namespec: str) -> tuple[str, str | None]:
    """``(group, process)``; process is None for the whole group (``group:*`` and ``group:``).

    A name without a colon names both the group and the process.
    """
    group, colon, process = namespec.partition(":")
    if not colon:
        return namespec, namespec
    return group, None if process in ("", "*") else process
