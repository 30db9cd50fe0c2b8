"""A small file system in memory behind /dev/fuse that misbehaves as it is told, in a process of its own.

Run as ``python -m tests.support.fuse FOLDER``; it mounts itself, says ``ready`` and serves until it is killed or
unmounted. Each line of stdin is a ``Behaviour`` in JSON, in place of the one before, which is the answer. Spoken
is what linux/fuse.h says, as far as logs and small programs need it; nothing of it is cached.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

ROOT = 1
BUFFER_BYTES = 1 << 18
MAX_WRITE_BYTES = 1 << 16
_IN, _OUT = struct.Struct("=IIQQIIIHH"), struct.Struct("=IiQ")
_ATTR = struct.Struct("=6Q10I")
SIZE_GIVEN, MODE_GIVEN = 8, 1
NO_REPLY = None
CODES = {
    "lookup": 1, "forget": 2, "getattr": 3, "setattr": 4, "mkdir": 9, "unlink": 10, "rename": 12, "open": 14, "read": 15,
    "write": 16, "statfs": 17, "release": 18, "fsync": 20, "flush": 25, "init": 26, "opendir": 27, "readdir": 28,
    "releasedir": 29, "access": 34, "create": 35, "interrupt": 36, "batch_forget": 42, "rename2": 45,
}  # fmt: skip
NAMES = {code: name for name, code in CODES.items()}


@dataclass
class Behaviour:
    """What to do with requests. ``answers``: whether at all; who waits then is deaf to SIGKILL.

    ``refused``: calls that get ``error``, but for the first ``skip``, and no more than ``times`` (-1: any number).
    ``most``: bytes of one write that are taken (0: all). ``room``: bytes that may be written, then ``error`` (-1: any).
    """

    answers: bool = True
    refused: Sequence[str] = ()
    error: str = "EIO"
    skip: int = 0
    times: int = -1
    most: int = 0
    room: int = -1

    def refuses(self, code: int) -> bool:
        if NAMES.get(code, "").replace("rename2", "rename") not in self.refused:
            return False
        if self.skip:
            self.skip -= 1
            return False
        due = self.times != 0
        self.times -= self.times > 0
        return due

    def taken(self, size: int) -> int:
        """How much of a write is."""
        size = min(size, self.most or size)
        if self.room >= 0:
            size = min(size, self.room)
            self.room -= size
        return size

    @property
    def errno(self) -> int:
        return int(getattr(errno, self.error))


@dataclass
class Node:
    mode: int
    data: bytearray = field(default_factory=bytearray)
    names: dict[bytes, int] = field(default_factory=dict)
    links: int = 1


class Refused(Exception):
    """``args[0]`` is an errno."""


class Server:
    """Answers one request after the other; a call is a method of its name, if it is one of ``CODES``.

    ``flushes``: it wants to know of each close, which waits for it then.
    """

    def __init__(self, fd: int, flushes: bool) -> None:
        self.fd = fd
        self.nodes = {ROOT: Node(stat.S_IFDIR | 0o755)}
        self.behaviour = Behaviour()
        self.unanswered: list[bytes] = []
        self.nothings = {"release", "fsync", "releasedir", "access"} | ({"flush"} if flushes else set())

    def serve(self) -> None:
        os.set_blocking(self.fd, False)
        while True:
            ready, _, _ = select.select([self.fd, 0], [], [])
            if 0 in ready:
                self.behave(os.read(0, BUFFER_BYTES))
            try:
                request = os.read(self.fd, BUFFER_BYTES)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError:
                return  # unmounted
            self.take(request)

    def behave(self, line: bytes) -> None:
        print(json.dumps(asdict(self.behaviour)), flush=True)
        self.behaviour = Behaviour(**json.loads(line))
        waiting, self.unanswered = self.unanswered, []
        for request in waiting:
            self.take(request)

    def take(self, request: bytes) -> None:
        _, code, unique, node, *_ = _IN.unpack_from(request)
        if not self.behaviour.answers and code != CODES["init"]:
            self.unanswered.append(request)
            return
        try:
            if self.behaviour.refuses(code):
                raise Refused(self.behaviour.errno)
            name = NAMES.get(code, "")
            call = self.nothing if name in self.nothings else getattr(self, name, None)
            if call is None:
                raise Refused(errno.ENOSYS)
            answer, error = call(node, request[_IN.size :]), 0
        except Refused as refused:
            answer, error = b"", -refused.args[0]
        if answer is not NO_REPLY:
            with contextlib.suppress(FileNotFoundError):  # who asked was killed
                os.write(self.fd, _OUT.pack(_OUT.size + len(answer), error, unique) + answer)

    def attr(self, number: int) -> bytes:
        node = self.nodes[number]
        size = len(node.data)
        return _ATTR.pack(
            number, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, node.mode, node.links, 0, 0, 0, 4096, 0
        )

    def entry(self, number: int) -> bytes:
        return struct.pack("=4Q2I", number, 0, 0, 0, 0, 0) + self.attr(number)

    def add(self, folder: int, name: bytes, mode: int) -> int:
        number = max(self.nodes) + 1
        self.nodes[number] = Node(mode)
        self.nodes[folder].names[name] = number
        return number

    # --- calls: node and what follows the head to the answer ------------------------------------------

    def init(self, node: int, data: bytes) -> bytes:
        return struct.pack("=4I2H2I2HI28x", 7, 31, 0, 0, 16, 12, MAX_WRITE_BYTES, 1, 0, 0, 0)

    def nothing(self, node: int, data: bytes) -> bytes:
        return b""

    def forget(self, node: int, data: bytes) -> None:
        return NO_REPLY

    batch_forget = interrupt = forget

    def lookup(self, node: int, data: bytes) -> bytes:
        number = self.nodes[node].names.get(data.rstrip(b"\0"))
        if number is None:
            raise Refused(errno.ENOENT)
        return self.entry(number)

    def getattr(self, node: int, data: bytes) -> bytes:
        return struct.pack("=Q2I", 0, 0, 0) + self.attr(node)

    def setattr(self, node: int, data: bytes) -> bytes:
        valid, size, mode = struct.unpack_from("=I12xQ", data)[0], *struct.unpack_from("=16xQ44xI", data)
        if valid & SIZE_GIVEN:
            content = self.nodes[node].data
            del content[size:]
            content.extend(bytes(size - len(content)))
        if valid & MODE_GIVEN:
            self.nodes[node].mode = mode
        return self.getattr(node, b"")

    def mkdir(self, node: int, data: bytes) -> bytes:
        (mode,) = struct.unpack_from("=I", data)
        return self.entry(self.add(node, data[8:].rstrip(b"\0"), stat.S_IFDIR | mode))

    def create(self, node: int, data: bytes) -> bytes:
        _, mode = struct.unpack_from("=2I", data)
        return self.entry(
            self.add(node, data[16:].rstrip(b"\0"), stat.S_IFREG | stat.S_IMODE(mode))
        ) + self.open(node, b"")

    def open(self, node: int, data: bytes) -> bytes:
        return struct.pack("=Q2I", 0, 0, 0)

    opendir = open

    def read(self, node: int, data: bytes) -> bytes:
        offset, size = struct.unpack_from("=8xQI", data)
        return bytes(self.nodes[node].data[offset : offset + size])

    def write(self, node: int, data: bytes) -> bytes:
        offset, size = struct.unpack_from("=8xQI", data)
        size = self.behaviour.taken(size)
        if not size:
            raise Refused(self.behaviour.errno)
        content = self.nodes[node].data
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + size] = data[40 : 40 + size]
        return struct.pack("=2I", size, 0)

    def unlink(self, node: int, data: bytes) -> bytes:
        number = self.nodes[node].names.pop(data.rstrip(b"\0"), 0)
        if not number:
            raise Refused(errno.ENOENT)
        self.nodes[number].links -= 1
        return b""

    def rename(self, node: int, data: bytes, head: int = 8) -> bytes:
        (folder,) = struct.unpack_from("=Q", data)
        old, new = data[head:].split(b"\0")[:2]
        if old not in self.nodes[node].names:
            raise Refused(errno.ENOENT)
        if new in self.nodes[folder].names:
            self.unlink(folder, new)
        self.nodes[folder].names[new] = self.nodes[node].names.pop(old)
        return b""

    def rename2(self, node: int, data: bytes) -> bytes:
        return self.rename(node, data, 16)

    def readdir(self, node: int, data: bytes) -> bytes:
        offset, size = struct.unpack_from("=8xQI", data)
        answer = b""
        for place, (name, number) in enumerate(self.nodes[node].names.items(), 1):
            entry = struct.pack("=2Q2I", number, place, len(name), self.nodes[number].mode >> 12) + name
            entry += bytes(-len(entry) % 8)
            if place > offset and len(answer) + len(entry) <= size:
                answer += entry
        return answer

    def statfs(self, node: int, data: bytes) -> bytes:
        return struct.pack("=5Q4I24x", 1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096, 0)


def main(folder: str, flushes: str) -> int:
    try:
        fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
        done = subprocess.run(
            ["mount", "-i", "-t", "fuse", "-o", options, "tests", folder], pass_fds=(fd,), capture_output=True, check=False
        )  # fmt: skip
        problem = done.stderr.decode().strip() if done.returncode else ""
    except OSError as error:
        problem = str(error)
    print(problem or "ready", flush=True)
    if problem:
        return 1
    Server(fd, bool(flushes)).serve()
    return 0


class FuseDisk:
    """A mounted folder that can be made to misbehave, and to go on."""

    def __init__(self, folder: Path, flushes: bool) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fuse", str(folder), "yes" if flushes else ""],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = self._answer()
        if said != "ready":
            self._process.communicate()
            pytest.skip(f"a FUSE file system may not be mounted here: {said}")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def behave(self, behaviour: Behaviour) -> Behaviour:
        """From now on; what has become of the one before."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(behaviour)) + "\n")
        self._process.stdin.flush()
        return Behaviour(**json.loads(self._answer()))

    def swallow(self) -> None:
        """Take requests and answer none: those who wait cannot be killed."""
        self.behave(Behaviour(answers=False))

    def work(self) -> Behaviour:
        """Do all that is asked, and what was not answered first; see ``behave``."""
        return self.behave(Behaviour())

    def hang(self) -> None:
        """Stand still."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def die(self) -> None:
        """Whoever has a file open there gets errors from now on."""
        self._process.kill()
        self._process.communicate()

    def close(self) -> None:
        if self._process.returncode is None:
            self.die()
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


@contextlib.contextmanager
def fuse_disk(folder: Path, flushes: bool = False) -> Iterator[FuseDisk]:
    """Skips the test where none may be mounted."""
    disk = FuseDisk(folder, flushes)
    try:
        yield disk
    finally:
        disk.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
