"""``fcgi.py [COUNT]``: a FastCGI responder on fd 0; answers with its pid, ends after COUNT requests."""

from __future__ import annotations

import os
import socket
import struct
import sys

BEGIN, END, STDIN, STDOUT = 1, 3, 5, 6


def record(connection: socket.socket) -> tuple[int, int, bytes]:
    """(type, request id, content) of the next record."""
    head = exactly(connection, 8)
    _, kind, request, length, padding = struct.unpack(">BBHHBx", head)
    content = exactly(connection, length)
    exactly(connection, padding)
    return kind, request, content


def exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise SystemExit("client went away")
        data += part
    return data


def packed(kind: int, request: int, content: bytes) -> bytes:
    return struct.pack(">BBHHBx", 1, kind, request, len(content), 0) + content


left = int(sys.argv[1]) if len(sys.argv) > 1 else -1
listener = socket.socket(fileno=0)
print("ready", flush=True)
while left:
    left -= 1
    connection, _ = listener.accept()
    with connection:
        while True:
            kind, request, content = record(connection)
            if kind == STDIN and not content:
                break
        body = f"Content-Type: text/plain\r\n\r\n{os.getpid()}".encode()
        connection.sendall(
            packed(STDOUT, request, body)
            + packed(STDOUT, request, b"")
            + packed(END, request, struct.pack(">IB3x", 0, 0))
        )
