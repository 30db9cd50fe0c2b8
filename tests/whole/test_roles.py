"""What the clients of a server with ``role=`` may do: over XML-RPC, by the pages, on the stream socket."""

from __future__ import annotations

import xmlrpc.client

import pytest

from supervisor.faults import Faults
from supervisor.protocol import stream as p
from supervisor.xmlrpc import SupervisorTransport
from tests.conftest import Supervise
from tests.support.http import ask, basic
from tests.support.streams import Stream
from tests.support.supervisor import Supervisor

SERVERS = """
[unix_http_server:eyes]
file=%(here)s/eyes
role=observer
[unix_http_server:hands]
file=%(here)s/hands
role=operator
username=user
password=secret
[unix_stream_server]
file=%(here)s/s.stream
[unix_stream_server:eyes]
file=%(here)s/eyes.stream
role=Observer
[unix_stream_server:hands]
file=%(here)s/hands.stream
role=operator
username=user
password=secret
"""

LOOKING = {
    f"supervisor.{name}"
    for name in (
        "getAPIVersion", "getVersion", "getSupervisorVersion", "getIdentification", "getState", "getPID", "readLog",
        "readMainLog", "getAllProcessInfo", "getProcessInfo", "getAllConfigInfo", "readProcessLog",
        "readProcessStdoutLog", "readProcessStderrLog", "tailProcessLog", "tailProcessStdoutLog",
        "tailProcessStderrLog", "getProcessHistory", "getStreamAddress", "getLeftBehind",
    )
} | {"system.listMethods", "system.methodHelp", "system.methodSignature", "system.multicall"}  # fmt: skip
FOR_ADMINS = {
    f"supervisor.{name}"
    for name in (
        "shutdown", "restart", "restartDaemon", "reloadConfig", "addProcessGroup", "removeProcessGroup",
        "updateProcessGroup", "sendProcessStdin", "clearLog",
    )
}  # fmt: skip


@pytest.fixture
def supervisor(supervise: Supervise) -> Supervisor:
    made = supervise("[program:a]\ncommand=/bin/cat\nstartsecs=0\n", sections=SERVERS)
    made.wait_state("a", "RUNNING")
    return made


def proxy(supervisor: Supervisor, name: str, user: str | None = None) -> xmlrpc.client.ServerProxy:
    transport = SupervisorTransport(
        user, None if user is None else "secret", f"unix://{supervisor.folder}/{name}"
    )
    return xmlrpc.client.ServerProxy("http://x", transport=transport)


def refused(server: xmlrpc.client.ServerProxy, names: set[str]) -> set[str]:
    """The methods that need another role; called without parameters, so that none of the others does a thing."""
    calls = [{"methodName": name, "params": ["no", "such", "method", 4, 5, 6]} for name in sorted(names)]
    answers = server.system.multicall(calls)
    assert isinstance(answers, list) and len(answers) == len(calls)
    return {
        str(call["methodName"])
        for call, answer in zip(calls, answers, strict=True)
        if isinstance(answer, dict) and "needs the role" in str(answer.get("faultString"))
    }


def test_each_method_is_for_a_role(supervisor: Supervisor) -> None:
    names = set(supervisor.rpc.system.listMethods())
    assert refused(supervisor.rpc, names - {"system.multicall"}) == set()
    with proxy(supervisor, "eyes") as eyes, proxy(supervisor, "hands", "user") as hands:
        assert names - refused(eyes, names) == LOOKING
        assert refused(hands, names) == FOR_ADMINS
        assert supervisor.state("a") == "RUNNING"
        with pytest.raises(xmlrpc.client.Fault) as caught:
            eyes.supervisor.stopProcess("a")
        assert (caught.value.faultCode, caught.value.faultString) == (
            Faults.FAILED,
            "FAILED: supervisor.stopProcess needs the role operator",
        )
        assert hands.supervisor.stopProcess("a") is True


def test_the_pages_of_an_observer_change_nothing(supervisor: Supervisor) -> None:
    eyes, hands = f"{supervisor.folder}/eyes", f"{supervisor.folder}/hands"
    assert ask(eyes, "GET", "/").status == 200
    for action in (
        "stop&processname=a",
        "stopall",
        "restartall",
        "clearlog&processname=a",
        "restart&processname=a",
    ):
        answer = ask(eyes, "GET", f"/index.html?action={action}")
        assert answer.status == 301 and "needs%20the%20role%20operator" in answer.headers["location"]
    assert supervisor.state("a") == "RUNNING"
    ask(hands, "GET", "/index.html?action=stop&processname=a", basic("user", "secret"))
    supervisor.wait_state("a", "STOPPED")


def test_the_stream_socket(supervisor: Supervisor) -> None:
    with Stream(f"{supervisor.folder}/eyes.stream") as eyes:
        assert eyes.greeting.role == "observer"
        eyes.send(p.Attach(1, "a", "write"), p.Call(2, "supervisor.stopProcess", ["a"]), p.Subscribe(3))
        error, fault, snapshot = eyes.ping()
        assert isinstance(error, p.Error) and "needs the role admin" in error.text
        assert isinstance(fault, p.Fault) and "needs the role operator" in fault.text
        assert isinstance(snapshot, p.Snapshot)
    with Stream(f"{supervisor.folder}/hands.stream") as hands:
        assert hands.greeting.role == "none"
        hands.send(p.Auth("user", "secret"))
        assert hands.expect(p.Welcome).role == "operator"
        assert hands.call(1, "supervisor.stopProcess", "a") is True
