"""Bytes for a program's stdin: bounded, in order, acknowledged when they went."""

from __future__ import annotations

import asyncio
import os

import pytest

from supervisor.daemon.input import Input, InputClosed, InputFull
from tests.support.loops import run, until


def make(limit: int = 100_000) -> tuple[int, Input]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return read, Input(write, limit)


def test_in_order_and_acknowledged_as_it_goes() -> None:
    async def work() -> None:
        read, way = make(1 << 20)
        pieces = [bytes([n]) * 40_000 for n in range(8)]
        taken = [0] * len(pieces)

        def count(place: int, number: int) -> None:
            taken[place] += number

        for n, piece in enumerate(pieces):
            way.write(piece, lambda number, n=n: count(n, number))  # type: ignore[misc]
        assert sum(taken) < sum(map(len, pieces))  # more than a pipe holds
        got = b""
        while len(got) < 320_000:
            try:
                got += os.read(read, 1 << 16)
            except BlockingIOError:
                await asyncio.sleep(0)
        assert got == b"".join(pieces)
        await until(lambda: taken == [40_000] * 8, "all to be acknowledged")
        way.close()
        os.close(read)

    run(work())


def test_a_program_that_does_not_read_fills_the_buffer_to_its_limit() -> None:
    async def work() -> None:
        read, way = make(100_000)
        sent = 0
        with pytest.raises(InputFull):
            while True:
                way.write(b"x" * 10_000)
                sent += 10_000
        assert 100_000 < sent <= 100_000 + (1 << 16) + 10_000
        with pytest.raises(InputFull):  # and takes nothing
            way.write(b"x" * 100_001)
        got = 0
        while got < sent:
            try:
                got += len(os.read(read, 1 << 16))
            except BlockingIOError:
                await asyncio.sleep(0)
        assert got == sent
        way.write(b"again")
        assert os.read(read, 10) == b"again"
        way.close()
        os.close(read)

    run(work())


def test_a_reader_that_is_gone() -> None:
    async def work() -> None:
        read, way = make()
        os.close(read)
        with pytest.raises(InputClosed):
            way.write(b"x")
        assert way.closed
        with pytest.raises(InputClosed):
            way.write(b"y")
        way.close()

    run(work())


def test_a_reader_that_goes_while_bytes_wait() -> None:
    async def work() -> None:
        read, way = make()
        way.write(b"x" * 90_000)
        os.close(read)
        await until(lambda: way.closed, "the end to be noticed")

    run(work())


def test_closing_from_an_acknowledgement() -> None:
    async def work() -> None:
        read, way = make()
        with pytest.raises(InputClosed):
            way.write(b"x", lambda _: way.close())
        assert way.closed
        assert os.read(read, 10) == b"x"
        os.close(read)

    run(work())


def test_nothing_is_no_write() -> None:
    async def work() -> None:
        read, way = make()
        way.write(b"")
        with pytest.raises(BlockingIOError):
            os.read(read, 1)
        way.close()
        os.close(read)

    run(work())
