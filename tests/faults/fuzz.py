"""``python -m tests.faults.fuzz [SECONDS [SEED]]``: what strangers can send, mutated, guided by the lines it reaches.

An input that reaches a pair of lines, one after the other, that none before it reached is kept and mutated further. The
corpus in ``tests/corpus`` is where it begins; what is new is written there, as long as it is small. ``make test`` replays
the corpus, ``make faults`` goes on from it for a while and writes nothing.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from supervisor.daemon import httphead
from supervisor.errors import LocalProtocolError, RemoteProtocolError
from supervisor.protocol import stream, xmlrpc

CORPUS = Path(__file__).resolve().parent.parent / "corpus"
KEPT_BYTES = 600
KEPT_FILES = 60
LONGEST_BYTES = 4096

Edge = tuple[str, int, int]


def xmlrpc_call(data: bytes) -> None:
    """Raises nothing, whatever ``data`` is; what is understood means the same when it is said again."""
    with suppress(RemoteProtocolError):
        call = xmlrpc.parse_call(data)
        with suppress(LocalProtocolError):
            assert xmlrpc.parse_call(xmlrpc.dump_call(call.method, call.params)) == call


def http_requests(data: bytes) -> None:
    """Any cut of the bytes gives the same requests, and is refused or not refused alike."""
    whole = _handed_on([data])
    assert _handed_on([data[i : i + 1] for i in range(len(data))]) == whole
    middle = len(data) // 2
    assert _handed_on([data[:middle], data[middle:]]) == whole


def _handed_on(parts: list[bytes]) -> tuple[list[str], bytes, bool]:
    framer = httphead.RequestFramer()
    heads: list[str] = []
    bodies = bytearray()

    def take(part: httphead.Part | None) -> None:
        if part is not None:
            bodies.extend(part.body)
            if part.head is not None:
                h = part.head
                heads.append(
                    f"{h.method} {h.target} {h.http11} {dict(h.fields)} {h.length} {h.stays} {h.call}"
                )

    try:
        for data in parts:
            take(framer.feed(data))
            while framer.waiting is httphead.Waiting.ANSWER:
                take(framer.answered())
    except httphead.Refused:
        return heads, bytes(bodies), True
    return heads, bytes(bodies), False


def stream_frames(data: bytes) -> None:
    """Any cut of the bytes gives the same frames and the same end."""
    assert _frames([data]) == _frames([data[i : i + 1] for i in range(len(data))])


def _frames(parts: list[bytes]) -> tuple[list[str], bool]:
    decoder = stream.server_decoder()
    frames: list[str] = []
    try:
        for part in parts:
            frames += map(repr, decoder.feed(part))
    except RemoteProtocolError:
        return frames, True
    return frames, False


@dataclass(frozen=True)
class Target:
    """``run`` fails by any exception; ``words`` are what mutations put in."""

    name: str
    run: Callable[[bytes], None]
    module: Any
    words: tuple[bytes, ...]

    def corpus(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((CORPUS / self.name).iterdir())]


def _tags() -> Iterator[bytes]:
    for name in (b"methodCall", b"methodName", b"params", b"param", b"value", b"int", b"i4", b"i8", b"boolean",
                 b"double", b"string", b"base64", b"dateTime.iso8601", b"array", b"data", b"struct", b"member",
                 b"name", b"nil"):  # fmt: skip
        yield b"<" + name + b">"
        yield b"</" + name + b">"
        yield b"<" + name + b"/>"


TARGETS = (
    Target("xmlrpc", xmlrpc_call, xmlrpc, (
        *_tags(), b"<!DOCTYPE a>", b"<![CDATA[", b"]]>", b"&amp;", b"&a;", b"&#0;", b"&#x110000;", b"<!--", b"-->",
        b"<?xml version='1.0' encoding='utf-16'?>", b"99999999999", b"-1", b"1e999", b"nan", b"20240101T00:00:00",
    )),
    Target("http", http_requests, httphead, (
        b"GET ", b"POST ", b"HEAD ", b"PUT ", b"/RPC2", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\n", b"\r",
        b"Content-Length: ", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip",
        b"Host: a", b"Origin: b", b" : ", b"\t", b"\0", b"99999999999999999999", b"+5", b"0x5", b"-1",
    )),
    Target("stream", stream_frames, stream, (
        b"\x00\x00\x00\x01", b"\x81\xa1t", b"\xa9subscribe", b"\xa2id", b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc1", b"\xc0", b"\x91", b"\xd6\xff\0\0\0\0", b"\xca\x7f\xc0\0\0",
        b"\xa4call", b"\xa6method", b"\xa6params", b"\xa5input", b"\xa4data", b"\xc4\x01a",
    )),
)  # fmt: skip


@dataclass
class Fuzzer:
    """``seen``: what was reached so far; ``pool``: the inputs that reached something new."""

    target: Target
    rng: random.Random
    pool: list[bytes] = field(default_factory=list)
    seen: set[Edge] = field(default_factory=set)
    runs: int = 0

    def begin(self) -> None:
        for data in self.target.corpus():
            if self._is_new(data) or not self.pool:
                self.pool.append(data)

    def go(self, seconds: float) -> list[bytes]:
        """What was found that reaches something new."""
        found = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = self._mutated()
            if self._is_new(data):
                self.pool.append(data)
                found.append(data)
        return found

    def _is_new(self, data: bytes) -> bool:
        self.runs += 1
        edges = self._edges(data)
        new = not edges <= self.seen
        self.seen |= edges
        return new

    def _edges(self, data: bytes) -> set[Edge]:
        file = self.target.module.__file__
        edges: set[Edge] = set()
        last = [0]

        def line(frame: FrameType, event: str, argument: object) -> Any:
            if event == "line":
                edges.add((frame.f_code.co_name, last[0], frame.f_lineno))
                last[0] = frame.f_lineno
            return line

        before = sys.gettrace()
        sys.settrace(lambda frame, event, argument: line if frame.f_code.co_filename == file else None)
        try:
            self.target.run(data)
        except Exception as error:
            raise AssertionError(f"{self.target.name}: {data!r}") from error
        finally:
            sys.settrace(before)
        return edges

    def _mutated(self) -> bytes:
        rng = self.rng
        data = bytearray(rng.choice(self.pool))
        for _ in range(rng.choice((1, 1, 2, 4))):
            place = rng.randrange(len(data) + 1)
            length = rng.choice((1, 1, 2, 4, 16, 64))
            how = rng.randrange(6)
            if how == 0 and data:
                data[place % len(data)] = rng.randrange(256)
            elif how == 1:
                del data[place : place + length]
            elif how == 2:
                data[place:place] = data[place : place + length] * rng.choice((1, 2, 40))
            elif how == 3:
                other = rng.choice(self.pool)
                start = rng.randrange(len(other) + 1)
                data[place:] = other[start:]
            else:
                data[place:place] = rng.choice(self.target.words)
        return bytes(data[:LONGEST_BYTES])


def main(seconds: float = 60.0, seed: int = 0) -> None:
    for target in TARGETS:
        fuzzer = Fuzzer(target, random.Random(seed))
        fuzzer.begin()
        before = len(fuzzer.seen)
        found = fuzzer.go(seconds)
        folder = CORPUS / target.name
        room = KEPT_FILES - len(list(folder.iterdir()))
        small = [data for data in found if len(data) <= KEPT_BYTES][: max(room, 0)]
        for data in small:
            (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
        print(
            f"{target.name}: {fuzzer.runs:,} inputs, {len(fuzzer.seen)} edges ({before} before), {len(small)} kept"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
