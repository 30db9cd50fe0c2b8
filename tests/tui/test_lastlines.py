"""The column LAST LINE: what it shows, and that it costs little."""

from __future__ import annotations

import time
from pathlib import Path

from supervisor.protocol import stream as wire
from supervisor.tui.glance import CREDIT_BYTES, GLANCE_BYTES, Glance, last_line
from supervisor.tui.screens.table import columns
from tests.support.consoles import app, urls
from tests.tui.fakes import FakeServer, FakeThread
from tests.tui.ptyapp import PtyApp


def test_the_last_line_that_is_not_blank_without_colours() -> None:
    assert last_line(b"one\ntwo\n\n  \n") == "two"
    assert last_line(b"one\n\x1b[31mERROR\x1b[0m half a li") == "ERROR half a li"
    assert last_line(b"\x1b]0;title\x07\x1b[2J\rx\x08") == "x\u2408"
    assert (
        last_line("caf\u00e9 \u6771".encode()[1:]) == "af\u00e9 \u6771"
        and last_line(b"\xff\xfe") == "\ufffd\ufffd"
    )
    assert last_line(b"") == last_line(b"\n\n") == ""


def test_a_glance_follows_what_comes_and_knows_when_it_has_had_its_share() -> None:
    told: list[str] = []
    glance = Glance("g:a", lambda: told.append(glance.line))
    glance.take(wire.Following(1, "g:a", "stdout", 1, 0, 0, 4))
    glance.take(wire.Output(1, "stdout", 1, 0, b"one\n"))
    glance.take(wire.Output(1, "stdout", 1, 4, b"tw"))
    glance.take(wire.Output(1, "stdout", 1, 6, b"o\n"))
    assert told == ["one", "tw", "two"] and not glance.spent
    glance.take(wire.Following(1, "g:a", "stdout", 1, 8, 0, 8))
    assert glance.line == "two", "nothing new after a reconnect"
    glance.take(wire.Output(1, "stdout", 1, 8, b"x" * CREDIT_BYTES))
    assert glance.spent and len(glance.line) == GLANCE_BYTES
    glance.take(wire.Following(1, "g:a", "stdout", 2, 0, 0, 0))
    assert glance.line == "" and not glance.spent, "the log was cleared"


def test_the_column_is_the_first_to_go() -> None:
    wide, narrow = columns(120, 12), columns(80, 12)
    assert wide.last >= 20 and wide.rss and not narrow.last and narrow.rss
    assert not columns(200, 12, ("pid", "cpu")).last


def follows(server: FakeServer, credit: int = CREDIT_BYTES) -> list[str]:
    """The logs that were asked for with no more than that credit."""
    return [f.name for f in server.frames if isinstance(f, wire.Follow) and f.credit == credit]


def test_the_list_shows_last_lines_of_what_can_be_seen(server: FakeThread, tmp_path: Path) -> None:
    def many(fake: FakeServer) -> None:
        for number in range(200):
            fake.add("zoo", f"n{number:03d}", 20, pid=5000 + number, group_priority=990)
            fake.write(f"zoo:n{number:03d}", b"hello of %d\n" % number)

    server.do(many)
    with app(tmp_path, cols=200, rows=40) as console:
        console.see("LAST LINE", "GET /items?page=59")
        assert "zoo:n199" not in server.do(follows)
        server.do(lambda fake: fake.write("cache", b"\x1b[32mwarm\x1b[0m now\n"))
        console.see("warm now")
        console.keys("G")
        console.see("hello of 199")
        console.wait(
            lambda: (
                not any(
                    follower.fake.namespec == "cache"
                    for p in server.server.peers
                    for follower in p.follows.values()
                )
            ),
            "what is not seen not to be followed",
        )


def test_a_flood_is_looked_at_once_a_second(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, cols=200, rows=40) as console:
        console.see("LAST LINE", "GET /items?page=59")
        began = time.monotonic()
        for number in range(200):
            server.do(lambda fake, n=number: fake.write("api:web_01", b"flood %d " % n * 100 + b"\n"))  # type: ignore[misc]
            console.pump(0.01)
        server.do(lambda fake: fake.write("api:web_01", b"\nthe end of it\n"))
        console.see("the end of it")
        asked = server.do(follows).count("api:web_01")
        assert asked <= 3 + (time.monotonic() - began), "at most once a second"


def test_what_needs_attention_has_its_last_line(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    servers["two"].do(lambda fake: fake.write("etl:load", b"cannot open the door\n"))
    with PtyApp(urls(tmp_path, "one", "two"), tmp_path, cols=160, rows=40) as console:
        console.see("Needs attention 4", "cannot open the door", "exit requested")
