"""The pages as HTML: what they show, and that nothing in them acts."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.web.pages import Frame, confirm_page, index_page, tail_page
from supervisor.states import ProcessStates as S

FRAME = Frame("id", "1.0", "token")
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></textarea><svg onload=alert(1)>",
    "&lt;script&gt;",
    "javascript:alert(1)",
    "\x1b]0;title\x07\x00\x9b31m",
    "\u202egnp.exe",
    "\ud800",
]


class Parsed(HTMLParser):
    """Every element with its attributes, and all text; fails on what a page of ours never has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "img", "svg", "iframe", "object", "style", "base")
        for name, value in attrs:
            assert not name.startswith("on") and name != "style"
            assert name not in ("href", "action") or not (value or "").startswith("javascript:")
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def with_class(self, name: str) -> int:
        return sum(attributes.get("class") == name for _, attributes in self.elements)

    def actions(self) -> list[str | None]:
        return [attributes["value"] for tag, attributes in self.elements if tag == "button"]


def info(**more: Any) -> dict[str, Any]:
    return {
        "name": "p",
        "group": "g",
        "state": S.RUNNING,
        "statename": "RUNNING",
        "description": "pid 1",
        **more,
    }


@pytest.mark.parametrize(
    ("state", "name", "style", "actions"),
    [
        (S.RUNNING, "RUNNING", "statusrunning", ["restart", "stop", "clearlog"]),
        (S.STOPPED, "STOPPED", "statusnominal", ["start", "clearlog"]),
        (S.EXITED, "EXITED", "statusnominal", ["start", "clearlog"]),
        (S.FATAL, "FATAL", "statuserror", ["start", "clearlog"]),
        (S.BACKOFF, "BACKOFF", "statuserror", ["clearlog"]),
        (S.STARTING, "STARTING", "statusnominal", ["clearlog"]),
        (S.STOPPING, "STOPPING", "statusnominal", ["clearlog"]),
    ],
)
def test_states_and_their_actions(state: int, name: str, style: str, actions: list[str]) -> None:
    page = Parsed(index_page([info(state=state, statename=name)], "", FRAME))
    assert page.with_class(style) == 1
    assert page.actions() == ["refresh", "restartall", "stopall", *actions]
    assert name.lower() in page.text and "g:p" in page.text
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == ["tail.html?processname=g:p", "logtail/g:p", "logtail/g:p/stderr"]
    assert page.with_class("status_msg") == 0


def test_without_programs() -> None:
    page = Parsed(index_page([], "done", FRAME))
    assert "No programs to manage" in page.text and "done" in page.text
    assert page.with_class("status_msg") == 1


@pytest.mark.parametrize("payload", PAYLOADS)
def test_texts_of_others_are_only_text(payload: str) -> None:
    pages = [
        index_page(
            [info(name=payload, group=payload, description=payload)], payload, Frame(payload, "1", "t")
        ),
        tail_page(payload, payload, 1024, FRAME),
        confirm_page("stop", payload, FRAME),
    ]
    for page in pages:
        parsed = Parsed(page)
        for character in "\x00\x07\x1b\x9b\u202e\ud800":
            assert character not in page and character not in parsed.text


@given(st.text(), st.text())
def test_any_text(name: str, tail: str) -> None:
    Parsed(tail_page(name, tail, 1024, FRAME)).text.encode()
    Parsed(index_page([info(name=name, description=tail)], tail, FRAME)).text.encode()
