"""Scripted supervisors, and consoles that are pointed at them or at others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.tui.fakes import FakeServer, FakeThread, example
from tests.tui.ptyapp import PtyApp


@contextmanager
def scripted(folder: Path, **options: Any) -> Iterator[FakeThread]:
    """The example of the mock-ups, served on ``s.sock.stream`` in ``folder``; ``options`` are FakeServer's."""
    thread = FakeThread(str(folder / "s.sock.stream"), **options)
    try:
        thread.do(example)
        yield thread
    finally:
        thread.close()


@contextmanager
def several(folder: Path, passwords: Mapping[str, str]) -> Iterator[dict[str, FakeThread]]:
    """One ``scripted`` for each name, in a folder of that name, with that password."""
    with ExitStack() as stack:
        made = {}
        for name, password in passwords.items():
            (folder / name).mkdir()
            made[name] = stack.enter_context(scripted(folder / name, password=password))
        yield made


def url(folder: Path) -> list[str]:
    """The arguments that point a console at it."""
    return ["-s", f"unix://{folder}/s.sock"]


def urls(folder: Path, *names: str) -> list[str]:
    """The arguments that point a console at some of ``several``."""
    return [word for name in names for word in ("-s", f"{name}=unix://{folder}/{name}/s.sock")]


def fleet_file(file: Path, tables: Mapping[str, Mapping[str, str]]) -> Path:
    """Write a fleet file; a supervisor without a ``url`` is one of ``several`` in the same folder."""
    lines = []
    for name, table in tables.items():
        lines.append(f"[fleet.{name}]")
        given = {"url": f"unix://{file.parent}/{name}/s.sock", **table}
        lines += [f'{key} = "{value}"' for key, value in given.items()]
    file.write_text("\n".join([*lines, ""]))
    return file


def pretended_ssh(folder: Path) -> str:
    """A PATH on which ``ssh`` runs its command here."""
    folder.mkdir()
    (folder / "ssh").write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift\nexec sh -c "$*"\n')
    (folder / "supervisorctl").write_text(
        f"#!{sys.executable}\nfrom supervisor.supervisorctl import main\nraise SystemExit(main())\n"
    )
    for path in folder.iterdir():
        path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def app(folder: Path, *arguments: str, **options: Any) -> PtyApp:
    """A console on a pty, pointed at it; ``options`` are PtyApp's."""
    return PtyApp([*url(folder), *arguments], folder, **options)


def until(server: FakeThread, condition: Callable[[FakeServer], object], console: PtyApp) -> None:
    """Let the console go on until ``condition`` of the server holds."""
    console.wait(lambda: bool(server.do(condition)), "what the server waited for")
