"""HTTP requests cut out of bytes, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.httphead import (
    BODY_MAX_BYTES,
    CALL_MAX_BYTES,
    FIELDS_MAX,
    HEAD_MAX_BYTES,
    Refused,
    RequestFramer,
    Waiting,
)

GET = b"GET /ok.html HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
CALL = b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nAuthorization: y\r\nContent-Length: 3\r\n\r\nabc"


def status_of(data: bytes) -> int:
    with pytest.raises(Refused) as caught:
        RequestFramer().feed(data)
    return caught.value.status


def waiting(framer: RequestFramer) -> Waiting:
    return framer.waiting


def head(*lines: bytes, first: bytes = b"POST /RPC2 HTTP/1.0") -> bytes:
    return b"\r\n".join((first, *lines, b"", b""))


@pytest.mark.parametrize(
    "first",
    [
        b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET / HTTP/2.0", b"GET / HTTP/0.9",
        b"get / HTTP/1.1", b"GET x HTTP/1.1", b"GET http://a/ HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /\x00 HTTP/1.1", b"GET /\t HTTP/1.1", b"OPTIONS * HTTP/1.1", b"CONNECT /x HTTP/1.1", b"PUT /x HTTP/1.1",
        b"", b"\x16\x03\x01\x02", b"GET / HTTP/1.1\rX: y",
    ],
)  # fmt: skip
def test_request_lines_that_are_none(first: bytes) -> None:
    assert status_of(head(b"Host: x", first=first)) == 400


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: -5", b"Content-Length: +5", b"Content-Length: 5 5", b"Content-Length: 0x5",
        b"Content-Length: 5, 5", b"Content-Length: ", b"Content-Length: 5\r\nContent-Length: 5", b"Content-Length: 5.0",
        b"Content-Length: \xd9\xa5", b"Content-Length : 5", b"Content-Length: 5\r\n obs-fold", b"NoColon", b": empty",
        b"A b: c", b"A: \x00", b"A: b\rc", b"A: b\nc: d", b"\xc3\xa9: a", b"Content-Length: 99999999999999999999999",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity", b"Host: a\r\nHost: b\r\nContent-Length: 1",
        b"Authorization: a\r\nAuthorization: b\r\nContent-Length: 1",
    ],
)  # fmt: skip
def test_fields_that_are_ambiguous(line: bytes) -> None:
    assert status_of(head(line)) == 400


def test_a_host_that_is_left_out_is_added_where_the_version_wants_one() -> None:
    framer = RequestFramer()
    old = b"GET / HTTP/1.0\r\nA: b\r\n\r\n"
    post = b"POST / HTTP/1.1\r\nContent-Length: 3%s\r\n\r\nabc"
    assert framer.feed(old) == old
    assert framer.answered() == b""
    assert framer.feed(post % b"" + b"GET / HTTP/1.1\r\n\r\n") == post % b"\r\nHost: localhost"
    assert framer.answered() == b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_bodies_without_a_length_too_long_or_packed() -> None:
    assert status_of(head(b"Host: x")) == 411
    assert status_of(head(b"Content-Length: %d" % (BODY_MAX_BYTES + 1))) == 413
    assert status_of(head(b"Content-Length: 100000000000")) == 413
    assert status_of(head(b"Content-Length: 5", b"Content-Encoding: gzip")) == 415


def test_heads_that_are_too_long() -> None:
    assert status_of(b"GET / HTTP/1.1\r\nA: " + b"b" * HEAD_MAX_BYTES) == 431
    assert status_of(head(*[b"A: b"] * (FIELDS_MAX + 1))) == 431
    assert status_of(b"GET /" + b"a" * HEAD_MAX_BYTES) == 431
    fields = [b"A: b"] * (FIELDS_MAX - 1)
    assert RequestFramer().feed(head(b"Content-Length: 0", *fields))


def test_a_line_without_cr_is_refused_before_the_end() -> None:
    assert status_of(b"GET / HTTP/1.1\nHost: x\n\n") == 400
    assert status_of(b"\n") == 400


def test_one_request_at_a_time() -> None:
    framer = RequestFramer()
    assert waiting(framer) is Waiting.REQUEST
    assert framer.feed(GET + POST + GET) == GET
    assert waiting(framer) is Waiting.ANSWER
    assert framer.feed(b"GET") == b""
    assert framer.answered() == POST
    assert framer.answered() == GET
    assert framer.answered() == b""
    assert waiting(framer) is Waiting.HEAD
    assert framer.feed(GET[3:]) == GET
    assert framer.answered() == b"" and waiting(framer) is Waiting.REQUEST


def test_a_body_passes_as_it_comes() -> None:
    framer = RequestFramer()
    assert framer.feed(POST[:-2]) == POST[:-2]
    assert waiting(framer) is Waiting.BODY
    assert framer.feed(b"b") == b"b"
    assert framer.feed(b"cGET") == b"c"
    assert waiting(framer) is Waiting.ANSWER


def test_a_call_is_given_as_a_whole() -> None:
    framer = RequestFramer()
    for end in range(len(CALL) - 3, len(CALL)):
        assert framer.feed(CALL[end - 1 : end] if end > len(CALL) - 3 else CALL[:end]) == b""
        assert waiting(framer) is Waiting.BODY and framer.call is None
        assert framer.body_seen == end - len(CALL) + 3
    assert framer.feed(CALL[-1:] + GET) == CALL
    assert framer.call is not None and waiting(framer) is Waiting.ANSWER and framer.has_more
    assert framer.call.body == b"abc"
    assert (framer.call.head.host, framer.call.head.authorization) == (b"x", b"y")
    assert framer.answered() == GET and framer.call is None


@pytest.mark.parametrize(
    "line",
    [
        b"Origin: http://x", b"Sec-Fetch-Site: none", b"Cookie: a=b", b"Referer: x", b"X-Forwarded-Host: x", b"Expect: 100-continue",
        b"Connection: close", b"Connection: upgrade", b"Content-Encoding: identity", b"Via: x",
    ],
)  # fmt: skip
def test_a_call_with_anything_else_makes_the_longer_way(line: bytes) -> None:
    framer = RequestFramer()
    data = head(line, b"Host: x", b"Content-Length: 0", first=b"POST /RPC2 HTTP/1.1")
    assert framer.feed(data) == data and framer.call is None


@pytest.mark.parametrize(
    "first", [b"POST /RPC2 HTTP/1.0", b"POST /RPC2?a HTTP/1.1", b"POST / HTTP/1.1", b"GET /RPC2 HTTP/1.1"]
)
def test_what_is_no_call(first: bytes) -> None:
    framer = RequestFramer()
    framer.feed(head(b"Host: x", b"Content-Length: 0", first=first))
    assert framer.call is None


def test_a_long_call_passes_as_it_comes() -> None:
    framer = RequestFramer()
    data = head(b"Host: x", b"Content-Length: %d" % (CALL_MAX_BYTES + 1), first=b"POST /RPC2 HTTP/1.1") + b"a"
    assert framer.feed(data) == data and framer.body_seen == 1
    assert framer.feed(b"b" * CALL_MAX_BYTES + GET) == b"b" * CALL_MAX_BYTES
    assert framer.call is None and framer.body_seen == CALL_MAX_BYTES + 1


def test_an_answer_before_the_body_is_there() -> None:
    framer = RequestFramer()
    framer.feed(POST[:-2])
    assert framer.answered() == b""
    assert framer.feed(b"bc") == b"bc"
    assert waiting(framer) is Waiting.REQUEST
    assert framer.feed(GET) == GET
    assert waiting(framer) is Waiting.ANSWER


def test_an_empty_line_in_front_is_overlooked() -> None:
    assert RequestFramer().feed(b"\r\n" + GET) == GET
    framer = RequestFramer()
    assert framer.feed(b"\r\n") == b"" and waiting(framer) is Waiting.REQUEST


def test_what_waits_behind_a_request_is_bounded() -> None:
    framer = RequestFramer()
    framer.feed(GET)
    assert not framer.crowded
    framer.feed(GET * 1000)
    assert framer.crowded


def _drain(framer: RequestFramer, passed: bytes) -> list[bytes]:
    """All that is handed on when every request is answered at once, cut where the answers are."""
    got = [passed] if passed else []
    while waiting(framer) is Waiting.ANSWER:
        passed = framer.answered()
        if passed:
            got.append(passed)
    return got


@given(st.lists(st.sampled_from([GET, POST, CALL]), max_size=6), st.lists(st.integers(0, 300), max_size=8))
def test_any_cut_gives_the_same_bytes(requests: list[bytes], cuts: list[int]) -> None:
    data = b"".join(requests)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    framer = RequestFramer()
    got = b""
    for begin, end in pairwise(places):
        got += b"".join(_drain(framer, framer.feed(data[begin:end])))
    assert got == data
    assert waiting(framer) is Waiting.REQUEST


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_random_bytes_are_refused_or_waited_for(parts: list[bytes]) -> None:
    framer = RequestFramer()
    for part in parts:
        try:
            _drain(framer, framer.feed(part))
        except Refused as refused:
            assert refused.status in (400, 411, 413, 415, 431)
            return


@pytest.mark.parametrize("parts", [[b"\r\nGET / HTTP/1.0\r\n\r\n"], [b"\r", b"\nGET / HTTP/1.0\r\n\r\n"]])
def test_one_empty_line_in_front_is_overlooked_wherever_it_is_cut(parts: list[bytes]) -> None:
    framer = RequestFramer()
    assert b"".join(map(framer.feed, parts)) == b"GET / HTTP/1.0\r\n\r\n"


@pytest.mark.parametrize(
    "parts", [[b"\r\n\r\nGET / HTTP/1.0\r\n\r\n"], [b"\r\n", b"\r\nGET / HTTP/1.0\r\n\r\n"]]
)
def test_two_empty_lines_in_front_are_not(parts: list[bytes]) -> None:
    framer = RequestFramer()
    with pytest.raises(Refused):
        b"".join(map(framer.feed, parts))
