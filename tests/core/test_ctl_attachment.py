"""The pure part of attach: frames and keys in, actions out, invented time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.client.rpc import TCPAddress, UnixAddress, parse_stream_address
from supervisor.ctl.attachment import (
    ALL_MARGINS,
    LEAVE_WAIT_S,
    PREFIX_WAIT_S,
    REPLAY_WAIT_S,
    REQUEST_ID,
    Action,
    Attachment,
    Finish,
    Join,
    Note,
    Send,
    Show,
    TakeTyped,
    only_picture,
)
from supervisor.faults import Faults
from supervisor.protocol import stream
from supervisor.tls import NO_FILES


def attached(*, tty: bool = True, live: int = 0, writer: bool = True, pid: int = 7) -> stream.Attached:
    return stream.Attached(REQUEST_ID, "p", tty, pid, writer, 24, 80, 1, live)


def output(offset: int, data: bytes, channel: str = "stdout") -> stream.Output:
    return stream.Output(REQUEST_ID, channel, 1, offset, data)


def joined(frame: stream.Attached | None = None, until_exit: bool = False) -> Attachment:
    attachment = Attachment("p", rows=30, columns=90, until_exit=until_exit)
    attachment.begin()
    attachment.handle(frame or attached(), 0.0)
    return attachment


def inputs(actions: list[Action]) -> bytes:
    return b"".join(
        a.frame.data for a in actions if isinstance(a, Send) and isinstance(a.frame, stream.Input)
    )


def detached(actions: list[Action]) -> bool:
    return Finish(0) in actions and Send(stream.Cancel(REQUEST_ID)) in actions


def test_the_request_has_name_mode_and_size() -> None:
    (action,) = Attachment("g:p", mode="take", rows=30, columns=90).begin()
    assert action == Send(stream.Attach(REQUEST_ID, "g:p", mode="take", rows=30, cols=90))


def test_joining_without_a_past_is_live_at_once() -> None:
    attachment = Attachment("p", rows=30, columns=90)
    assert not attachment.wants_input
    actions = attachment.handle(attached(), 0.0)
    assert actions == [Note("Attached to p (pid 7); Ctrl-] detaches"), Join(True)]
    assert attachment.wants_input
    assert attachment.handle(output(0, b"x"), 0.0) == [Show(b"x")]


def test_the_past_is_shown_in_one_piece_without_its_questions() -> None:
    attachment = joined(attached(live=11))
    assert attachment.handle(output(0, b"ab\x1b["), 0.0) == []
    assert not attachment.wants_input
    actions = attachment.handle(output(4, b"6ncd\x1b[cef"), 0.1)
    # Byte 11 is where the new begins: what is in the same frame behind it is no past.
    assert actions == [
        Show(b"abcd"),
        TakeTyped(),
        Send(stream.Resize(REQUEST_ID, 29, 90)),
        Send(stream.Resize(REQUEST_ID, 30, 90)),
        Show(b"ef"),
    ]
    assert attachment.wants_input


def test_the_past_ends_where_live_begins() -> None:
    attachment = joined(attached(live=3))
    actions = attachment.handle(output(0, b"old\x1b[6n"), 0.0)
    assert actions[0] == Show(b"old")
    assert actions[1] == TakeTyped()
    assert actions[-1] == Show(b"\x1b[6n")


def test_margins_of_the_past_end_with_it() -> None:
    attachment = joined(attached(live=7))
    actions = attachment.handle(output(0, b"\x1b[1;24rnew"), 0.0)
    assert [a.data for a in actions if isinstance(a, Show)] == [b"\x1b[1;24r", ALL_MARGINS, b"new"]
    watching = joined(attached(live=7, writer=False))
    actions = watching.handle(output(0, b"\x1b[1;24rnew"), 0.0)
    assert [a.data for a in actions if isinstance(a, Show)] == [b"\x1b[1;24r", b"new"]


def test_a_past_that_does_not_come_is_not_waited_for() -> None:
    attachment = joined(attached(live=100))
    assert attachment.deadline() == REPLAY_WAIT_S
    assert attachment.tick(REPLAY_WAIT_S - 0.1) == []
    assert attachment.tick(REPLAY_WAIT_S) == []
    assert attachment.wants_input
    assert attachment.deadline() is None


def test_a_past_that_is_no_longer_kept() -> None:
    attachment = joined(attached(live=100))
    assert attachment.handle(stream.Gap(REQUEST_ID, "stdout", 1, 0, 50), 0.0) == []
    actions = attachment.handle(output(50, b"x" * 50), 0.0)
    assert actions[0] == Show(b"x" * 50)
    assert attachment.handle(stream.Gap(REQUEST_ID, "stdout", 1, 100, 150), 0.0) == [
        Note("50 bytes of output were skipped")
    ]


def test_pipes_show_both_channels() -> None:
    attachment = joined(attached(tty=False, live=2))
    attachment.handle(output(0, b"e", "stderr"), 0.0)
    assert attachment.handle(output(0, b"o\n"), 0.0) == [Show(b"eo\n")]
    assert attachment.handle(output(9, b"E\n", "stderr"), 0.0) == [Show(b"E\n")]


# --- keys


def test_keys_go_to_the_program() -> None:
    attachment = joined()
    assert attachment.keys(b"ls\r\x03", 1.0) == [Send(stream.Input(REQUEST_ID, b"ls\r\x03"))]


def test_the_prefix_alone_detaches_after_a_moment() -> None:
    attachment = joined()
    assert attachment.keys(b"a\x1d", 1.0) == [Send(stream.Input(REQUEST_ID, b"a"))]
    attachment.handle(stream.InputAck(REQUEST_ID, 1), 1.0)
    assert attachment.deadline() == 1.0 + PREFIX_WAIT_S
    assert attachment.tick(1.2) == []
    actions = attachment.tick(1.0 + PREFIX_WAIT_S)
    assert detached(actions)
    assert Note("Detached from p") in actions
    assert attachment.tick(9.0) == []


@pytest.mark.parametrize("pieces", [[b"\x1d\x1d"], [b"\x1d", b"\x1d"], [b"\x1d\x1d\x1d\x1d"]])
def test_the_prefix_twice_is_one_key(pieces: list[bytes]) -> None:
    attachment = joined()
    sent = b"".join(inputs(attachment.keys(piece, 1.0)) for piece in pieces)
    assert sent == b"\x1d" * (sum(map(len, pieces)) // 2)
    assert attachment.deadline() is None


@pytest.mark.parametrize("pieces", [[b"\x1dx"], [b"\x1d", b"x"]])
def test_the_prefix_and_another_key_detaches(pieces: list[bytes]) -> None:
    attachment = joined()
    actions = [action for piece in pieces for action in attachment.keys(piece, 1.0)]
    assert inputs(actions) == b""
    assert detached(actions)


@given(
    st.lists(st.binary(max_size=5).map(lambda b: b.replace(b"\x1d", b"\x1d\x1d"))),
    st.lists(st.integers(0, 40)),
)
def test_keys_arrive_whole_however_they_are_cut(words: list[bytes], cuts: list[int]) -> None:
    typed = b"".join(words)
    attachment = joined()
    edges = sorted({0, len(typed), *(min(cut, len(typed)) for cut in cuts)})
    sent = b""
    for start, end in itertools.pairwise(edges):
        sent += inputs(attachment.keys(typed[start:end], 1.0))
    assert sent == typed.replace(b"\x1d\x1d", b"\x1d")
    assert not attachment.finished


def test_the_window_is_respected() -> None:
    attachment = joined()
    paste = bytes(range(256)) * 400
    sent = inputs(attachment.plain(paste))
    assert len(sent) == stream.INPUT_WINDOW_BYTES
    assert attachment.wants_input  # what is queued is below the limit of the queue
    sent += inputs(attachment.handle(stream.InputAck(REQUEST_ID, 1000), 0.0))
    assert len(sent) == stream.INPUT_WINDOW_BYTES + 1000
    attachment.plain(b"x" * 70_000)
    assert not attachment.wants_input
    while attachment.handle(stream.InputAck(REQUEST_ID, len(sent)), 0.0) and len(sent) < len(paste) + 70_000:
        sent = sent + b"x" * min(stream.INPUT_WINDOW_BYTES, len(paste) + 70_000 - len(sent))
    assert attachment.wants_input


def test_credit_is_given_back_for_what_was_taken() -> None:
    attachment = joined()
    given = 0
    piece = b"x" * 50_000
    for number in range(10):
        actions = attachment.handle(output(number * 50_000, piece), 0.0)
        given += sum(
            a.frame.bytes for a in actions if isinstance(a, Send) and isinstance(a.frame, stream.Credit)
        )
        assert (number + 1) * 50_000 - given < stream.DEFAULT_CREDIT_BYTES
    assert given > 0


def test_the_end_of_piped_input_waits_until_the_program_has_it() -> None:
    attachment = joined(attached(tty=False))
    attachment.plain(b"abc")
    assert attachment.end_input() == []
    assert attachment.handle(stream.InputAck(REQUEST_ID, 2), 0.0) == []
    assert detached(attachment.handle(stream.InputAck(REQUEST_ID, 3), 0.0))


def test_lines() -> None:
    attachment = joined(attached(tty=False))
    assert inputs(attachment.line(b"hello\n")) == b"hello\n"
    attachment.handle(stream.InputAck(REQUEST_ID, 6), 0.0)
    assert detached(attachment.line(b"half\x1d"))


# --- what happens to the program


def test_an_exit_does_not_end_the_attachment() -> None:
    attachment = joined()
    assert attachment.handle(stream.Exited(REQUEST_ID, 7, -9), 0.0) == [
        Note("p exited by signal 9; waiting for its next start, Ctrl-] detaches", True)
    ]
    assert attachment.handle(stream.Started(REQUEST_ID, 8), 0.0) == [
        Note("p started, pid 8"),
        Send(stream.Resize(REQUEST_ID, 30, 90)),
    ]


def test_an_exit_forgets_input_that_nobody_took() -> None:
    attachment = joined()
    attachment.plain(b"x" * 100_000)
    attachment.handle(stream.Exited(REQUEST_ID, 7, 0), 0.0)
    assert attachment.wants_input
    assert inputs(attachment.plain(b"new")) == b"new"


def test_an_exit_ends_it_when_asked() -> None:
    attachment = joined(until_exit=True)
    assert attachment.handle(stream.Exited(REQUEST_ID, 7, 3), 0.0) == [
        Note("p exited with status 3"),
        Finish(20),
    ]
    assert attachment.handle(output(0, b"x"), 0.0) == []


def test_a_program_that_is_gone() -> None:
    assert joined().handle(stream.Removed(REQUEST_ID), 0.0)[-1] == Finish(20)


def test_writers() -> None:
    attachment = joined(attached(writer=False))
    assert attachment.keys(b"x", 0.0) == []
    assert attachment.resize(10, 10) == []
    assert attachment.handle(stream.Writer(REQUEST_ID, True), 0.0) == [
        Note("What you type goes to the program now"),
        Send(stream.Resize(REQUEST_ID, 10, 10)),
    ]
    assert attachment.handle(stream.Writer(REQUEST_ID, False, "uid 3"), 0.0) == [
        Note("uid 3 writes now: watching only")
    ]
    assert inputs(attachment.keys(b"x", 0.0)) == b""


def test_sizes() -> None:
    attachment = joined()
    assert attachment.resize(30, 90) == []
    assert attachment.resize(31, 90) == [Send(stream.Resize(REQUEST_ID, 31, 90))]
    assert joined(attached(tty=False)).resize(1, 2) == []


@pytest.mark.parametrize(
    ("code", "text", "line"),
    [
        (Faults.BAD_NAME, "BAD_NAME: p", "ERROR: bad process name supplied"),
        (Faults.FAILED, "not allowed", "ERROR: not allowed"),
    ],
)
def test_errors_before_joining(code: int, text: str, line: str) -> None:
    attachment = Attachment("p")
    assert attachment.handle(stream.Error(REQUEST_ID, code, text), 0.0) == [Note(line), Finish(1)]


def test_errors_later_are_told() -> None:
    attachment = joined()
    assert attachment.handle(stream.Error(REQUEST_ID, 1, "no"), 0.0) == [Note("ERROR: no")]
    assert attachment.handle(stream.Error(99, 1, "of another request"), 0.0) == []


def test_pings_are_answered() -> None:
    assert joined().handle(stream.Ping(5), 0.0) == [Send(stream.Pong(5))]


SMALL = st.integers(0, 300)
FRAMES = st.one_of(
    st.builds(stream.Ping, SMALL),
    st.builds(stream.Attached, st.just(REQUEST_ID), st.just("p"), st.booleans(), SMALL, st.booleans(), SMALL, SMALL, SMALL, SMALL),
    st.builds(stream.Output, st.just(REQUEST_ID), st.sampled_from(["stdout", "stderr", "x"]), SMALL, SMALL, st.binary()),
    st.builds(stream.Gap, st.just(REQUEST_ID), st.just("stdout"), SMALL, SMALL, SMALL),
    st.builds(stream.InputAck, st.just(REQUEST_ID), SMALL),
    st.builds(stream.Writer, st.just(REQUEST_ID), st.booleans()),
    st.builds(stream.Started, st.just(REQUEST_ID), SMALL),
    st.builds(stream.Exited, st.just(REQUEST_ID), SMALL, st.integers(-30, 255)),
    st.builds(stream.Error, st.sampled_from([REQUEST_ID, -1, 9]), SMALL, st.text(max_size=5)),
    st.builds(stream.Removed, st.just(REQUEST_ID)),
)  # fmt: skip


@given(st.lists(st.one_of(FRAMES, st.binary(max_size=8), st.floats(0, 9)), max_size=30), st.booleans())
def test_whatever_comes_it_ends_once_and_is_silent_afterwards(events: list[object], until_exit: bool) -> None:
    attachment = Attachment("p", rows=24, columns=80, until_exit=until_exit)
    attachment.begin()
    for event in [*events, None, None]:
        was_finished = attachment.finished
        if isinstance(event, stream.Frame):
            actions = attachment.handle(event, 0.0)
        elif isinstance(event, bytes):
            actions = attachment.keys(event, 0.0)
        elif isinstance(event, float):
            actions = attachment.tick(event)
        else:
            actions = attachment.detach()
        assert sum(isinstance(action, Finish) for action in actions) == (
            attachment.finished and not was_finished
        )
        if was_finished:
            assert actions == []
    assert attachment.finished


# --- queries and addresses


@pytest.mark.parametrize(
    "query",
    [
        b"\x05", b"\x1bZ", b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[=0c", b"\x1b[5n", b"\x1b[6n", b"\x1b[?6n",
        b"\x1b[?2026$p", b"\x1b[4$p", b"\x1b[>0q", b"\x1b[?u", b"\x1b[x", b"\x1b[18t", b"\x1b[14;2t", b"\x1b]10;?\x07",
        b"\x1b]4;1;?\x1b\\", b"\x1b]52;c;?\x07", b"\x1bP+q544e\x1b\\", b"\x1bP$qm\x1b\\",
        b"\x1b[?2;1;0S", b"\x1b[1$w", b"\x1b[1;1;1;1;9;9*y", b"\x1b_Gi=1,a=q;AAAA\x1b\\",
        b"\x1b]52;c;aGVsbG8=\x07", b"\x1b]9;done\x1b\\", b"\x1b]777;notify;a;b\x07", b"\x1b]1337;File=:AAAA\x07",
        b"\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=\x07\x1b\\",
    ],
)  # fmt: skip
def test_what_asks_or_acts_is_taken_out(query: bytes) -> None:
    assert only_picture(b"a" + query + b"b") == b"ab"


@pytest.mark.parametrize(
    "kept", [b"\x1b[31m", b"\x1b[2J", b"\x1b[10;5H", b"\x1b]0;is it?\x07"[:9], b"\x1b[8;24;80t", b"\x1b[u"]
)
def test_the_rest_stays(kept: bytes) -> None:
    assert only_picture(b"a" + kept + b"b") == b"a" + kept + b"b"


HTTP = TCPAddress("far", 9001)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("nonsense", None),
        ("tcp://h", None),
        ("tcp://h:port", None),
        ("unix:///run/s.stream", None),
        ("tcp://h:99", TCPAddress("h", 99)),
        ("tcp://[::1]:99", TCPAddress("::1", 99)),
        ("tcp://:99", TCPAddress("far", 99)),
        ("tcp://0.0.0.0:99", TCPAddress("far", 99)),
        ("tcp://[::]:99", TCPAddress("far", 99)),
    ],
)
def test_stream_addresses(text: str, address: object) -> None:
    assert parse_stream_address(text, HTTP, NO_FILES) == address


def test_a_path_is_of_the_machine_that_was_asked() -> None:
    for here in (UnixAddress("/run/s"), TCPAddress("localhost", 9001), TCPAddress("127.0.0.1", 9001)):
        assert parse_stream_address("unix:///run/s.stream", here, NO_FILES) == UnixAddress("/run/s.stream")


def test_who_detaches_stays_until_what_was_typed_is_taken() -> None:
    attachment = joined()
    assert attachment.keys(b"x\x1dq", 1.0) == [
        Send(stream.Input(REQUEST_ID, b"x")),
        Send(stream.Cancel(REQUEST_ID)),
    ]
    assert not attachment.wants_input
    assert attachment.handle(stream.InputAck(REQUEST_ID, 1), 1.0) == [Note("Detached from p"), Finish(0)]


def test_what_was_typed_before_detaching_is_sent_again_after_a_loss() -> None:
    attachment = Attachment("p", rows=30, columns=90, token=b"t" * 16)
    attachment.begin()
    attachment.handle(attached(), 0.0)
    attachment.keys(b"abc\x1dq", 1.0)
    attachment.lost()
    (request,) = attachment.rejoin(True)
    assert isinstance(request, Send) and isinstance(request.frame, stream.Attach)
    again = stream.Attached(REQUEST_ID, "p", True, 7, True, 24, 80, 1, 0, b"", 1)
    assert attachment.handle(again, 1.0) == [
        Send(stream.Input(REQUEST_ID, b"bc")),
        Send(stream.Cancel(REQUEST_ID)),
    ]
    assert attachment.handle(stream.InputAck(REQUEST_ID, 2), 1.0)[-1] == Finish(0)


def test_a_server_that_does_not_take_it_is_not_waited_for_for_ever() -> None:
    attachment = joined()
    attachment.keys(b"abc\x1dq", 1.0)
    assert attachment.deadline() == 0.0 and attachment.tick(1.0) == []
    assert attachment.tick(1.0 + LEAVE_WAIT_S) == [
        Note("Detached from p; 3 bytes typed last may not have arrived"),
        Finish(0),
    ]
    attachment = joined()
    attachment.keys(b"abc\x1dq", 1.0)
    attachment.lost()
    assert attachment.wants_input and attachment.keys(b"x", 1.0) == []
    assert attachment.keys(b"\x1d", 1.0)[-1] == Finish(0)  # who asks once more goes at once


def test_more_than_the_window_is_sent_by_one_who_leaves() -> None:
    attachment = joined()
    typed = bytes(stream.INPUT_WINDOW_BYTES + 40_000)
    attachment.plain(typed)
    assert len(inputs(attachment.detach())) == 40_000
