"""Each scenario is played once in a test run, whichever worker comes first; must never know what a scenario is.

Playing is mostly waiting: a worker plays several at once ahead of its tests. Which are
taken and how they ended lies in a folder that all workers of the run share.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.waiting import until

PLAYED_S = 100.0
"""How long a test waits for what another worker plays."""


class Board:
    """``play`` gives the disagreements of the scenario of an index."""

    def __init__(self, folder: Path, play: Callable[[int], list[str]]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._play = play
        self._pool: ThreadPoolExecutor | None = None

    def ahead(self, indices: Iterable[int], at_once: int) -> None:
        """Begin to play these, as far as nobody has taken them."""
        self._pool = ThreadPoolExecutor(at_once)
        for index in indices:
            self._pool.submit(self._take, index)

    def result(self, index: int) -> list[str]:
        """How it ended, played by this call if need be; an exception is told as a disagreement."""
        self._take(index)
        path = self._folder / f"{index}.json"
        until(path.exists, f"scenario {index} to be played", PLAYED_S, 0.05)
        problems: list[str] = json.loads(path.read_text())
        return problems

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _take(self, index: int) -> None:
        try:
            os.close(os.open(self._folder / str(index), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        try:
            problems = self._play(index)
        except Exception:  # noqa: BLE001 - it goes to the test, which may be in another process
            problems = [traceback.format_exc()]
        written = self._folder / f"{index}.new"
        written.write_text(json.dumps(problems))
        written.rename(self._folder / f"{index}.json")
