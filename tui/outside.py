"""Runs the operator's pager or editor on a text, on the terminal that the console has left; must never know urwid."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile


async def outside(program: str, text: str) -> str:
    """Run ``program`` (a shell-like line) with ``text`` in a file of its own; what went wrong, empty for nothing."""
    try:
        argv = shlex.split(program)
    except ValueError as error:
        return f"{program}: {error}"
    if not argv:
        return "PAGER and EDITOR are empty"
    fd, path = tempfile.mkstemp(prefix="supervisortui-", suffix=".log")
    try:
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        process = await asyncio.create_subprocess_exec(*argv, path)
        status = await process.wait()
    except OSError as error:
        return f"cannot run {argv[0]}: {error.strerror}"
    finally:
        os.unlink(path)
    return f"{argv[0]} ended with {status}" if status else ""
