"""The event-listener protocol, both ends (reference: events, sections 4 and 5)."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import LocalProtocolError, RemoteProtocolError
from supervisor.protocol.listener import (
    MAX_RESULT_BYTES,
    DaemonEnd,
    Ready,
    Result,
    envelope,
    parse_headers,
    ready,
    result,
)
from supervisor.states import EventListenerStates as S


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def busy() -> DaemonEnd:
    end = DaemonEnd(S.READY)
    end.send()
    return end


def test_the_envelope_is_exact_and_counts_bytes() -> None:
    data = envelope("my server:1", 21, "pool", 10, "PROCESS_STATE_EXITED", "é".encode())
    assert data == (
        b"ver:3.0 server:my_server_1 serial:21 pool:pool poolserial:10 "
        b"eventname:PROCESS_STATE_EXITED len:2\n\xc3\xa9 "
    )


@given(st.lists(st.text(max_size=40), max_size=4))
def test_who_reads_text_gets_each_payload_and_some_blanks(texts: list[str]) -> None:
    def encoded(text: str) -> bytes:
        return text.encode("utf-8", "backslashreplace")

    data = b"".join(envelope("s", n, "p", n, "TICK_5", encoded(text)) for n, text in enumerate(texts))
    stream = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="\n")
    for number, text in enumerate(texts):
        headers = parse_headers(stream.readline())
        payload = encoded(text).decode()
        assert headers["serial"] == str(number)
        assert stream.read(int(headers["len"])) == payload + " " * (len(encoded(text)) - len(payload))
    assert stream.read() == ""


def test_a_round() -> None:
    end = DaemonEnd()
    end.feed(b"REA")
    assert end.events() == [] and end.state == S.ACKNOWLEDGED
    end.feed(b"DY\n")
    assert end.events() == [Ready()] and end.state == S.READY
    end.send()
    end.feed(b"RESULT 2\nO")
    assert end.events() == [] and end.buffered == 10
    end.feed(b"KREADY\n")
    assert end.events() == [Result(b"OK"), Ready()] and end.state == S.READY
    assert end.buffered == 0


def test_an_empty_result_needs_nothing_more() -> None:
    end = busy()
    end.feed(b"RESULT 0\n")
    assert end.events() == [Result(b"")]


NONSENSE = [
    (S.ACKNOWLEDGED, b"X"),
    (S.ACKNOWLEDGED, b"READY "),
    (S.ACKNOWLEDGED, b"ready\n"),
    (S.ACKNOWLEDGED, b"\n"),
    (S.READY, b"\n"),
    (S.READY, b"READY\n"),
    (S.BUSY, b"READY\n"),
    (S.BUSY, b"XXXXXXX2\nOK"),
    (S.BUSY, b"RESULT -1\n"),
    (S.BUSY, b"RESULT 1e9\n"),
    (S.BUSY, b"RESULT \n"),
    (S.BUSY, b"RESULT 999999999\n"),
    (S.BUSY, b"RESULT 9999999999\n"),
    (S.BUSY, b"RESULT " + b"1" * 100),
    (S.BUSY, b"RESULT " + b" " * 100),
]


@pytest.mark.parametrize(("state", "data"), NONSENSE)
@pytest.mark.parametrize("bytewise", [False, True])
def test_nonsense(state: int, data: bytes, bytewise: bool) -> None:
    end = DaemonEnd(state)
    with pytest.raises(RemoteProtocolError):
        for piece in pieces(data, list(range(len(data)))) if bytewise else [data]:
            end.feed(piece)
    assert end.state == S.UNKNOWN
    end.feed(b"READY\n" * 10)
    assert end.events() == [] and end.buffered == 0


def test_what_came_before_nonsense_counts() -> None:
    end = busy()
    with pytest.raises(RemoteProtocolError):
        end.feed(b"RESULT 2\nOKnonsense")
    assert end.events() == [Result(b"OK")]


@pytest.mark.parametrize("state", [S.ACKNOWLEDGED, S.BUSY, S.UNKNOWN])
def test_sending_to_one_that_is_not_ready_is_our_mistake(state: int) -> None:
    with pytest.raises(LocalProtocolError):
        DaemonEnd(state).send()


@given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(0, 300), max_size=20))
def test_any_cut_of_what_a_listener_writes_gives_the_same(results: list[bytes], cuts: list[int]) -> None:
    """The listener answers each event before it gets it: only the order of the bytes counts."""
    for data in results:
        end = busy()
        found: list[Ready | Result] = []
        for piece in pieces(result(data) + ready(), cuts):
            end.feed(piece)
            found += end.events()
        assert found == [Result(data), Ready()]


@given(
    st.binary(max_size=200), st.sampled_from([S.ACKNOWLEDGED, S.READY, S.BUSY]), st.lists(st.integers(0, 200))
)
def test_random_bytes_raise_only_the_codec_s_error_and_cuts_do_not_matter(
    data: bytes, state: int, cuts: list[int]
) -> None:
    outcomes = []
    for parts in ([data], pieces(data, cuts)):
        end = DaemonEnd(state)
        failed = False
        try:
            for part in parts:
                end.feed(part)
        except RemoteProtocolError:
            failed = True
        outcomes.append((end.events(), failed, end.state))
    assert outcomes[0] == outcomes[1]


def test_the_largest_result() -> None:
    end = busy()
    end.feed(result(b"x" * MAX_RESULT_BYTES))
    assert end.events() == [Result(b"x" * MAX_RESULT_BYTES)]
    with pytest.raises(RemoteProtocolError):
        busy().feed(b"RESULT %d\n" % (MAX_RESULT_BYTES + 1))


@given(st.lists(st.tuples(st.integers(0, 2**63), st.text(max_size=40)), max_size=4))
def test_who_reads_bytes_gets_each_payload_and_blanks_in_front_of_the_next_header(
    items: list[tuple[int, str]],
) -> None:
    payloads = [text.encode("utf-8", "backslashreplace") for _, text in items]
    stream = io.BytesIO(
        b"".join(
            envelope("s", n, "p", n, "TICK_5", data) for (n, _), data in zip(items, payloads, strict=True)
        )
    )
    for (number, _), payload in zip(items, payloads, strict=True):
        headers = parse_headers(stream.readline().decode())
        assert list(headers) == ["ver", "server", "serial", "pool", "poolserial", "eventname", "len"]
        assert headers["serial"] == str(number)
        assert stream.read(int(headers["len"])) == payload
    assert not stream.read().strip(b" ")
