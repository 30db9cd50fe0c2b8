"""The HTTP door of a real supervisord, byte by byte."""

from __future__ import annotations

import hashlib
import re
import socket
import time
import xmlrpc.client
from pathlib import Path

import pytest

from supervisor.daemon.httphead import BODY_MAX_BYTES
from supervisor.passwords import hash_password
from tests.conftest import Supervise
from tests.support.http import Answer, Http, ask, basic, raw
from tests.support.processes import memory_kb
from tests.support.supervisor import Rpc, Supervisor, child, shell
from tests.support.waiting import until

Tcp = tuple[str, int]
STATE = b"<?xml version='1.0'?><methodCall><methodName>supervisor.getState</methodName><params/></methodCall>"
LOGIN = basic("user", "secret")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def with_tcp(
    supervise: Supervise, programs: str = "", login: str = "", **options: str
) -> tuple[Supervisor, Tcp]:
    """``login``: the options of the server."""
    port = free_port()
    section = f"[inet_http_server]\nport=127.0.0.1:{port}\n{login}\n"
    return supervise(programs, sections=section, **options), ("127.0.0.1", port)


def password(stored: str) -> str:
    return f"username=user\npassword={stored}"


# --- framing -----------------------------------------------------------------------------------------


def test_what_is_refused(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise)
    post = b"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\n"
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><methodCall><methodName>&b;</methodName></methodCall>'
    deep = b"<methodCall><methodName>a</methodName><params>" + b"<param><value><array><data>" * 200_000
    wide = b"<methodCall><methodName>a</methodName><params>" + b"<param><value/></param>" * 40_000
    for address in (tcp, f"{supervisor.folder}/s"):
        for status_code, data in (
            (400, b"GET\r\n\r\n"),
            (400, b"\x16\x03\x01\x02\x00\x01\r\n\r\n"),
            (400, b"GET / HTTP/1.1\n\n"),
            (400, post + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
            (400, post + b"Content-Length: +5\r\n\r\n"),
            (400, post + b"Content-Length: 5\r\n folded: yes\r\n\r\n"),
            (400, post + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (400, post + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (411, post + b"\r\n"),
            (413, post + b"Content-Length: 100000000000\r\n\r\n"),
            (413, post + b"Content-Length: %d\r\n\r\n" % (BODY_MAX_BYTES + 1)),
            (415, post + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab"),
            (431, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000),
            (431, b"GET / HTTP/1.1\r\nA: " + b"b" * 300_000),
        ):
            assert raw(address, data) == status_code, data[:80]
        for body in (
            b"",
            b"nonsense",
            bomb,
            deep[: BODY_MAX_BYTES - 99],
            wide,
            STATE.decode().encode("utf-16"),
        ):
            answer = ask(address, "POST", "/RPC2", body=body[:BODY_MAX_BYTES])
            assert answer.status == 400, body[:80]
            assert answer.text == (
                "<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n<h1>Error response</h1>\r\n"
                "<p>Error code 400.\r\n<p>Message: Bad Request.\r\n</body>\r\n"
            )
    assert supervisor.rpc.supervisor.getState()["statename"] == "RUNNING"


def test_connections_stay_or_close_as_they_say(supervise: Supervise) -> None:
    _, tcp = with_tcp(supervise)
    with Http(tcp) as http:
        for _ in range(3):
            assert "connection" not in http.ask("POST", "/RPC2", body=STATE).headers
        assert http.ask("GET", "/nothing").status == 404
        assert http.ask("GET", "/ok.html", "Connection: close\r\n").headers["connection"] == "close"
        assert http.closed()
    with Http(tcp) as http:
        http.send("GET /ok.html HTTP/1.0\r\n\r\n")
        assert http.answer().body == b"OK"
        assert http.closed()
    with Http(tcp) as http:
        http.send("GET /ok.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert http.answer().headers["connection"].lower() == "keep-alive"
        assert http.ask("GET", "/ok.html").body == b"OK"


def test_pipelined_requests_with_and_without_a_login(supervise: Supervise) -> None:
    _, tcp = with_tcp(supervise, login=password("secret"))
    good = f"GET /ok.html HTTP/1.1\r\nHost: a\r\n{LOGIN}\r\n"
    with Http(tcp) as http:
        http.send(good * 500)
        assert [http.answer().status for _ in range(500)] == [200] * 500
        http.send(good + "GET /ok.html HTTP/1.1\r\nHost: a\r\n\r\n" + good)
        assert [http.answer().status for _ in range(2)] == [200, 401]
        assert http.closed()  # what came behind is not answered


PROGRAM = "[program:a]\ncommand=/bin/sleep 1000\n"


def call(method: str, *params: str | int, more: str = "") -> bytes:
    body = xmlrpc.client.dumps(params, method).encode()
    return (
        f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body
    )


def test_calls_are_answered_alike_on_the_short_and_the_long_way(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, PROGRAM, login=password("secret"))
    calls: list[tuple[str, list[str | int]]] = [
        ("supervisor.getState", []), ("supervisor.getProcessInfo", ["nobody"]), ("supervisor.getPID", [1]),
        ("supervisor.nothing", []), ("system.listMethods", []), ("supervisor.getAllConfigInfo", []),
        ("supervisor.startProcess", ["a"]), ("system.methodHelp", ["supervisor.getPID"]),
    ]  # fmt: skip
    for address, login in ((tcp, LOGIN), (f"{supervisor.folder}/s", "")):
        with Http(address) as short, Http(address) as long:
            for method, params in calls:
                short.send(call(method, *params, more=login))
                long.send(call(method, *params, more=f"{login}Accept-Language: x\r\n"))
                one, other = short.answer(), long.answer()
                assert one.status == other.status == 200 and one.body == other.body, method
                assert one.headers.keys() == other.headers.keys()
                assert {**one.headers, "date": ""} == {**other.headers, "date": ""}


def test_many_calls_in_one_write_are_answered_in_order(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise)
    names = ["getState", "getPID", "nothing", "readLog"] * 250
    page = b"GET /ok.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Http(tcp) as http:
        http.send(b"".join(call(f"supervisor.{name}") + page for name in names))
        for name in names:
            mark = {"getState": b"statecode", "getPID": b"<int>"}.get(name, b"faultCode")
            answer = http.answer()
            assert answer.status == 200 and mark in answer.body
            assert http.answer().body == b"OK"
    assert supervisor.rpc.supervisor.getState()["statename"] == "RUNNING"


def test_a_call_that_is_not_known_to_be_allowed_is_looked_at(supervise: Supervise) -> None:
    _, tcp = with_tcp(supervise, login=password("secret"))
    with Http(tcp) as http:
        http.send(call("supervisor.getState", more=LOGIN))
        assert http.answer().status == 200
        http.send(call("supervisor.getState", more=LOGIN))
        assert http.answer().status == 200
        http.send(call("supervisor.getState", more=basic("user", "wrong")))
        assert http.answer().status == 401


def test_a_call_by_a_foreign_name_is_refused(supervise: Supervise) -> None:
    _, tcp = with_tcp(supervise)
    with Http(tcp) as http:
        http.send(call("supervisor.getState"))
        assert http.answer().status == 200
        http.send(call("supervisor.getState").replace(b"Host: localhost", b"Host: evil.example"))
        assert http.answer().status == 403


def test_urls(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, f"[program:a]\ncommand={child('talk', 'hello')}\n")
    supervisor.wait_state("a", "RUNNING")
    for method, target, expected in (
        ("GET", "/ok.html", 200),
        ("HEAD", "/ok.html", 200),
        ("GET", "/", 200),
        ("GET", "/index.html", 200),
        ("GET", "/stylesheets/supervisor.css", 200),
        ("GET", "/RPC2", 400),
        ("GET", "/RPC2xyz", 404),
        ("POST", "/nothing", 400),
        ("POST", "/mainlogtail", 400),
        ("GET", "/logtail", 404),
        ("GET", "/logtail/", 404),
        ("GET", "/logtail/nothing", 404),
        ("GET", "/logtail/a:*", 404),
        ("GET", "/logtail/a/stdin", 404),
        ("GET", "/logtail/../../etc/passwd", 404),
        ("GET", "/logtail/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/logtail/a%00", 404),
        ("GET", "/logtail/%2561", 404),
        ("GET", "/stylesheets/../pages.py", 404),
        ("GET", "/stylesheets/%2e%2e/pages.py", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", "/%ff%fe", 404),
    ):
        with Http(tcp) as http:
            http.send(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            assert http.head().status == expected, (method, target)


def test_access_lines(supervise: Supervise) -> None:
    port = free_port()
    supervisor = supervise(
        sections=f"[inet_http_server]\nport=127.0.0.1:{port}\n",
        settings="[supervisord:ignored]\n",
        start=False,
    )
    text = supervisor.config_file.read_text().replace("loglevel=debug", "loglevel=trace")
    supervisor.config_file.write_text(text.replace("[supervisord:ignored]\n", ""))
    supervisor.start()
    ask(("127.0.0.1", port), "GET", "/ok.html?a=b")
    ask(f"{supervisor.folder}/s", "GET", "/nothing")
    supervisor.wait_log('"GET /nothing HTTP/1.1" 404')
    stamp = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.search(
        rf'TRAC 127\.0\.0\.1:\d+ - - {stamp} "GET /ok\.html\?a=b HTTP/1\.1" 200 \d+\n', supervisor.log()
    )
    assert re.search(rf'TRAC localhost:0 - - {stamp} "GET /nothing HTTP/1\.1" 404 \d+\n', supervisor.log())
    assert "XML-RPC method supervisor.getAPIVersion() returned successfully" in supervisor.log()


# --- logins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored",
    ["secret", "{SHA}" + hashlib.sha1(b"secret").hexdigest(), hash_password(b"secret", 10, 8, 1)],
    ids=["plain", "sha", "scrypt"],
)
def test_every_url_needs_the_password(supervise: Supervise, stored: str) -> None:
    supervisor, tcp = with_tcp(supervise, login=password(stored))
    for target in (
        "/",
        "/ok.html",
        "/stylesheets/supervisor.css",
        "/mainlogtail",
        "/logtail/a",
        "/nothing",
        "/RPC2",
    ):
        answer = ask(tcp, "POST" if target == "/RPC2" else "GET", target)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="default"'
        assert answer.headers["connection"] == "close"
    with Http(tcp) as http:
        for _ in range(20):
            assert http.ask("GET", "/ok.html", LOGIN).body == b"OK"
        assert http.ask("GET", "/ok.html").status == 401  # also behind a right one
    assert Rpc(f"http://127.0.0.1:{tcp[1]}", "user", "secret").supervisor.getState()["statecode"] == 1
    assert stored not in supervisor.log()


def test_malformed_logins_are_refused_and_never_logged(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, login=password("secret"))
    for value in (
        "Basic",
        "Basic !!!canary",
        "Basic Y2FuYXJ5",
        "Bearer canary",
        "Basic " + "canary" * 2000,
        "Basic \xff",
    ):
        with Http(tcp) as http:
            http.send(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n".encode("latin-1"))
            assert http.answer().status == 401
    assert "canary" not in supervisor.log() + supervisor.stderr()


def test_a_guesser_is_slowed_down_and_nobody_else(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, login=password(hash_password(b"secret", 12, 8, 1)))
    answers: list[Answer] = []
    held = []
    for number in range(40):
        http = Http(tcp)
        http.send(f"GET /ok.html HTTP/1.1\r\nHost: a\r\n{basic('user', str(number))}\r\n")
        held.append(http)
        if number >= 12:
            answers.append(http.answer())  # too many wait already
    assert {answer.status for answer in answers} == {429}
    assert all(int(answer.headers["retry-after"]) > 1 for answer in answers)
    with Http((tcp[0], tcp[1])) as http:  # the same address waits its turn
        http.send(f"GET /ok.html HTTP/1.1\r\nHost: a\r\n{LOGIN}\r\n")
        assert http.answer().status == 429
    other = socket.create_connection(tcp, source_address=("127.0.0.2", 0))
    with other:  # another one does not
        other.settimeout(20)
        other.sendall(f"GET /ok.html HTTP/1.1\r\nHost: a\r\n{LOGIN}\r\n".encode())
        assert other.recv(100).startswith(b"HTTP/1.1 200 ")
    assert supervisor.rpc.supervisor.getState()["statecode"] == 1
    for http in held:
        http.sock.close()


def test_without_a_password_it_says_so_and_answers_to_local_names_only(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise)
    assert (
        "CRIT Server 'inet_http_server' running without any HTTP authentication checking" in supervisor.log()
    )
    for host, expected in (
        ("localhost", 200),
        (f"127.0.0.1:{tcp[1]}", 200),
        ("[::1]:80", 200),
        ("evil.com", 403),
        ("127.0.0.1.evil.com", 403),
    ):
        with Http(tcp) as http:
            http.send(f"GET /ok.html HTTP/1.1\r\nHost: {host}\r\n\r\n")
            assert http.answer().status == expected, host


def test_a_foreign_page_cannot_call(supervise: Supervise) -> None:
    _, tcp = with_tcp(supervise, login=password("secret"))
    for headers, expected in (
        ("", 200),
        ("Origin: http://localhost\r\n", 200),
        ("Origin: http://evil.com\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
    ):
        assert ask(tcp, "POST", "/RPC2", LOGIN + headers, STATE).status == expected, headers


# --- under attack ------------------------------------------------------------------------------------


def test_the_unix_socket_answers_while_hostile_connections_sit_on_tcp(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, login=password(hash_password(b"secret", 12, 8, 1)))
    before = memory_kb(supervisor.daemon_pid())
    hostile = []
    for number in range(200):
        sock = socket.socket()
        sock.bind((f"127.0.1.{number % 8 + 1}", 0))
        sock.connect(tcp)
        hostile.append(sock)
        kind = number % 4
        head = b"POST /RPC2 HTTP/1.1\r\nHost: a\r\n"
        sent = (
            b"GET / HT",
            head + b"Content-Length: 1000000\r\n\r\n" + b"x" * 50_000,
            b"GET / HTTP/1.1\r\nHost: a\r\n" + basic("user", str(number)).encode() + b"\r\n",
            head + b"A: b\r\n" * 50,
        )[kind]
        try:
            sock.sendall(sent)
        except OSError:
            pass  # it was one too many
    worst = 0.0
    for _ in range(50):
        begin = time.monotonic()
        assert supervisor.rpc.supervisor.getState()["statecode"] == 1
        worst = max(worst, time.monotonic() - begin)
    print(f"slowest of 50 calls: {worst * 1000:.0f} ms")
    assert memory_kb(supervisor.daemon_pid()) - before < 60_000
    for sock in hostile:
        sock.close()


# --- tails -------------------------------------------------------------------------------------------


def follow(address: str | Tcp, target: str) -> Http:
    http = Http(address)
    http.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return http


def read_chunks(http: Http, until_text: bytes) -> bytes:
    data = b""
    while until_text not in data:
        data += http.chunk()
    return data


def test_a_tail_gives_the_end_and_then_what_is_added(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(
        f"[program:a]\ncommand=/bin/cat\nstdout_logfile={tmp_path}/a.log\nstartsecs=0\n"
        f"[group:g]\nprograms=a\n"
    )
    supervisor.wait_state("g:a", "RUNNING")
    send = supervisor.rpc.supervisor.sendProcessStdin
    send("g:a", "".join(f"line {n:04d}\n" for n in range(500)))
    until(lambda: "line 0499" in (tmp_path / "a.log").read_text(), "the lines")
    with follow(f"{supervisor.folder}/s", "/logtail/g:a") as http:
        head = http.head()
        assert head.status == 200
        assert head.headers["content-type"] == "text/plain;charset=utf-8"
        assert head.headers["transfer-encoding"] == "chunked"
        assert head.headers["x-accel-buffering"] == "no"
        assert head.headers["x-content-type-options"] == "nosniff"
        assert "last-modified" in head.headers
        assert read_chunks(http, b"line 0499\n") == (tmp_path / "a.log").read_bytes()[-1024:]
        send("g:a", "more\n")
        assert read_chunks(http, b"more\n") == b"more\n"
        supervisor.rpc.supervisor.clearProcessLogs("g:a")
        send("g:a", "anew\n")
        assert read_chunks(http, b"anew\n") == b"==> File truncated <==\nanew\n"
        supervisor.rpc.supervisor.stopProcess("g:a")
        supervisor.rpc.supervisor.startProcess("g:a")
        send("g:a", "again\n")
        assert read_chunks(http, b"again\n") == b"again\n"


def test_an_old_client_gets_its_tail_plain_and_at_once(supervise: Supervise) -> None:
    supervisor = supervise("[program:a]\ncommand=/bin/cat\nstartsecs=0\n")
    supervisor.wait_state("a", "RUNNING")
    supervisor.rpc.supervisor.sendProcessStdin("a", "first\n")
    until(lambda: supervisor.rpc.supervisor.readProcessStdoutLog("a", 0, 0) == "first\n", "the line")
    with Http(f"{supervisor.folder}/s") as http:
        http.send("GET /logtail/a/stdout HTTP/1.0\r\n\r\n")
        assert "transfer-encoding" not in http.head().headers
        assert http.read(6) == b"first\n"
        supervisor.rpc.supervisor.sendProcessStdin("a", "second\n")
        assert http.read(7) == b"second\n"


def test_the_main_log_has_a_tail(supervise: Supervise) -> None:
    supervisor = supervise()
    with follow(f"{supervisor.folder}/s", "/mainlogtail") as http:
        assert http.head().status == 200
        assert b"supervisord started with pid" in read_chunks(http, b"started with pid")


def test_a_hundred_tails_leave_nothing(supervise: Supervise) -> None:
    supervisor = supervise("[program:a]\ncommand=/bin/cat\nstartsecs=0\n")
    supervisor.wait_state("a", "RUNNING")
    tails = [follow(f"{supervisor.folder}/s", "/logtail/a") for _ in range(100)]
    for http in tails:
        assert http.head().status == 200
    supervisor.rpc.supervisor.sendProcessStdin("a", "hello\n")
    for http in tails:
        assert read_chunks(http, b"hello\n") == b"hello\n"
    for http in tails:  # the log is quiet: nobody but the connection tells that they went
        http.sock.close()


def test_a_client_that_left_before_its_login_was_checked_leaves_no_tail(supervise: Supervise) -> None:
    """The check of a slow password takes longer than the client stays; the log is quiet."""
    supervisor, tcp = with_tcp(
        supervise, "[program:a]\ncommand=/bin/cat\nstartsecs=0\n", password(hash_password(b"secret"))
    )
    supervisor.wait_state("a", "RUNNING")
    with Http(
        tcp, timeout_s=4.0
    ) as http:  # the gate would end it after 5 s, and a client that is wholly gone never
        http.send(f"GET /logtail/a HTTP/1.1\r\nHost: localhost\r\n{LOGIN}\r\n")
        http.sock.shutdown(socket.SHUT_WR)
        assert http.head().status == 200
        http.closed()  # raises TimeoutError where the answer goes on


def test_slow_tails_hold_nobody_up(supervise: Supervise, tmp_path: Path) -> None:
    flood = shell("i=0; while [ $i -lt 60 ]; do head -c 500000 /dev/zero; i=$((i+1)); done; echo; echo done")
    supervisor = supervise(
        f"[program:a]\ncommand={flood}\nautostart=false\nautorestart=false\nstartsecs=0\n"
        f"stdout_logfile={tmp_path}/a.log\nstdout_logfile_maxbytes=0\n"
    )
    (tmp_path / "a.log").touch()
    supervisor.rpc.supervisor.startProcess("a", False)
    tails = [follow(f"{supervisor.folder}/s", "/logtail/a") for _ in range(40)]
    for http in tails:
        assert http.head().status == 200  # and then reads nothing
    supervisor.wait_state("a", "EXITED")
    until(lambda: (tmp_path / "a.log").stat().st_size == 60 * 500_000 + 6, "the whole output")
    assert memory_kb(supervisor.daemon_pid()) < 250_000
    for http in tails:
        http.sock.close()


def test_faults_come_as_faults(supervise: Supervise) -> None:
    _, tcp = with_tcp(supervise)
    proxy = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{tcp[1]}/RPC2")
    with proxy:
        with pytest.raises(xmlrpc.client.Fault, match="UNKNOWN_METHOD"):
            proxy.a.b.c()
        assert proxy.supervisor.getAPIVersion() == "3.0"
