"""Scenarios of HTTP: statuses, headers, tails, pages, passwords; must never know how they are run."""

from __future__ import annotations

import re

from .ctl_scenes import BASIC
from .process_scenes import program
from .steps import (
    BASE,
    Scenario,
    http,
    page_says,
    raw_status,
    rpc,
    states,
    status,
    wait,
    wait_file,
)

WRITER = program("w", "/bin/sh -c 'echo hello; echo oops >&2; exec sleep 1000'", "startsecs=0", out=True)
NONE = program("none", "/bin/sleep 1000", "startsecs=0")
GROUPED = "[group:g]\nprograms=m\n" + program(
    "m", "/bin/sh -c 'echo hi; exec sleep 1000'", "startsecs=0", out=True
)
IDLE = program("idle", "/bin/sleep 1000", "autostart=false", "startsecs=0", out=True)
TCP = BASE + "[inet_http_server]\nport=127.0.0.1:@PORT@\n"
CALL = "<?xml version='1.0'?><methodCall><methodName>supervisor.getIdentification</methodName></methodCall>"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SHOWN_START = r"class=.status_msg.[^>]*>([^<]*&lt;b)"

SCENARIOS: list[Scenario] = [
    Scenario(
        "http: statuses",
        WRITER + NONE + GROUPED + IDLE,
        [
            wait_file("w.out", "hello"),
            wait("none", "RUNNING"),
            wait_file("m.out", "hi"),
            http("GET", "/nosuch"),
            status("HEAD", "/nosuch"),
            status("GET", "/RPC2"),
            status("PUT", "/"),
            status("DELETE", "/index.html"),
            http("GET", "/logtail/nosuch"),
            status("GET", "/logtail/none"),
            status("GET", "/logtail/none/stderr"),
            status("GET", "/logtail/w/nosuch"),
            status("GET", "/logtail/g:*"),
            status("GET", "/logtail/m"),
            status("GET", "/logtail/idle"),
            status("POST", "/logtail/w", body=""),
            status("GET", "/stylesheets/supervisor.css"),
            status("HEAD", "/stylesheets/supervisor.css"),
            status("GET", "/stylesheets/nosuch.css"),
            status("GET", "/../../etc/passwd"),
            status("GET", "/%2e%2e/%2e%2e/etc/passwd"),
            http("GET", "/ok.html"),
            status("POST", "/RPC2", body="no xml"),
            status("POST", "/RPC2", body=CALL),
            http("POST", "/RPC2", body=CALL, find="<string>.*?</string>"),
        ],
    ),
    Scenario(
        "http: tails",
        WRITER + GROUPED,
        [
            wait_file("w.out", "hello"),
            wait_file("w.err", "oops"),
            wait_file("m.out", "hi"),
            wait("w", "RUNNING"),
            http(
                "GET",
                "/logtail/w",
                until_text="hello\n",
                show=("Content-Type", "X-Accel-Buffering", "Transfer-Encoding"),
            ),
            http("GET", "/logtail/w/stdout", until_text="hello\n"),
            http("GET", "/logtail/w/stderr", until_text="oops\n"),
            http("GET", "/logtail/w:w/stderr", until_text="oops\n"),
            http("GET", "/logtail/g:m", until_text="hi\n"),
            http("GET", "/logtail/g%3Am", until_text="hi\n"),
            http(
                "GET",
                "/mainlogtail",
                until_text="entered RUNNING",
                find="INFO supervisord started",
                show=("Content-Type",),
            ),
        ],
    ),
    Scenario(
        "http: over TCP",
        WRITER,
        [
            wait_file("w.out", "hello"),
            http("GET", "/ok.html", tcp=True),
            http("POST", "/RPC2", body=CALL, tcp=True, find="<string>.*?</string>"),
            http("GET", "/logtail/w", until_text="hello\n", tcp=True),
        ],
        base=TCP,
    ),
    Scenario(
        "http: passwords",
        WRITER,
        [
            wait_file("w.out", "hello"),
            rpc("getIdentification"),
            *(
                http("GET", path, show=("WWW-Authenticate", "Content-Type"))
                for path in (
                    "/",
                    "/ok.html",
                    "/logtail/w",
                    "/mainlogtail",
                    "/stylesheets/supervisor.css",
                    "/nosuch",
                )
            ),
            status("POST", "/RPC2", body=CALL),
            status("GET", "/ok.html", login=("me", "secret")),
            status("GET", "/ok.html", login=("me", "wrong")),
            status("GET", "/ok.html", login=("you", "secret")),
            status("GET", "/ok.html", login=("", "")),
            status("GET", "/ok.html", headers={"Authorization": "Bearer abc"}),
            status("GET", "/ok.html", headers={"Authorization": "basic bWU6c2VjcmV0"}),
            http("GET", "/logtail/w", login=("me", "secret"), until_text="hello\n"),
        ],
        base=BASIC,
        login=("me", "secret"),
    ),
    Scenario(
        "http: SHA passwords",
        "",
        [
            status("GET", "/ok.html", login=("me", "secret")),
            status("GET", "/ok.html", login=("me", "wrong")),
            status("GET", "/ok.html", login=("me", "{SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4")),
            rpc("getIdentification"),
        ],
        base=BASIC.replace("password=secret", "password={SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4", 1),
        login=("me", "secret"),
    ),
    Scenario(
        "http: connections",
        "",
        [
            raw_status("GET /ok.html HTTP/1.0\r\n\r\n"),
            raw_status("GET /ok.html HTTP/1.1\r\n\r\n", 1.0),
            raw_status(
                "POST /RPC2 HTTP/1.1\r\nContent-Length: 72\r\n\r\n"
                "<methodCall><methodName>supervisor.getState</methodName></methodCall>   "
            ),
            raw_status("GET /ok.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            raw_status("get /ok.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            raw_status("POST /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n", 1.0),
            raw_status("nonsense\r\n\r\n", 1.0).but(
                "Daemon", "closes without an answer", "", "HTTP/1.1 400 Bad Request"
            ),
        ],
    ),
    Scenario(
        "http: the page",
        WRITER + GROUPED + IDLE,
        [
            wait_file("w.out", "hello"),
            wait("g:m", "RUNNING"),
            wait("w", "RUNNING"),
            http(
                "GET",
                "/",
                show=("Content-Type", "Pragma", "Expires"),
                find=r"<title>([^<]*)<",
            ),
            status("GET", "/index.html"),
            status("POST", "/index.html", body="a=b", headers=FORM),
            http("GET", "/", find=r"class=.(status\w+).[^>]*>\s*(\w+)\s*<"),
            http("GET", "/", find=r"tail\.html\?processname=(\w+)[\"']"),
            http(
                "GET",
                "/",
                find=r">\s*(Restart All|Stop All|Refresh|Start|Stop|Restart|Clear Log|Tail -f Stdout|Tail -f Stderr)\s*<",
            ),
            http("GET", "/", find=r"pid <pid>, uptime <uptime>|Not started"),
            http("GET", "/?message=hello%20%3Cb%3E", find=SHOWN_START),
            http("GET", "/tail.html?processname=w", find=r"<title>([^<]*)<|hello"),
            http("GET", "/tail.html?processname=nosuch", find="ERROR: [^<]*"),
            http("GET", "/tail.html", find="No process name found"),
        ],
    ),
    Scenario(
        "http: a page without programs",
        "",
        [http("GET", "/", find="No programs to manage")],
    ),
    Scenario(
        "http: what the page does",
        WRITER + IDLE,
        [
            wait_file("w.out", "hello"),
            wait("w", "RUNNING"),
            *(
                page_says(f"action={action}")
                for action in (
                    "refresh",
                    "start&processname=idle",
                    "start&processname=idle",
                    "stop&processname=idle",
                    "stop&processname=idle",
                    "restart&processname=w",
                    "clearlog&processname=w",
                    "start&processname=nosuch",
                    "stop&processname=nosuch",
                    "restart&processname=nosuch",
                    "clearlog&processname=nosuch",
                    "restartall",
                    "stopall",
                )
            ),
            states(),
            page_says("action=refresh", method="GET"),
            page_says("action=start&processname=w", method="GET"),
            http(
                "POST", "/index.html", body="action=refresh", headers={"Host": "peer", **FORM}, find="zzz"
            ).but(
                "Daemon",
                "Actions by form answer 303, redirections are relative",
                re.compile(r'301.*"http://peer/.message'),
                re.compile(r'303.*"./.message'),
            ),
            status("GET", "/index.html?action=nosuch").but("Daemon", "an unknown action is 404", 500, 404),
        ],
    ),
]
