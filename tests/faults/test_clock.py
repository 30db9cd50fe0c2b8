"""The wall clock of keeper and daemon jumps by years, or the machine is suspended: only printed times change."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults, only_many
from tests.support.processes import alive
from tests.support.shims import compiled
from tests.support.supervisor import child
from tests.support.waiting import until

YEAR_S = 365 * 86_400
NIGHT_S = 8 * 3600

SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *shift(void) {
    static volatile long long *kept;
    if (!kept) {
        const char *path = getenv("CLOCK_SHIFT_FILE");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        static long long none[2];
        void *page = fd < 0 ? MAP_FAILED : mmap(0, 16, PROT_READ, MAP_SHARED, fd, 0);
        if (fd >= 0) close(fd);
        kept = page == MAP_FAILED ? none : page;
    }
    return kept;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int code = syscall(SYS_clock_gettime, clock, now);
    if (!code && clock == CLOCK_REALTIME) now->tv_sec += shift()[0];
    if (!code && clock == CLOCK_BOOTTIME) now->tv_sec += shift()[1];
    return code;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """A library that shifts the wall clock of whoever loads it by the seconds in a file."""
    return compiled(tmp_path, "clock", SHIM)


def jump(clock: Path, seconds: int, suspended: int = 0) -> None:
    """``suspended``: how long the machine was; the boot clock has that, the monotonic one has not."""
    with clock.open("r+b") as file:
        file.write(struct.pack("=qq", seconds, suspended))


@only_many
def test_the_clock_jumps_by_years(supervise: Supervise, tmp_path: Path, shim: Path, faults: Faults) -> None:
    record, clock = tmp_path / "ticks", tmp_path / "shift"
    clock.write_bytes(bytes(16))
    supervisor = supervise(
        "[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
        "[program:b]\ncommand=/bin/sleep 1000\nstartsecs=1\nautostart=false\n"
        f"[eventlistener:l]\ncommand={child('listener', record, 'ok')}\nevents=TICK_5\nstartsecs=0\n",
        env={"LD_PRELOAD": str(shim), "CLOCK_SHIFT_FILE": str(clock)},
    )
    daemon = supervisor.daemon_pid()
    pids = {name: supervisor.wait_state(name, "RUNNING")["pid"] for name in ("a", "l")}
    began = time.monotonic()
    jumps = [10, -10, 40, -40, 0]  # to beyond 2038, and to before 1990
    for years in jumps:
        jump(clock, years * YEAR_S)
        info = supervisor.info("a")
        shown = time.gmtime(info["now"]).tm_year
        assert abs(shown - time.gmtime(min(time.time() + years * YEAR_S, 2**31 - 1)).tm_year) <= 1, info
        start = time.monotonic()
        supervisor.rpc.supervisor.startProcess("b")  # answers when startsecs are over
        assert time.monotonic() - start >= 1, "startsecs were cut short"
        supervisor.rpc.supervisor.stopProcess("b")
        assert {name: supervisor.info(name)["pid"] for name in pids} == pids
    assert supervisor.daemon_pid() == daemon, "the keeper took the daemon for dead"
    assert all(alive(pid) for pid in pids.values())

    def ticks() -> int:
        return len(record.read_text().splitlines()) if record.exists() else 0

    seen = ticks()
    until(lambda: ticks() > seen, "the next tick")
    most = (time.monotonic() - began) / 5 + 1 + len(jumps)  # one at each jump, into another period
    assert ticks() <= most, record.read_text()
    for line in record.read_text().splitlines():
        assert "when:" in json.loads(line)["payload"]
    supervisor.kill_daemon()
    supervisor.wait_ready()
    assert supervisor.info("a")["pid"] == pids["a"]
    faults.injected("the wall clock jumps by years", len(jumps))


def test_a_suspend_of_a_night(supervise: Supervise, tmp_path: Path, shim: Path, faults: Faults) -> None:
    record, clock = tmp_path / "ticks", tmp_path / "shift"
    clock.write_bytes(bytes(16))
    supervisor = supervise(
        "[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
        "[program:b]\ncommand=/bin/sleep 1000\nstartsecs=2\nautostart=false\n"
        f"[program:c]\ncommand={child('exits', 1)}\nstartsecs=1\nstartretries=100\n"
        f"[eventlistener:l]\ncommand={child('listener', record, 'ok')}\nevents=TICK_5\nstartsecs=0\n",
        env={"LD_PRELOAD": str(shim), "CLOCK_SHIFT_FILE": str(clock)},
    )
    daemon = supervisor.daemon_pid()
    pids = {name: supervisor.wait_state(name, "RUNNING")["pid"] for name in ("a", "l")}
    supervisor.wait_log("exited: c (exit status 1; not expected)", 2)  # the next try is two seconds away
    tries = supervisor.log().count("spawned: 'c'")
    began = time.monotonic()
    supervisor.rpc.supervisor.startProcess("b", False)
    jump(clock, NIGHT_S, NIGHT_S)
    assert supervisor.state("b") == "STARTING", "startsecs are over though nobody ran"
    supervisor.wait_state("b", "RUNNING")
    assert time.monotonic() - began >= 2
    assert supervisor.log().count("spawned: 'c'") - tries <= 1 + (time.monotonic() - began) / 2
    assert supervisor.daemon_pid() == daemon, "the keeper took the daemon for dead"
    assert {name: supervisor.info(name)["pid"] for name in pids} == pids
    until(record.exists, "a tick")
    assert len(record.read_text().splitlines()) <= (time.monotonic() - began) / 5 + 3
    supervisor.kill_daemon()
    supervisor.wait_ready()
    assert {name: supervisor.info(name)["pid"] for name in pids} == pids
    faults.injected("the machine is suspended for a night")
