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
    Head,
    Part,
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


def got(part: Part | None) -> tuple[str, bytes, bool]:
    """Method and target where a request begins, what came of its body, whether that is all."""
    assert part is not None
    return f"{part.head.method} {part.head.target}" if part.head else "", part.body, part.last


def asked(data: bytes) -> Head:
    part = RequestFramer().feed(data)
    assert part is not None and part.head is not None
    return part.head


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


def test_what_is_read_of_a_head() -> None:
    read = asked(
        head(b"A: b ", b"HOST:  x\t", b"a: c", b"E:", b"U: \xff\xc3\xa9", first=b"GET /%2e?a=b HTTP/1.1")
    )
    assert (read.method, read.target, read.http11, read.length) == ("GET", "/%2e?a=b", True, 0)
    assert dict(read.fields) == {"a": "b", "host": "x", "e": "", "u": "\udcff\xe9"}
    assert read.fields["hOsT"] == "x" and read.fields.get("Nothing") is None
    assert (
        asked(b"GET / HTTP/1.1\r\n\r\n").fields.get("Host") is None
    )  # as clients of Supervisor leave it out


@pytest.mark.parametrize(
    ("version", "lines", "stays"),
    [
        (b"1", [], True),
        (b"1", [b"Connection: close"], False),
        (b"1", [b"Connection: Keep-Alive, Close"], False),
        (b"1", [b"Connection: a", b"connection: close"], False),
        (b"1", [b"Connection: closed"], True),
        (b"0", [], False),
        (b"0", [b"Connection: Keep-Alive"], True),
        (b"0", [b"Connection: keep-alive, close"], False),
    ],
)
def test_whether_a_connection_stays(version: bytes, lines: list[bytes], stays: bool) -> None:
    assert asked(head(*lines, first=b"GET / HTTP/1." + version)).stays is stays


def test_bodies_without_a_length_too_long_or_packed() -> None:
    assert status_of(head(b"Host: x")) == 411
    assert status_of(head(b"Content-Length: %d" % (BODY_MAX_BYTES + 1))) == 413
    assert status_of(head(b"Content-Length: 100000000000")) == 413
    assert status_of(head(b"Content-Length: 5", b"Content-Encoding: gzip")) == 415
    assert (
        status_of(head(b"Content-Length: 5", b"Content-Encoding: identity", b"Content-Encoding: gzip")) == 415
    )


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
    assert got(framer.feed(GET + POST + GET)) == ("GET /ok.html", b"", True)
    assert waiting(framer) is Waiting.ANSWER
    assert framer.feed(b"GET") is None
    assert got(framer.answered()) == ("POST /x", b"abc", True)
    assert got(framer.answered()) == ("GET /ok.html", b"", True)
    assert framer.answered() is None
    assert waiting(framer) is Waiting.HEAD
    assert got(framer.feed(GET[3:])) == ("GET /ok.html", b"", True)
    assert framer.answered() is None and waiting(framer) is Waiting.REQUEST


def test_a_body_passes_as_it_comes() -> None:
    framer = RequestFramer()
    assert got(framer.feed(POST[:-2])) == ("POST /x", b"a", False)
    assert waiting(framer) is Waiting.BODY
    assert got(framer.feed(b"b")) == ("", b"b", False)
    assert got(framer.feed(b"cGET")) == ("", b"c", True)
    assert waiting(framer) is Waiting.ANSWER


def test_a_call_is_given_as_a_whole() -> None:
    framer = RequestFramer()
    for end in range(len(CALL) - 3, len(CALL)):
        assert framer.feed(CALL[end - 1 : end] if end > len(CALL) - 3 else CALL[:end]) is None
        assert waiting(framer) is Waiting.BODY
        assert framer.body_seen == end - len(CALL) + 3
    part = framer.feed(CALL[-1:] + GET)
    assert got(part) == ("POST /RPC2", b"abc", True) and framer.body_seen == 3
    assert waiting(framer) is Waiting.ANSWER and framer.has_more
    assert part is not None and part.head is not None and part.head.call
    assert (part.head.fields["Host"], part.head.fields["Authorization"]) == ("x", "y")
    assert got(framer.answered()) == ("GET /ok.html", b"", True)


@pytest.mark.parametrize(
    "line",
    [
        b"Origin: http://x", b"Sec-Fetch-Site: none", b"Cookie: a=b", b"Referer: x", b"X-Forwarded-Host: x", b"Expect: 100-continue",
        b"Connection: close", b"Connection: upgrade", b"Content-Encoding: identity", b"Via: x",
    ],
)  # fmt: skip
def test_a_call_with_anything_else_makes_the_longer_way(line: bytes) -> None:
    assert not asked(head(line, b"Host: x", b"Content-Length: 0", first=b"POST /RPC2 HTTP/1.1")).call


@pytest.mark.parametrize(
    "first", [b"POST /RPC2 HTTP/1.0", b"POST /RPC2?a HTTP/1.1", b"POST / HTTP/1.1", b"GET /RPC2 HTTP/1.1"]
)
def test_what_is_no_call(first: bytes) -> None:
    assert not asked(head(b"Host: x", b"Content-Length: 0", first=first)).call


def test_a_long_call_passes_as_it_comes() -> None:
    framer = RequestFramer()
    data = head(b"Host: x", b"Content-Length: %d" % (CALL_MAX_BYTES + 1), first=b"POST /RPC2 HTTP/1.1") + b"a"
    assert got(framer.feed(data)) == ("POST /RPC2", b"a", False) and framer.body_seen == 1
    assert got(framer.feed(b"b" * CALL_MAX_BYTES + GET)) == ("", b"b" * CALL_MAX_BYTES, True)
    assert framer.body_seen == CALL_MAX_BYTES + 1


def test_an_answer_before_the_body_is_there() -> None:
    framer = RequestFramer()
    framer.feed(POST[:-2])
    assert framer.answered() is None
    assert got(framer.feed(b"bc")) == ("", b"bc", True)
    assert waiting(framer) is Waiting.REQUEST
    assert got(framer.feed(GET)) == ("GET /ok.html", b"", True)
    assert waiting(framer) is Waiting.ANSWER


def test_an_empty_line_in_front_is_overlooked() -> None:
    assert asked(b"\r\n" + GET).target == "/ok.html"
    framer = RequestFramer()
    assert framer.feed(b"\r\n") is None and waiting(framer) is Waiting.REQUEST


def test_what_waits_behind_a_request_is_bounded() -> None:
    framer = RequestFramer()
    framer.feed(GET)
    assert not framer.crowded
    framer.feed(GET * 1000)
    assert framer.crowded


def _drain(framer: RequestFramer, part: Part | None) -> list[Part]:
    """All that is handed on when every request is answered at once."""
    parts = [part] if part else []
    while waiting(framer) is Waiting.ANSWER:
        if (part := framer.answered()) is not None:
            parts.append(part)
    return parts


@given(st.lists(st.sampled_from([GET, POST, CALL]), max_size=6), st.lists(st.integers(0, 300), max_size=8))
def test_any_cut_gives_the_same_requests(requests: list[bytes], cuts: list[int]) -> None:
    data = b"".join(requests)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    framer = RequestFramer()
    parts: list[Part] = []
    for begin, end in pairwise(places):
        parts += _drain(framer, framer.feed(data[begin:end]))
    assert [part.head.target for part in parts if part.head] == [r.split()[1].decode() for r in requests]
    assert b"".join(part.body for part in parts) == b"abc" * sum(request is not GET for request in requests)
    assert sum(part.last for part in parts) == len(requests)
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
    assert [got(part) for part in map(framer.feed, parts) if part] == [("GET /", b"", True)]


@pytest.mark.parametrize(
    "parts", [[b"\r\n\r\nGET / HTTP/1.0\r\n\r\n"], [b"\r\n", b"\r\nGET / HTTP/1.0\r\n\r\n"]]
)
def test_two_empty_lines_in_front_are_not(parts: list[bytes]) -> None:
    framer = RequestFramer()
    with pytest.raises(Refused):
        list(map(framer.feed, parts))
