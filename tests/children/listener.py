"""An event listener that writes what it got, and can be bad: listener.py FILE HOW [COUNT].

FILE gets one JSON line for each event: {"line": header line, "payload": text}. HOW: ok,
fail (the first COUNT events, then ok), hang, die, garbage, flood, deaf (answers without
reading its stdin, as often as FILE has bytes), closed (closes its stdin), echo (the payload is the result), early
(writes before READY), text (reads a text stream). The bad ones are bad as long as COUNT lines are not in FILE yet.
"""

from __future__ import annotations

import json
import os
import sys
import time

path, how = sys.argv[1:3]
limit = int(sys.argv[3]) if len(sys.argv) > 3 else 1 << 60


def written() -> int:
    try:
        with open(path, "rb") as file:
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0


def say(data: bytes) -> None:
    os.write(1, data)


def read(length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = os.read(0, length - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def note(line: bytes, payload: bytes) -> None:
    text = json.dumps({"line": line.decode(), "payload": payload.decode("utf-8", "backslashreplace")}) + "\n"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, text.encode())
    os.close(fd)


def main() -> None:
    if written() < limit:
        if how == "early":
            say(b"hello\n")
        elif how == "deaf":
            say(b"READY\n")
            for answers in range(1, 1 << 60):
                while not os.path.exists(path) or os.path.getsize(path) < answers:
                    time.sleep(0.001)
                say(b"RESULT 2\nOKREADY\n")
        elif how == "closed":
            os.close(0)
            say(b"READY\n")
            note(b"", b"")
            while True:
                time.sleep(1)
    while how == "text":
        say(b"READY\n")
        header = sys.stdin.readline()
        if not header:
            sys.exit(0)
        count = int(dict(word.split(":") for word in header.split())["len"])
        note(header.encode(), sys.stdin.read(count).encode())
        say(b"RESULT 2\nOK")
    while True:
        say(b"READY\n")
        line = b""
        while not line.endswith(b"\n"):
            line += read(1)
        headers = dict(word.split(":") for word in line.decode().split())
        payload = read(int(headers["len"]))
        bad = written() < limit
        note(line, payload)
        if not bad or how in ("ok", "early"):
            say(b"RESULT 2\nOK")
        elif how == "fail":
            say(b"RESULT 4\nFAIL")
        elif how == "hang":
            time.sleep(10_000)
        elif how == "die":
            os._exit(3)
        elif how == "garbage":
            say(b"RESULT 999999999\n")
        elif how == "flood":
            while True:
                os.write(1, b"x" * 65536)
        elif how == "echo":
            say(b"RESULT %d\n" % len(payload) + payload)


main()
