"""A scripted supervisor and the console that is pointed at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def url(folder: Path) -> list[str]:
    """The arguments that point a console at it."""
    return ["-s", f"unix://{folder}/s.sock"]


def app(folder: Path, *arguments: str, **options: Any) -> PtyApp:
    """A console on a pty, pointed at it; ``options`` are PtyApp's."""
    return PtyApp([*url(folder), *arguments], folder, **options)


def until(server: FakeThread, condition: Callable[[FakeServer], object], console: PtyApp) -> None:
    """Let the console go on until ``condition`` of the server holds."""
    console.wait(lambda: bool(server.do(condition)), "what the server waited for")
