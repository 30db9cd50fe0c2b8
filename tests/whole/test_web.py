"""The web pages of a real supervisord: what they show and do, and for whom."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from tests.conftest import Supervise
from tests.support.http import Answer, Http, ask, basic
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import until
from tests.whole.test_http import LOGIN, Tcp, password, with_tcp

BROWSER = "User-Agent: Mozilla/5.0 (X11; Linux)\r\nAccept: text/html\r\n"
PROGRAMS = f"""\
[program:a]
command={child("talk", "hello")}
autostart=false
autorestart=false
startsecs=0
[program:missing]
command=/no/such/file
autostart=false
[program:quick]
command=/bin/false
autostart=false
startretries=0
[group:g]
programs=missing,quick
"""


def message_of(answer: Answer) -> str:
    """The message that an action sends its visitor to."""
    location = answer.headers["location"]
    return parse_qs(urlsplit(location).query)["message"][0]


def token_of(page: Answer) -> str:
    match = re.search(r'name="token" value="([0-9a-f]{32})"', page.text)
    assert match is not None
    return match[1]


def act(address: str | Tcp, action: str, name: str = "") -> Answer:
    """As scripts do it since ever."""
    more = f"&processname={quote(name)}" if name else ""
    return ask(address, "GET", f"/index.html?action={action}{more}")


def submit(tcp: Tcp, headers: str, **form: str) -> Answer:
    return ask(
        tcp, "POST", "/index.html", headers + "Content-Type: application/x-www-form-urlencoded\r\n",
        urlencode(form).encode(),
    )  # fmt: skip


def test_actions_and_their_messages(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, PROGRAMS)
    path = f"{supervisor.folder}/s"
    for address in (path, tcp):
        for action, name, expected in (
            ("start", "a", "Process a started"),
            ("start", "a", "ERROR: Process a: already started"),
            ("restart", "a", "Process a restarted"),
            ("clearlog", "a", "Log for a cleared"),
            ("stop", "a", "Process a stopped"),
            ("stop", "a", "unexpected rpc fault [70] NOT_RUNNING: a"),
            ("start", "g:missing", "ERROR: Process g:missing: no such file"),
            ("start", "g:quick", "ERROR: Process g:quick: spawn error"),
            ("start", "nothing", "No such process named nothing"),
            ("stop", "g:*", "No such process named g:*"),
            ("start", "<b>", "No such process named <b>"),
        ):
            answer = act(address, action, name)
            assert answer.status == 301
            assert message_of(answer) == expected
            assert answer.headers["cache-control"].startswith("no-store")
        stamp = r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}"
        assert re.fullmatch(f"Page refreshed at {stamp}", message_of(act(address, "refresh")))
        assert re.fullmatch(f"All restarted at {stamp}", message_of(act(address, "restartall")))
        assert re.fullmatch(f"All stopped at {stamp}", message_of(act(address, "stopall")))
        assert act(address, "explode").status == 404
        until(lambda: supervisor.state("a") == "STOPPED", "a to stop")


def test_the_message_of_an_action_is_shown_and_is_only_text(supervise: Supervise) -> None:
    supervisor = supervise(PROGRAMS)
    page = ask(f"{supervisor.folder}/s", "GET", "/?message=" + quote("<b>\r\nSet-Cookie: a=b"))
    assert "set-cookie" not in page.headers
    assert '<div class="status_msg">&lt;b&gt;' in page.text
    answer = act(f"{supervisor.folder}/s", "start", "a\r\nX-Evil: yes")
    assert "x-evil" not in answer.headers
    assert message_of(answer) == "No such process named a\r\nX-Evil: yes"


def test_pages_tell_browsers_to_be_careful(supervise: Supervise) -> None:
    supervisor = supervise(PROGRAMS)
    for target in (
        "/",
        "/index.html",
        "/tail.html?processname=a",
        "/ok.html",
        "/nothing",
        "/stylesheets/supervisor.css",
    ):
        headers = ask(f"{supervisor.folder}/s", "GET", target).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith(
            "default-src 'none'; style-src 'self'; form-action"
        )
    page = ask(f"{supervisor.folder}/s", "GET", "/").headers
    assert page["content-type"] == "text/html;charset=utf-8"
    assert page["pragma"] == "no-cache" and "no-store" in page["cache-control"]
    assert page["expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_the_stylesheet_is_fetched_once(supervise: Supervise) -> None:
    supervisor = supervise()
    with Http(f"{supervisor.folder}/s") as http:
        first = http.ask("GET", "/stylesheets/supervisor.css")
        assert first.headers["content-type"] == "text/css" and b".statusrunning" in first.body
        again = http.ask(
            "GET", "/stylesheets/supervisor.css", f"If-Modified-Since: {first.headers['last-modified']}\r\n"
        )
        assert (again.status, again.body) == (304, b"")


def test_a_browser_acts_by_the_form_of_a_page(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, PROGRAMS, password("secret"))
    same = f"{LOGIN}{BROWSER}Origin: http://localhost\r\n"
    page = ask(tcp, "GET", "/", LOGIN + BROWSER)
    assert page.text.count('class="statusnominal">stopped<') == 3
    answer = submit(tcp, same, token=token_of(page), action="start", processname="a")
    assert (answer.status, message_of(answer)) == (303, "Process a started")
    assert supervisor.state("a") == "RUNNING"
    page = ask(tcp, "GET", "/" + answer.headers["location"].removeprefix("./"), LOGIN + BROWSER)
    assert '<div class="status_msg">Process a started</div>' in page.text
    assert 'class="statusrunning">running<' in page.text


def test_a_link_asks_a_browser_first(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, PROGRAMS, password("secret"))
    asked = ask(tcp, "GET", "/index.html?action=start&processname=a", LOGIN + BROWSER)
    assert asked.status == 405 and asked.headers["allow"] == "POST"
    assert "Do you want to do this: start a?" in asked.text
    assert supervisor.state("a") == "STOPPED"
    answer = submit(tcp, LOGIN + BROWSER, token=token_of(asked), action="start", processname="a")
    assert message_of(answer) == "Process a started"


@pytest.mark.parametrize(
    "headers",
    [
        BROWSER,
        "Referer: http://evil.com/\r\n",
        "Origin: http://localhost\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Mode: no-cors\r\n",
        "Cookie: a=b\r\n",
    ],
)
def test_no_sign_of_a_browser_changes_anything_by_a_link(supervise: Supervise, headers: str) -> None:
    supervisor, tcp = with_tcp(supervise, PROGRAMS)
    for address in (tcp, f"{supervisor.folder}/s"):
        for action in ("start", "stop", "restart", "clearlog", "stopall", "restartall"):
            assert ask(address, "GET", f"/index.html?action={action}&processname=a", headers).status == 405
    assert supervisor.state("a") == "STOPPED"


def test_forms_of_others_are_refused(supervise: Supervise) -> None:
    supervisor, tcp = with_tcp(supervise, PROGRAMS, password("secret"))
    token = token_of(ask(tcp, "GET", "/", LOGIN))
    for headers, given in (
        ("Origin: http://evil.com\r\n", token),
        ("Origin: null\r\n", token),
        ("Sec-Fetch-Site: cross-site\r\n", token),
        ("Sec-Fetch-Site: same-site\r\n", token),
        (BROWSER, ""),
        (BROWSER, "0" * 32),
        ("Origin: http://localhost\r\n", ""),
    ):
        assert submit(tcp, LOGIN + headers, token=given, action="start", processname="a").status == 403
    assert supervisor.state("a") == "STOPPED"


def test_a_head_request_changes_nothing(supervise: Supervise) -> None:
    supervisor = supervise(PROGRAMS)
    with Http(f"{supervisor.folder}/s") as http:
        http.send("HEAD /index.html?action=start&processname=a HTTP/1.1\r\nHost: a\r\n\r\n")
        assert http.head().status == 200
    assert supervisor.state("a") == "STOPPED"


def test_the_tail_page(supervise: Supervise, tmp_path: Path) -> None:
    programs = (
        f"[program:a]\ncommand=/bin/true\nautostart=false\nstdout_logfile={tmp_path}/a.log\n"
        "[program:none]\ncommand=/bin/true\nautostart=false\nstdout_logfile=NONE\n"
    )
    (tmp_path / "a.log").write_bytes(b"x" * 5000 + b"<script>\x1b[31m\xff end")
    supervisor = supervise(programs)
    path = f"{supervisor.folder}/s"
    page = ask(path, "GET", "/tail.html?processname=a").text
    assert "<title>Supervisor tail of process a</title>" in page
    assert "&lt;script&gt;\u241b[31m\ufffd end</pre>" in page
    assert "x" * 990 in page and "x" * 1100 not in page
    assert "x" * 1900 in ask(path, "GET", "/tail.html?processname=a&limit=2000").text
    assert "x" * 1100 not in ask(path, "GET", "/tail.html?processname=a&limit=-5").text
    for query, expected in (
        ("", "No process name found"),
        ("?processname=none", "No file for none"),
        ("?processname=nothing", "ERROR: unexpected rpc fault [10] BAD_NAME: nothing"),
    ):
        assert expected in ask(path, "GET", f"/tail.html{query}").text


def test_strange_forms(supervise: Supervise) -> None:
    supervisor = supervise(PROGRAMS)
    path = f"{supervisor.folder}/s"
    assert ask(path, "GET", "/?" + "&".join(f"a{n}=b" for n in range(1000))).status == 400
    assert ask(path, "GET", "/?%ff=%fe&message=%ff").status == 200
    assert ask(path, "POST", "/", body=b"\xff\x00=" * 100).status == 200
    assert ask(path, "GET", "/?action=start").status == 301


def test_pages_while_everything_ends(supervise: Supervise) -> None:
    supervisor: Supervisor = supervise("[program:a]\ncommand=/bin/cat\nstopsignal=CONT\nstopwaitsecs=3\n")
    supervisor.wait_state("a", "RUNNING")
    with Http(f"{supervisor.folder}/s") as http:
        assert http.ask("GET", "/").status == 200
        supervisor.rpc.supervisor.shutdown()
        assert http.ask("GET", "/").status == 503
        assert http.ask("GET", "/ok.html").status == 200


def test_names_are_found_again_behind_their_links(supervise: Supervise) -> None:
    name = "a&b=c?d#e%%f+é"
    supervisor, tcp = with_tcp(supervise, f"[program:{name}]\ncommand=/bin/cat\n", password("secret"))
    real = (
        name.replace("%%", "%") if supervisor.rpc.supervisor.getAllProcessInfo()[0]["name"] != name else name
    )
    supervisor.wait_state(real, "RUNNING")
    page = ask(tcp, "GET", "/", basic("user", "secret"))
    target = re.search(r'href="(logtail/[^"]*)"', page.text)
    assert target is not None
    with Http(tcp) as http:
        http.send(f"GET /{target[1]} HTTP/1.1\r\nHost: localhost\r\n{LOGIN}\r\n")
        assert http.head().status == 200
