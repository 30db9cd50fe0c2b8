"""Samples of CPU and memory: of what runs, and one for all who ask at about the same time."""

from __future__ import annotations

import os
import subprocess
import time

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
