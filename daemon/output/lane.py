"""A thread for each file system that something else has to answer for; must never know what is done in it.

The loop asks a lane and waits for a moment. A lane that did not answer by then is *busy*, and whoever asks meanwhile is
refused at once, so that a mount that hangs costs the loop one such moment and everybody on it waits by retrying.
What came too late is not lost: it is the answer to the next question of the same name.

Way not taken: everything by threads. A file system of the machine's own is written to from the loop, by splice,
and nothing here is on that path.
"""

from __future__ import annotations

import contextlib
import errno
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from supervisor.mounts import Mounts, point_of

T = TypeVar("T")

PATIENCE_S = 0.05
TROUBLE_S = 0.5
"""From then on it is trouble, and said; before, it is only slow."""


class Unanswered(OSError):
    """``what``, a file system or something else that is asked, has not answered for a while."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.ETIMEDOUT, f"{what} does not answer")


def reason(error: OSError) -> str:
    """In few words, for a state."""
    if isinstance(error, Unanswered):
        return str(error.strerror)
    return errno.errorcode.get(error.errno or 0, str(error.errno))


class _Job(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: T | None = None
        self._error: BaseException | None = None
        self.finished = threading.Event()

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is asked for
            self._error = error
        self.finished.set()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # it is finished


class Lane:
    """``mount``: whose, as ``Mounts.far`` names it. ``on_loop``: has something done by the loop.

    ``what``: where it is no file system, for people.
    """

    def __init__(self, mount: str, on_loop: Callable[[Callable[[], None]], object], what: str = "") -> None:
        self.mount = mount
        self._what = what or f"the file system at {point_of(mount)}"
        self.on_loop = on_loop
        self._jobs: queue.SimpleQueue[_Job[Any]] = queue.SimpleQueue()
        self._late: dict[object, _Job[Any]] = {}
        self._lock = threading.Lock()  # others than the loop ask, too: threads that read for a client
        self._when_free: set[Callable[[], None]] = set()
        self._asked = self._answered = 0
        self._since = 0.0
        self._slow = False
        self._thread = threading.Thread(target=self._run, name=f"lane {mount}", daemon=True)
        self._start()

    def _start(self) -> None:
        """Where the system gives no thread now, what there is to do waits, and it is asked again with whoever comes next."""
        if self._thread.ident is None:
            with contextlib.suppress(RuntimeError):
                self._thread.start()

    @property
    def here(self) -> bool:
        """Whether this is the lane itself."""
        return threading.get_ident() == self._thread.ident

    @property
    def busy(self) -> bool:
        return self._asked != self._answered

    @property
    def trouble(self) -> str:
        """That it does not answer, for people; empty: it does."""
        return str(Unanswered(self._what).strerror) if self.hangs else ""

    @property
    def hangs(self) -> bool:
        return self.busy and time.monotonic() - self._since > TROUBLE_S

    def refuse(self) -> OSError:
        """What to raise while it is busy."""
        self._start()
        return Unanswered(self._what) if self.hangs else BlockingIOError(errno.EAGAIN, "busy")

    def post(self, work: Callable[[], object]) -> None:
        """Have something done, whenever that is; what it gives and raises is nobody's."""
        self._put(work)

    def call(self, work: Callable[[], T]) -> T:
        """Have something done. Raises BlockingIOError or Unanswered where that takes long; it is done all the same."""
        if self.busy:
            raise self.refuse()
        return self._wait(self._put(work), PATIENCE_S)

    def collect(self, name: object, begin: Callable[[], Callable[[], T]]) -> T:
        """As ``call``, but the answer to what took long is given to the next who asks by that name.

        ``begin`` makes the work, where there is no such answer.
        """
        job: _Job[T] | None = self._late.pop(name, None)
        patience_s = 0.0
        if job is None:
            if self.busy:
                raise self.refuse()
            job = self._put(begin())
            patience_s = 0.0 if self._slow else PATIENCE_S
        try:
            return self._wait(job, patience_s)
        finally:
            if not job.finished.is_set():
                self._late[name] = job

    def when_free(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called by the loop once nothing is under way."""
        self._when_free.add(callback)
        if not self.busy:
            self.post(lambda: None)

    def owes(self, name: object) -> bool:
        """Whether somebody is to ask by that name again."""
        return name in self._late

    def forget(self, name: object) -> None:
        """Nobody asks by that name any more."""
        self._late.pop(name, None)

    def _put(self, work: Callable[[], T]) -> _Job[T]:
        job = _Job(work)
        with self._lock:
            if not self.busy:
                self._since = time.monotonic()
            self._asked += 1
            self._jobs.put(job)
            self._start()
        return job

    def _wait(self, job: _Job[T], seconds: float) -> T:
        if not job.finished.wait(seconds):
            raise self.refuse()
        return job.result()

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            begin = time.monotonic()
            job.run()
            self._since = time.monotonic()
            self._slow = self._since - begin > PATIENCE_S / 2
            self._answered += 1
            del job  # what it holds is not to live until the next one comes
            if self._when_free and not self.busy:
                told, self._when_free = self._when_free, set()
                for callback in told:
                    self.on_loop(callback)


class Lanes:
    """The lanes of a daemon, made when they are needed.

    ``later``: has the loop do something after so many seconds; None: there is no loop, and who has much to do does all
    of it at once.
    """

    def __init__(
        self,
        on_loop: Callable[[Callable[[], None]], object],
        mounts: Mounts | None = None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self.later = later
        self._on_loop = on_loop
        self._mounts = mounts or Mounts()
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()

    def of(self, path: str) -> Lane | None:
        """The lane in which a path is to be touched; None: it may be touched here."""
        mount = self._mounts.far(path)
        if not mount:
            return None
        with self._lock:
            lane = self._lanes.get(mount)
            if lane is None:
                lane = self._lanes[mount] = Lane(mount, self._on_loop)
        return lane
