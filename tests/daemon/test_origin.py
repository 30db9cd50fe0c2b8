"""Who sent a request: a browser for a foreign page, for one of ours, or a script."""

from __future__ import annotations

import pytest

from supervisor.daemon.origin import is_local, is_script, may_post


@pytest.mark.parametrize(
    "authority",
    [
        "localhost",
        "LOCALHOST:9001",
        "localhost.",
        "a.localhost:1",
        "127.0.0.1",
        "127.3.4.5:80",
        "[::1]",
        "[::1]:9001",
    ],
)
def test_local(authority: str) -> None:
    assert is_local(authority)


@pytest.mark.parametrize(
    "authority",
    [
        "",
        "evil.com",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "0.0.0.0",
        "10.0.0.1:9001",
        "[::2]",
        "x@localhost",
        "2130706433",
    ],
)
def test_not_local(authority: str) -> None:
    assert not is_local(authority)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": "http://sup:9001", "Host": "sup:9001"}, True),
        ({"Origin": "http://SUP:9001", "Host": "sup:9001"}, True),
        ({"Origin": "https://sup.org", "Host": "127.0.0.1:9001", "X-Forwarded-Host": "sup.org"}, True),
        ({"Origin": "https://sup.org", "Host": "127.0.0.1:9001", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://evil.com", "Host": "sup:9001"}, False),
        ({"Origin": "http://sup:80", "Host": "sup:9001"}, False),
        ({"Origin": "null", "Host": "sup:9001"}, False),
        ({"Origin": "", "Host": ""}, False),
        ({"Origin": "http://sup:9001", "Host": "sup:9001", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_posts(headers: dict[str, str], allowed: bool) -> None:
    assert may_post(headers) is allowed


def test_scripts() -> None:
    assert is_script({}) and is_script({"User-Agent": "curl/8.5", "Accept": "*/*"})
    for name in ("Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Cookie"):
        assert not is_script({name: "x"})
    assert not is_script({"User-Agent": "Mozilla/5.0 (X11)"})
