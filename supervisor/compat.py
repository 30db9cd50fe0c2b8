"""Door: names that plug-ins of the time of Python 2 import instead of the standard library's; thin."""

from __future__ import annotations

import _thread as thread
import configparser as ConfigParser  # the names are the door
import http.client as httplib
import string
import sys
import urllib.parse as urllib
import xmlrpc.client as xmlrpclib
from base64 import decodebytes as decodestring
from base64 import encodebytes as encodestring
from hashlib import md5, sha1
from html import entities as htmlentitydefs
from html import escape
from html.parser import HTMLParser
from io import StringIO
from typing import Final
from xmlrpc.client import Fault

__all__ = [
    "PY2", "ConfigParser", "Fault", "HTMLParser", "StringIO", "StringTypes", "as_bytes", "as_string", "basestring",
    "decodestring", "encodestring", "escape", "htmlentitydefs", "httplib", "letters", "long", "maxint", "md5", "raw_input",
    "sha1", "thread", "unichr", "unicode", "urllib", "urlparse", "xmlrpclib",
]  # fmt: skip

PY2: Final = False
urlparse = urllib
basestring = unicode = str
StringTypes: Final = (str,)
long = int
unichr = chr
raw_input = input
maxint: Final = sys.maxsize
letters: Final = string.ascii_letters


def as_bytes(text: str | bytes, encoding: str = "utf-8") -> bytes:
    """``text`` encoded; bytes as they are."""
    return text.encode(encoding) if isinstance(text, str) else text


def as_string(data: str | bytes, encoding: str = "utf-8") -> str:
    """``data`` decoded; text as it is. Raises UnicodeDecodeError."""
    return data.decode(encoding) if isinstance(data, bytes) else data
