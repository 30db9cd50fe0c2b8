"""**Pure**: whether a browser sent a request, and on behalf of which page; must never know sockets or URLs' meaning.

Three dangers, all by way of somebody's browser: a foreign page posts a form to us; a
foreign page links to, or embeds, a URL that changes something; a foreign name is
made to point to 127.0.0.1 (DNS rebinding), so that the foreign page counts as ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from supervisor.config.values import is_loopback


def host_of(authority: str) -> str:
    """The host of ``host``, ``host:port``, ``[::1]:port``, in lower case without a final dot."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower().rstrip(".")


def is_local(authority: str) -> bool:
    """Whether a Host header names this machine's loopback: ``localhost`` or a loopback address."""
    host = host_of(authority.strip())
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return is_loopback(host)


def may_post(headers: Mapping[str, str]) -> bool:
    """Whether a POST comes from no browser, or from a page of ours.

    A browser that tells Sec-Fetch-Site is believed: no page can set it. Else the
    Origin is compared with the host that was asked, as the browser or (a header
    that a foreign page cannot send either) a proxy in front tells it.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("Origin")
    if origin is None:
        return True
    _, separator, authority = origin.partition("://")
    if not separator:
        return False  # "null": a sandbox, a file
    asked = (headers.get("Host"), headers.get("X-Forwarded-Host"))
    return authority.lower() in [text.lower() for text in asked if text]


def is_script(headers: Mapping[str, str]) -> bool:
    """Whether nothing says that a browser sent this."""
    signs = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Origin", "Referer", "Cookie")
    return not any(name in headers for name in signs) and not headers.get("User-Agent", "").startswith(
        "Mozilla/"
    )
