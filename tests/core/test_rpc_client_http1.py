from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.client.http1 import MAX_HEAD_BYTES, ResponseDecoder, encode_request, quote_path
from supervisor.errors import RemoteProtocolError

BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


def chunked(pieces: list[bytes]) -> bytes:
    chunks = b"".join(b"%X;x=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: 1\r\n\r\n"


def with_length(pieces: list[bytes]) -> bytes:
    body = b"".join(pieces)
    return b"HTTP/1.1 200 OK\r\nContent-length:%d\r\n\r\n%s" % (len(body), body)


def feed_in_pieces(data: bytes, cuts: list[int]) -> tuple[ResponseDecoder, bytes]:
    decoder = ResponseDecoder()
    body = b""
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        body += decoder.feed(data[start:end])
    return decoder, body


@given(BODIES, st.lists(st.integers(0)), st.sampled_from([chunked, with_length]))
def test_any_cut_gives_the_same(pieces: list[bytes], cuts: list[int], form: object) -> None:
    assert callable(form)
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + form(pieces)
    if form is with_length and not b"".join(pieces):
        cuts = []
    decoder, body = feed_in_pieces(data, cuts)
    assert body == b"".join(pieces)
    assert decoder.done
    assert decoder.keeps_open
    assert decoder.head is not None
    assert (decoder.head.status, decoder.head.reason) == (200, "OK")


@given(BODIES, st.lists(st.integers(0)))
def test_without_a_length_the_body_ends_with_the_connection(pieces: list[bytes], cuts: list[int]) -> None:
    decoder, body = feed_in_pieces(b"HTTP/1.0 200 OK\r\n\r\n" + b"".join(pieces), cuts)
    assert not decoder.done
    assert decoder.feed(b"") == b""
    assert decoder.done
    assert not decoder.keeps_open
    assert body == b"".join(pieces)


@given(st.lists(st.binary()))
def test_random_bytes_raise_only_our_error(pieces: list[bytes]) -> None:
    for head in (b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        decoder = ResponseDecoder()
        try:
            for piece in [head, *pieces]:
                decoder.feed(piece)
        except RemoteProtocolError:
            pass


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (MAX_HEAD_BYTES + 10),
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ResponseDecoder().feed(data)


def test_an_early_end_is_no_answer() -> None:
    for data in (b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"):
        decoder = ResponseDecoder()
        decoder.feed(data)
        with pytest.raises(RemoteProtocolError):
            decoder.feed(b"")


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    ],
)
def test_whether_the_connection_can_be_used_again(head: bytes, keeps: bool) -> None:
    decoder = ResponseDecoder()
    decoder.feed(head)
    assert decoder.done
    assert decoder.keeps_open is keeps


def test_requests() -> None:
    assert encode_request("GET", "/logtail/a b:ü", {"Host": "x"}) == (
        b"GET /logtail/a%20b:%C3%BC HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert encode_request("POST", "/RPC2", {}, b"ab") == b"POST /RPC2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
    assert quote_path("/x\r\nEvil: 1") == "/x%0D%0AEvil:%201"
