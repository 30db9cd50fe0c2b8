"""Who the peer is and what a role includes."""

from __future__ import annotations

import os
import pwd
import socket

import pytest

from supervisor.daemon import access
from supervisor.daemon.access import Caller, peer_of
from supervisor.daemon.users import name_of


@pytest.mark.parametrize(("role", "may"), [("none", 1), ("observer", 2), ("operator", 3), ("admin", 4)])
def test_each_role_includes_those_before(role: str, may: int) -> None:
    caller = Caller("x", role)
    assert [caller.may(other) for other in access.ROLES] == [n < may for n in range(4)]


def test_a_unix_peer_is_known_by_its_credentials() -> None:
    ours, theirs = socket.socketpair()
    peer = peer_of(ours, name_of)
    assert peer.address == f"uid {os.getuid()}"
    assert f"{pwd.getpwuid(os.getuid()).pw_name} (pid {os.getpid()})" in peer.name
    ours.close()
    theirs.close()


def test_a_tcp_peer_is_known_by_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        assert peer_of(accepted, name_of).address == "127.0.0.1"
        accepted.close()
