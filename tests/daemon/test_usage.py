"""Samples of CPU and memory: of what runs, and one for all who ask at about the same time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from types import SimpleNamespace

import psutil
import pytest

from supervisor.daemon.usage import FRESH_S, UsageSampler
from tests.support.waiting import until


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_who_asks_right_after_another_gets_the_same() -> None:
    sampler = UsageSampler()
    sampler.sample({"me": os.getpid()})
    begun = time.monotonic()
    until(lambda: work(0.05) or time.monotonic() - begun > FRESH_S, "time to pass")  # type: ignore[func-returns-value]
    (busy,) = sampler.sample({"me": os.getpid()}).values()
    assert busy[0] > 5.0 and busy[1] > 1_000_000
    assert sampler.sample({"i": os.getpid()}) == {"i": busy}


def test_what_does_not_run_is_left_out() -> None:
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    assert UsageSampler().sample({"gone": child.pid, "never": 0}) == {}


def test_not_every_question_looks_at_all_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    class Running:
        def __init__(self, pid: int) -> None:
            self.pid = pid

        def is_running(self) -> bool:
            nonlocal looks
            looks += 1
            return True

        def oneshot(self) -> contextlib.AbstractContextManager[None]:
            return contextlib.nullcontext()

        def cpu_percent(self) -> float:
            return 0.0

        def memory_info(self) -> SimpleNamespace:
            return SimpleNamespace(rss=0)

    monkeypatch.setattr(psutil, "Process", Running)
    sampler, count = UsageSampler(), 10_000
    for start in range(0, count, 100):
        sampler.sample({str(pid): pid for pid in range(start + 1, start + 101)})
    assert looks < 3 * count
