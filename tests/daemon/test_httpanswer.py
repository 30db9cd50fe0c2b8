"""Answers as bytes, read back by the standard library's client and by ours."""

from __future__ import annotations

import http.client
import io
import socket
import time
from email.utils import formatdate
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.client.http1 import ResponseDecoder
from supervisor.daemon.httpanswer import (
    SERVER_NAME,
    Answer,
    Stamp,
    beginning,
    ending,
    error_page,
    http_date,
    piece,
    refusal,
    whole,
)
from supervisor.daemon.httphead import Fields, Head

DATE = "Thu, 01 Jan 1970 00:00:00 GMT"


def asked(method: str = "GET", http11: bool = True, stays: bool = True) -> Head:
    return Head(method, "/", http11, Fields({}), 0, stays)


class Wire:
    """What http.client takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def read(data: bytes, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    response = http.client.HTTPResponse(cast(socket.socket, Wire(data)), method=method)
    response.begin()
    return response, response.read()


@given(st.binary(max_size=300), st.booleans(), st.booleans(), st.sampled_from((200, 303, 404, 500)))
def test_an_answer_is_read_as_it_was_meant(body: bytes, http11: bool, stays: bool, status: int) -> None:
    head = asked(http11=http11)
    data = b"".join(whole(head, Answer(status, body, {"A": "b"}), DATE, stays))
    response, seen = read(data + b"x")
    assert (response.status, seen, response.version) == (status, body, 11 if http11 else 10)
    assert response.headers["A"] == "b" and response.headers["Date"] == DATE
    assert response.headers["Server"] == SERVER_NAME
    assert response.will_close is not stays
    ours = ResponseDecoder()
    assert ours.feed(data) == body and ours.done and ours.keeps_open is stays


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.booleans())
def test_a_body_in_pieces(pieces: list[bytes], http11: bool) -> None:
    head = asked(http11=http11)
    data = beginning(head, {"A": "b"}, DATE) + b"".join(piece(head, p) for p in pieces) + ending(head)
    response, seen = read(data)
    assert seen == b"".join(pieces) and response.headers["A"] == "b"
    assert response.will_close is not http11


@pytest.mark.parametrize(
    ("http11", "stays", "said"),
    [(True, True, None), (True, False, "close"), (False, True, "keep-alive"), (False, False, None)],
)
def test_what_is_said_of_the_connection(http11: bool, stays: bool, said: str | None) -> None:
    response, _ = read(b"".join(whole(asked(http11=http11), Answer(200, b"a"), DATE, stays)))
    assert response.headers["Connection"] == said


def test_answers_without_a_body() -> None:
    head, body = whole(asked("HEAD"), Answer(200, b"abc"), DATE, True)
    assert body == b"" and read(head, "HEAD")[0].headers["Content-Length"] == "3"
    head, body = whole(asked(), Answer(304, b""), DATE, True)
    assert body == b"" and "Content-Length" not in read(head)[0].headers


def test_a_refusal_ends_the_connection() -> None:
    response, body = read(refusal(431, DATE))
    assert response.status == 431 and response.will_close and body.decode() == error_page(431)


@given(st.integers(0, 253402300799))
def test_dates(second: int) -> None:
    assert http_date(second) == formatdate(second, usegmt=True)


def test_the_stamp_is_of_now() -> None:
    before = time.time()
    date = Stamp().date()
    assert date in {http_date(second) for second in range(int(before), int(time.time()) + 1)}
