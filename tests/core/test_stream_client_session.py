"""The pure part of the stream client: phases, back-off, heartbeat, what goes on over a reconnect."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from supervisor.client.requests import Attachment, Follow, Subscription, fault_error
from supervisor.client.session import LinkState, Phase, Session
from supervisor.errors import RemoteProtocolError
from supervisor.protocol import stream as wire


@dataclass
class Peer:
    """The server's end of a session, by hand."""

    session: Session = field(default_factory=lambda: Session(random_01=lambda: 0.5))
    seen: list[wire.Frame] = field(default_factory=list)

    def sent(self) -> list[wire.Frame]:
        return list(wire.server_decoder().feed(self.session.to_send()))

    def give(self, *frames: wire.Frame, now: float = 0.0) -> None:
        self.session.receive(b"".join(map(wire.encode, frames)), now)

    def connect(self, now: float = 0.0, boot: str = "b", role: str = "admin", version: int = 1) -> None:
        self.session.dialing()
        self.session.connected(now)
        self.give(wire.Greeting(version, "supervisor", "5", 1, boot, role), now=now)


@pytest.fixture
def peer() -> Peer:
    return Peer()


def record(name: str, state: int = 20) -> wire.ProcessRecord:
    return wire.ProcessRecord(name, name, state, "RUNNING")


def test_backoff_grows_to_fifteen_seconds_and_begins_anew_after_success(peer: Peer) -> None:
    session, now, delays = peer.session, 100.0, []
    for _ in range(8):
        session.failed("no", now)
        delays.append(session.state.next_at - now)
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    assert session.state.attempt == 8
    peer.connect(now)
    session.lost("gone", now)
    session.failed("no", now + 60)
    assert session.state.next_at == now + 60.5


def test_one_that_talks_nonsense_each_time_is_tried_less_and_less_often(peer: Peer) -> None:
    session, now, delays = peer.session, 100.0, []
    for _ in range(4):
        peer.connect(now)
        session.misunderstood()
        session.lost("nonsense", now)
        delays.append(session.state.next_at - now)
    assert delays == [0.5, 1.0, 2.0, 4.0]
    peer.connect(now)
    session.lost("gone", now)
    peer.connect(now + 1)
    session.failed("no", now + 60)
    assert session.state.next_at == now + 60.5, "it did better"


@pytest.mark.parametrize(("random_01", "factor"), [(0.0, 0.8), (1.0, 1.2)])
def test_jitter_is_a_fifth_each_way(random_01: float, factor: float) -> None:
    session = Session(random_01=lambda: random_01)
    session.failed("no", 0.0)
    assert session.state.next_at == pytest.approx(0.5 * factor)


def test_a_missing_socket_right_after_a_loss_is_tried_often_for_five_seconds(peer: Peer) -> None:
    session = peer.session
    peer.connect(100.0)
    session.lost("closed", 100.0)
    assert session.state.next_at == pytest.approx(100.2)
    session.failed("refused", 104.9, absent=True)
    assert session.state.next_at == pytest.approx(105.1)
    session.failed("refused", 105.1, absent=True)
    assert session.state.next_at == pytest.approx(105.6)


def test_a_silent_peer_is_pinged_then_given_up(peer: Peer) -> None:
    peer.connect(0.0)
    assert peer.session.deadline() == 5.0
    assert peer.session.timer(5.0) == ""
    assert peer.sent() == [wire.Ping(1)]
    assert peer.session.timer(9.9) == ""
    assert "silent" in peer.session.timer(10.0)


def test_a_pong_keeps_it_alive_and_measures_the_round_trip(peer: Peer) -> None:
    peer.connect(0.0)
    peer.session.timer(5.0)
    peer.give(wire.Pong(1), now=5.25)
    assert peer.session.rtt_s == 0.25
    assert peer.session.timer(10.0) == ""


def test_no_greeting_is_given_up(peer: Peer) -> None:
    peer.session.connected(0.0)
    assert peer.session.timer(9.0) == ""
    assert "greeting" in peer.session.timer(10.0)


def test_pings_of_the_server_are_answered(peer: Peer) -> None:
    peer.connect()
    peer.give(wire.Ping(77))
    assert peer.sent() == [wire.Pong(77)]


def test_password_is_sent_when_the_role_is_none() -> None:
    peer = Peer(Session("u", "p"))
    peer.connect(role="none")
    assert peer.sent() == [wire.Auth("u", "p")]
    assert not peer.session.live
    peer.give(wire.Welcome("operator"))
    assert peer.session.live and peer.session.role == "operator"


def test_refused_password_ends_the_attempts_until_asked(peer: Peer) -> None:
    peer = Peer(Session("u", "wrong"))
    peer.connect(role="none")
    peer.give(wire.Error(-1, 30, "wrong user name or password"))
    assert peer.session.state.phase is Phase.AUTH_FAILED
    peer.session.lost("closed", 1.0)
    assert peer.session.state.phase is Phase.AUTH_FAILED
    peer.session.retry_now(2.0)
    assert peer.session.state == LinkState(Phase.WAITING, "wrong user name or password", 0, 2.0)


def test_no_password_at_hand(peer: Peer) -> None:
    peer.connect(role="none")
    assert peer.session.state.phase is Phase.AUTH_FAILED


def test_another_version_is_said(peer: Peer) -> None:
    peer.connect(version=2)
    assert peer.session.state.phase is Phase.INCOMPATIBLE
    assert "version 2" in peer.session.state.reason


def subscribed(peer: Peer) -> Subscription:
    request = Subscription(peer.seen.append, lambda: peer.session.boot)
    peer.session.add(request)
    return request


def test_subscription_goes_on_from_the_last_number(peer: Peer) -> None:
    request = subscribed(peer)
    peer.connect(boot="b")
    assert peer.sent() == [wire.Subscribe(request.id)]
    peer.give(wire.Snapshot(request.id, 7, [record("a")]), wire.Delta(request.id, 8, process=record("a")))
    peer.session.lost("x", 1.0)
    peer.connect(2.0, boot="b")
    assert peer.sent() == [wire.Subscribe(request.id, "b", 8)]


def test_another_boot_begins_with_a_snapshot(peer: Peer) -> None:
    request = subscribed(peer)
    peer.connect(boot="b")
    peer.give(wire.Snapshot(request.id, 7, [record("a")]))
    peer.session.lost("x", 1.0)
    peer.sent()
    peer.connect(2.0, boot="c")
    assert peer.sent() == [wire.Subscribe(request.id)]


def test_half_a_snapshot_is_not_gone_on_from(peer: Peer) -> None:
    request = subscribed(peer)
    peer.connect(boot="b")
    peer.give(wire.Snapshot(request.id, 7, [record("a")], more=True))
    peer.session.lost("x", 1.0)
    peer.sent()
    peer.connect(2.0, boot="b")
    assert peer.sent() == [wire.Subscribe(request.id)]


def test_a_hole_in_the_deltas_breaks_the_connection_and_a_double_is_dropped(peer: Peer) -> None:
    request = subscribed(peer)
    peer.connect()
    peer.give(wire.Snapshot(request.id, 7, []), wire.Delta(request.id, 7), wire.Delta(request.id, 8))
    assert [type(frame) for frame in peer.seen] == [wire.Snapshot, wire.Delta]
    with pytest.raises(RemoteProtocolError):
        peer.give(wire.Delta(request.id, 10))


def followed(peer: Peer, **place: int) -> Follow:
    request = Follow(peer.seen.append, "a", "stdout", place.get("gen", 0), place.get("offset", -1), 1000)
    peer.session.add(request)
    return request


def outputs(peer: Peer) -> list[tuple[int, bytes]]:
    return [(frame.offset, frame.data) for frame in peer.seen if isinstance(frame, wire.Output)]


def test_follow_resumes_where_it_was(peer: Peer) -> None:
    request = followed(peer)
    peer.connect(boot="b")
    assert peer.sent() == [wire.Follow(request.id, "a", "stdout", 0, -1, 1000)]
    peer.give(
        wire.Following(request.id, "a", "stdout", 3, 100), wire.Output(request.id, "stdout", 3, 100, b"hello")
    )
    peer.session.lost("x", 1.0)
    peer.connect(2.0, boot="b")
    assert peer.sent() == [wire.Follow(request.id, "a", "stdout", 3, 105, 1000)]


def test_bytes_that_were_seen_are_not_handed_on_again(peer: Peer) -> None:
    request = followed(peer)
    peer.connect()
    peer.give(
        wire.Following(request.id, "a", "stdout", 3, 0),
        wire.Output(request.id, "stdout", 3, 0, b"abcdef"),
        wire.Output(request.id, "stdout", 3, 4, b"efgh"),
        wire.Output(request.id, "stdout", 3, 0, b"abc"),
    )
    assert outputs(peer) == [(0, b"abcdef"), (6, b"gh")]


def test_a_gap_moves_the_place(peer: Peer) -> None:
    request = followed(peer)
    peer.connect(boot="b")
    peer.give(wire.Following(request.id, "a", "stdout", 3, 0), wire.Gap(request.id, "stdout", 3, 0, 5000))
    peer.session.lost("x", 1.0)
    peer.sent()
    peer.connect(2.0, boot="b")
    assert peer.sent() == [wire.Follow(request.id, "a", "stdout", 3, 5000, 1000)]


def test_credit_is_granted_as_bytes_are_eaten(peer: Peer) -> None:
    request = followed(peer)
    peer.connect()
    peer.sent()
    peer.give(wire.Following(request.id, "a", "stdout", 1, 0))
    piece = b"x" * wire.MAX_DATA_BYTES
    for number in range(2):
        peer.give(wire.Output(request.id, "stdout", 1, number * len(piece), piece))
    assert peer.sent() == [wire.Credit(request.id, 2 * len(piece))]


def attached(peer: Peer) -> Attachment:
    request = Attachment(peer.seen.append, "a", "write", 24, 80)
    peer.session.add(request)
    peer.connect()
    peer.sent()
    peer.give(wire.Attached(request.id, "a", True, 7, True, 24, 80, 1, 0))
    return request


def test_input_keeps_within_the_window(peer: Peer) -> None:
    request = attached(peer)
    frames, taken = request.input(b"x" * 40_000)
    assert taken and sum(len(f.data) for f in frames if isinstance(f, wire.Input)) == 40_000
    frames, taken = request.input(b"y" * 40_000)
    assert taken and sum(len(f.data) for f in frames if isinstance(f, wire.Input)) == 25_536
    assert request.input(b"z" * 60_000) == ([], False)
    peer.give(wire.InputAck(request.id, 40_000))
    assert peer.sent() == [wire.Input(request.id, b"y" * 14_464)]


def test_input_before_anything_is_attached_is_refused(peer: Peer) -> None:
    request = Attachment(peer.seen.append, "a", "write", 24, 80)
    peer.session.add(request)
    peer.connect()
    peer.sent()
    assert request.input(b"rm -rf\n") == ([], False)


@pytest.mark.parametrize(("pid", "writer", "sent"), [(7, True, b"defrm"), (8, True, b""), (7, False, b"")])
def test_input_over_a_loss_is_for_the_same_process_only(
    peer: Peer, pid: int, writer: bool, sent: bytes
) -> None:
    request = attached(peer)
    request.input(b"abcdef")
    peer.give(wire.InputAck(request.id, 3))
    peer.session.lost("x", 1.0)
    assert request.input(b"rm") == ([], True)
    peer.connect()
    assert [f.mode for f in peer.sent() if isinstance(f, wire.Attach)] == ["take"]
    peer.give(wire.Attached(request.id, "a", True, pid, writer, 24, 80, 1, 0))
    assert b"".join(f.data for f in peer.sent() if isinstance(f, wire.Input)) == sent


@pytest.mark.parametrize(
    ("typed", "sent"), [(-1, b"defgh"), (3, b"defgh"), (4, b"efgh"), (6, b"gh"), (8, b""), (99, b"")]
)
def test_what_the_server_says_it_has_by_now_is_not_sent_again(peer: Peer, typed: int, sent: bytes) -> None:
    request = attached(peer)
    request.input(b"abcdefgh")
    peer.give(wire.InputAck(request.id, 3))
    peer.session.lost("x", 1.0)
    peer.connect()
    assert [f.typed for f in peer.sent() if isinstance(f, wire.Attach)] == [3]
    peer.give(wire.Attached(request.id, "a", True, 7, True, 24, 80, 1, 0, b"", typed))
    assert b"".join(f.data for f in peer.sent() if isinstance(f, wire.Input)) == sent
    # acknowledgements count from here, and what is forgotten is not sent even if nobody acknowledges it
    peer.give(wire.InputAck(request.id, len(sent)), wire.Started(request.id, 8))
    assert request.input(b"new")[1]
    peer.session.lost("x", 2.0)
    peer.connect()
    assert [f.typed for f in peer.sent() if isinstance(f, wire.Attach)] == [8]
    peer.give(wire.Attached(request.id, "a", True, 8, True, 24, 80, 1, 0, b"", 10))
    assert b"".join(f.data for f in peer.sent() if isinstance(f, wire.Input)) == b"w"


def test_a_cancelled_request_is_told_to_the_server_and_hears_nothing_more(peer: Peer) -> None:
    request = followed(peer)
    peer.connect()
    peer.sent()
    peer.session.cancel(request)
    assert peer.sent() == [wire.Cancel(request.id)]
    peer.give(wire.Output(request.id, "stdout", 1, 0, b"late"))
    assert peer.seen == []


def test_removed_ends_a_request(peer: Peer) -> None:
    request = followed(peer)
    peer.connect()
    peer.give(wire.Removed(request.id))
    peer.session.lost("x", 1.0)
    peer.sent()
    peer.connect(2.0)
    assert peer.sent() == []


def test_fault_text_is_not_doubled() -> None:
    error = fault_error(10, "BAD_NAME: foo")
    assert (error.code, error.text) == (10, "BAD_NAME: foo")
    assert fault_error(70, "NOT_RUNNING").text == "NOT_RUNNING"
