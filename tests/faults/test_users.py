"""The directory of users (LDAP, NIS) does not answer: who needs it waits, and nobody else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.support.shims import compiled
from tests.support.supervisor import Supervisor

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_for_it(void) {
    const char *path = getenv("USERS_HANG_FILE");
    while (path && !access(path, F_OK)) usleep(10000);
}
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **result) {
    wait_for_it();
    return NEXT(getpwuid_r)(uid, entry, buffer, size, result);
}
int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result) {
    wait_for_it();
    return NEXT(getpwnam_r)(name, entry, buffer, size, result);
}
int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count) {
    wait_for_it();
    return NEXT(getgrouplist)(user, group, groups, count);
}
"""
SLEEPERS = (
    "[program:other]\ncommand=/bin/sleep 1000\nuser=nobody\nstartsecs=0\nautostart={}\n"
    "[program:ours]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
)

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root starts programs as somebody else"),
]


class Directory:
    def __init__(self, folder: Path) -> None:
        self.library = compiled(folder, "users", SHIM)
        self.flag = folder / "users-hang"
        self.env = {"LD_PRELOAD": str(self.library), "USERS_HANG_FILE": str(self.flag)}

    def hang(self) -> None:
        self.flag.touch()

    def answer(self) -> None:
        self.flag.unlink(missing_ok=True)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def slowest_answer(supervisor: Supervisor, seconds: float) -> float:
    """Of calls on connections of their own, and on the stream socket."""
    slowest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        supervisor.rpc.supervisor.getState()
        supervisor.stream().close()
        slowest = max(slowest, time.monotonic() - begin)
    return slowest


def test_what_was_known_is_used(supervise: Supervise, directory: Directory, faults: Faults) -> None:
    supervisor = supervise(SLEEPERS.format("true"), env=directory.env)
    supervisor.wait_state("other", "RUNNING")
    directory.hang()
    for name in ("other", "ours"):
        supervisor.rpc.supervisor.stopProcess(name)
        supervisor.rpc.supervisor.startProcess(name)
        supervisor.wait_state(name, "RUNNING")
    assert os.stat(f"/proc/{supervisor.info('other')['pid']}").st_uid == 65534
    print(f"slowest answer: {slowest_answer(supervisor, 1.0):.3f} s")
    directory.answer()
    faults.injected("the directory of users does not answer")


def test_nothing_is_known(supervise: Supervise, directory: Directory, faults: Faults) -> None:
    supervisor = supervise(SLEEPERS.format("false"), env=directory.env)
    directory.hang()
    supervisor.kill_daemon()  # what that one knew is gone
    supervisor.wait_ready()
    supervisor.rpc.supervisor.startProcess("other", False)
    supervisor.wait_log("start waits: the name service does not answer")
    assert supervisor.state("other") == "STARTING"
    supervisor.rpc.supervisor.stopProcess("other")
    assert supervisor.state("other") in ("STOPPED", "FATAL", "BACKOFF")
    supervisor.rpc.supervisor.startProcess("other", False)
    supervisor.rpc.supervisor.stopProcess("ours")
    supervisor.rpc.supervisor.startProcess("ours")
    print(f"slowest answer: {slowest_answer(supervisor, 1.0):.3f} s")
    directory.answer()
    supervisor.wait_state("other", "RUNNING")
    faults.injected("the directory of users does not answer, and nothing is known")


def test_files_are_read_while_it_hangs(supervise: Supervise, directory: Directory, faults: Faults) -> None:
    """A SIGHUP waits until the user in the file is known; everybody is served meanwhile, and an end is an end."""
    supervisor = supervise(SLEEPERS.format("false"), env=directory.env)
    directory.hang()
    os.kill(supervisor.keeper_pid, 1)
    supervisor.wait_log("received SIGHUP")
    print(f"slowest answer: {slowest_answer(supervisor, 1.0):.3f} s")
    begin = time.monotonic()
    supervisor.leaks_checked = False
    supervisor.shutdown()
    assert time.monotonic() - begin < 8.0, "the end waited for what hangs"
    directory.answer()
    faults.injected("the directory of users does not answer while files are read")
