"""Door: text and bytes conversions that plug-ins written for Supervisor import; thin."""

from __future__ import annotations

import http.client as httplib
import xmlrpc.client as xmlrpclib

__all__ = ["as_bytes", "as_string", "httplib", "xmlrpclib"]


def as_bytes(text: str | bytes, encoding: str = "utf-8") -> bytes:
    """``text`` encoded; bytes as they are."""
    return text.encode(encoding) if isinstance(text, str) else text


def as_string(data: str | bytes, encoding: str = "utf-8") -> str:
    """``data`` decoded; text as it is. Raises UnicodeDecodeError."""
    return data.decode(encoding) if isinstance(data, bytes) else data
