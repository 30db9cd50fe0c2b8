"""The program that is supervised while something is measured; must never know who supervises it.

One executable with a few modes, compiled when there is a C compiler, so that what
is measured is the supervisor and not the start of a Python interpreter; without one
a Python script takes its place, and the table says so.

Each mode first appends ``NANOSECONDS PID MODE`` (monotonic clock) to the stamp file:

``idle STAMPS``                    then sleeps for ever
``lines STAMPS RATE BATCH``        then writes lines of 80 bytes, one write each, BATCH at a time
``late STAMPS MILLISECONDS``       then writes now and then a line with its own time
``bulk STAMPS BYTES CHUNK``        then writes so many bytes, CHUNK in each write, and exits
``tokens STAMPS COUNT``            then writes so many communication tokens, one write each, and sleeps
``listen STAMPS COUNT``            then takes events, and stamps again (as ``heard``) when it has so many
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LINE_BYTES = 80

C_SOURCE = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static void until(long long when) {
    struct timespec t = {when / 1000000000LL, when % 1000000000LL};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0)) {}
}
static void put(const char *data, long size) {
    while (size > 0) {
        long n = write(1, data, size);
        if (n < 0) _exit(2);
        data += n, size -= n;
    }
}
static int stamp(const char *path, long long when, const char *what) {
    char text[128];
    int stamps = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int size = snprintf(text, sizeof text, "%lld %d %s\n", when, (int)getpid(), what);
    if (stamps < 0 || write(stamps, text, size) != size) return 1;
    close(stamps);
    return 0;
}
static void listen_to_events(const char *path, long count) {
    static char data[1 << 16];
    put("READY\n", 6);
    for (long have = 0;;) {
        long n = read(0, data + have, sizeof data - 1 - have);
        if (n <= 0) _exit(0);
        data[have += n] = 0;
        char *end = memchr(data, '\n', have), *length = strstr(data, " len:");
        if (!end || !length || have < end + 1 - data + atol(length + 5)) continue;
        have = 0;
        if (--count == 0) stamp(path, now(), "heard");
        put("RESULT 2\nOKREADY\n", 17);
    }
}
int main(int argc, char **argv) {
    long long began = now();
    char text[128];
    if (argc < 3 || stamp(argv[2], began, argv[1])) return 64;
    if (!strcmp(argv[1], "idle")) for (;;) pause();
    if (argc < 4) return 64;
    if (!strcmp(argv[1], "listen")) listen_to_events(argv[2], atol(argv[3]));
    if (!strcmp(argv[1], "tokens")) {
        for (long i = 0; i < atol(argv[3]); i++)
            put(text, snprintf(text, sizeof text,
                "<!--XSUPERVISOR:BEGIN-->token %06ld<!--XSUPERVISOR:END-->", i));
        for (;;) pause();
    }
    if (!strcmp(argv[1], "lines") && argc == 5) {
        long rate = atol(argv[3]), batch = atol(argv[4]);
        long long step = 1000000000LL * batch / rate, due = now(), number = 0;
        char line[128];
        for (;;) {
            until(due += step);
            for (long i = 0; i < batch; i++) {
                snprintf(line, sizeof line, "%012lld the quick brown fox jumps over the lazy dog, says the log %-20s\n",
                         number++, ".");
                line[79] = '\n';
                put(line, 80);
            }
        }
    }
    if (!strcmp(argv[1], "late"))
        for (;;) {
            until(now() + atol(argv[3]) * (750000LL + rand() % 500000));
            put(text, snprintf(text, sizeof text, "%lld\n", now()));
        }
    if (!strcmp(argv[1], "bulk") && argc == 5) {
        long total = atol(argv[3]), chunk = atol(argv[4]);
        char *data = malloc(chunk);
        for (long i = 0; i < chunk; i++) data[i] = i % 100 == 99 ? '\n' : 'x';
        for (long done = 0; done < total; done += chunk) put(data, chunk);
        return 0;
    }
    return 64;
}
"""

PYTHON_SOURCE = r"""
import os, random, sys, time
began = time.monotonic_ns()
mode, stamps = sys.argv[1:3]
fd = os.open(stamps, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.write(fd, b"%d %d %s\n" % (began, os.getpid(), mode.encode()))
os.close(fd)
while mode == "idle":
    time.sleep(3600)
first = int(sys.argv[3])
def put(data):
    while data:
        data = data[os.write(1, data):]
if mode == "lines":
    batch, due, number = int(sys.argv[4]), time.monotonic(), 0
    while True:
        due += batch / first
        time.sleep(max(0.0, due - time.monotonic()))
        for number in range(number, number + batch):
            put((b"%012d " % number).ljust(79, b".") + b"\n")
if mode == "tokens":
    for number in range(first):
        put(b"<!--XSUPERVISOR:BEGIN-->token %06d<!--XSUPERVISOR:END-->" % number)
    time.sleep(1 << 20)
if mode == "listen":
    put(b"READY\n")
    for number, head in enumerate(sys.stdin.buffer, 1):
        sys.stdin.buffer.read(int(head.rpartition(b"len:")[2]))
        if number == first:
            fd = os.open(stamps, os.O_WRONLY | os.O_APPEND)
            os.write(fd, b"%d %d heard\n" % (time.monotonic_ns(), os.getpid()))
            os.close(fd)
        put(b"RESULT 2\nOKREADY\n")
while mode == "late":
    time.sleep(first / 1000 * random.uniform(0.75, 1.25))
    put(b"%d\n" % time.monotonic_ns())
chunk = int(sys.argv[4])
data = (b"x" * 99 + b"\n") * (chunk // 100 + 1)
for _ in range(0, first, chunk):
    put(data[:chunk])
"""


@dataclass(frozen=True)
class Child:
    """``command``: the words in front of the mode. ``compiled``: it costs next to nothing to start."""

    command: tuple[str, ...]
    compiled: bool

    def line(self, *words: str | int | Path) -> str:
        """The ``command=`` of a program section."""
        return " ".join([*self.command, *map(str, words)])

    def argv(self, *words: str | int | Path) -> list[str]:
        return [*self.command, *map(str, words)]


def build(folder: Path) -> Child:
    """Make the program in a folder, in C if that is possible."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    source, program = folder / "work.c", folder / "work"
    source.write_text(C_SOURCE)
    if compiler is not None:
        for static in (["-static"], []):
            argv = [compiler, "-O2", *static, "-o", str(program), str(source)]
            if (
                subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode
                == 0
            ):
                return Child((str(program),), True)
    script = folder / "work.py"
    script.write_text(PYTHON_SOURCE)
    return Child((sys.executable, "-S", "-E", str(script)), False)


@dataclass(frozen=True)
class Stamp:
    """``when``: monotonic seconds of the first instruction."""

    when: float
    pid: int
    mode: str


class Stamps:
    """The file that programs stamp; each ``read`` gives what is new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        path.touch()

    def read(self) -> list[Stamp]:
        with open(self.path, "rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = []
        for line in whole.decode().splitlines():
            when, pid, mode = line.split()
            found.append(Stamp(int(when) / 1e9, int(pid), mode))
        return found
