"""XML-RPC calls, answers and faults to bytes and back, bounded; must never know HTTP or which methods exist.

Reading goes through expat with our own handlers and a table of which tag may stand
in which. Refused, always with RemoteProtocolError: a DOCTYPE (hence every entity but
the five of XML), encodings other than UTF-8, ASCII and latin-1, unknown tags, values
nested more than 32 deep, more elements or bytes than the limits below, integers
beyond 64 bits, numbers that are none, dates that are none. Long tables of our own
writing are read by pattern (``xmltable``), with the same result.

Types, wire to Python: int, i4, i8 → int; boolean → bool (``1`` is true, all else
false, as Supervisor reads it); string and an untyped value → str; double → float;
dateTime.iso8601 → datetime without a zone; base64 → bytes; nil → None; array → list;
struct → dict. An int is written as ``int`` where it fits 32 bits, for nothing else is in the standard, and as ``i8``
where it does not (the place of a log beyond 2 GiB), which most clients read, Python's among them.

Writing never emits a character that XML 1.0 forbids (U+FFFD stands in for it), and
writes carriage returns as ``&#13;`` so that they arrive. Values that do not change from
call to call can be encoded once with ``fragment`` and put anywhere in a value; what stays
in a list of process records is encoded once by itself (``structs``).
"""

from __future__ import annotations

import binascii
import math
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from xml.parsers import expat

from ..errors import LocalProtocolError, RemoteProtocolError
from .structs import DESCRIPTION, NOW, Extended, Row, Table

MAX_DEPTH: Final = 32
MAX_CALL_BYTES: Final = 1 << 20
MAX_CALL_ELEMENTS: Final = 20_000
MAX_RESPONSE_BYTES: Final = 64 << 20
"""An answer is read by a client that chose its server: wide enough for 10,000 processes and a log."""
MAX_RESPONSE_ELEMENTS: Final = 2_000_000
TABLE_FROM_BYTES: Final = 1 << 14
"""An answer from here on is tried as a table first, see ``xmltable``."""
MAX_NUMBER_CHARS: Final = 64

I4_MIN: Final = -(2**31)
I4_MAX: Final = 2**31 - 1
_I8_MIN: Final = -(2**63)
_I8_MAX: Final = 2**63 - 1

Value = None | bool | int | float | str | bytes | datetime | list["Value"] | dict[str, "Value"]
"""What parsing gives."""


class Raw(NamedTuple):
    """An encoded ``<value>…</value>``, to be put into an answer as it is; made by ``fragment``."""

    xml: str


Dumpable = (
    None
    | bool
    | int
    | float
    | str
    | bytes
    | datetime
    | Raw
    | Table
    | Sequence["Dumpable"]
    | Mapping[str, "Dumpable"]
)
"""What dumping looks at: tuples are written as arrays; None is refused, as XML-RPC has none."""


class MethodCall(NamedTuple):
    method: str
    params: tuple[Value, ...]


class MethodFault(NamedTuple):
    """A fault answer: ``code`` and ``text`` are faultCode and faultString."""

    code: int
    text: str


# --- writing -----------------------------------------------------------------------------------------

# What cannot stand in character data as it is: markup, CR (XML turns it into LF), and what is no Char of
# XML 1.0 (section 2.2).
_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REPLACEMENTS: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_HEAD: Final = "<?xml version='1.0'?>\n"
_RESPONSE: Final = f"{_HEAD}<methodResponse><params><param>"
_RESPONSE_END: Final = "</param></params></methodResponse>\n"
_STRUCT_END: Final = "</struct></value>"
_DESCRIBED: Final = f"<member><name>{DESCRIPTION}</name><value><string>"
_DESCRIBED_END: Final = f"</string></value></member>{_STRUCT_END}"
_ARRAY: Final = b"<value><array><data>"
_ARRAY_END: Final = b"</data></array></value>"


def _replacement(match: re.Match[str]) -> str:
    return _REPLACEMENTS.get(match.group(), "\ufffd")


def escape(text: str) -> str:
    """``text`` as XML character data."""
    return _SPECIAL.sub(_replacement, text) if _SPECIAL.search(text) else text


def _member_heads(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([f"<member><name>{escape(name)}</name>" for name in names])


# Records of one kind have the same names in the same order: one look-up a record.
_known_heads = lru_cache(maxsize=256)(_member_heads)
_MAX_KNOWN_CHARS: Final = 1024
"""Longer name lists are not remembered, so that a peer's structs cannot fill the memory."""


def _dump_int(value: int) -> str:
    if I4_MIN <= value <= I4_MAX:
        return f"<value><int>{value}</int></value>"
    if _I8_MIN <= value <= _I8_MAX:
        return f"<value><i8>{value}</i8></value>"
    raise LocalProtocolError(f"{value} does not fit 64 bits")


def _dump_float(value: float) -> str:
    if not math.isfinite(value):
        raise LocalProtocolError(f"{value} is no XML-RPC double")
    return f"<value><double>{value!r}</double></value>"


def _dump_bytes(value: bytes) -> str:
    data = binascii.b2a_base64(value, newline=False).decode("ascii")
    return f"<value><base64>{data}</base64></value>"


def _dump_datetime(value: datetime) -> str:
    return f"<value><dateTime.iso8601>{value:%Y%m%dT%H:%M:%S}</dateTime.iso8601></value>"


def _put(value: object, parts: list[str | bytes], depth: int) -> None:
    """Append the fragments of one value. The types that records are made of come first."""
    kind = type(value)
    if kind is Extended:
        parts.append(_struct(value))  # type: ignore[arg-type]  # narrowed by kind
    elif kind is Table:
        parts.append(b"".join(_table(value)))  # type: ignore[arg-type]  # narrowed by kind
    elif kind is dict or (kind not in _SCALARS and isinstance(value, Mapping)):
        _put_struct(value, parts, depth)  # type: ignore[arg-type]  # narrowed by kind
    elif kind is list or kind is tuple:
        _put_array(value, parts, depth)  # type: ignore[arg-type]  # narrowed by kind
    else:
        parts.append(_scalar(value, kind))


def _struct(struct: Extended) -> str:
    """Raises LocalProtocolError."""
    head, lead = struct.row.xml or _encoded(struct.row)
    time = f"{head.decode()}<member><name>{NOW}</name>{_dump_int(struct.now)}</member>"
    if struct.row.since is None:
        return f"{time}{_STRUCT_END}"
    return f"{time}{_DESCRIBED}{lead.decode()}{escape(struct.ago)}{_DESCRIBED_END}"


def _table(table: Table) -> list[bytes]:
    """An array of structs, in pieces. Raises LocalProtocolError."""
    time = f"<member><name>{NOW}</name>{_dump_int(table.now)}</member>"
    ending, described = f"{time}{_STRUCT_END}".encode(), f"{time}{_DESCRIBED}".encode()
    ends = {since: f"{escape(ago)}{_DESCRIBED_END}".encode() for since, ago in table.ago.items()}
    parts = [_ARRAY]
    for row in table.rows:
        head, lead = row.xml or _encoded(row)
        if row.since is None:
            parts += (head, ending)
        else:
            parts += (head, described, lead, ends[row.since])
    parts.append(_ARRAY_END)
    return parts


def _encoded(row: Row) -> tuple[bytes, bytes]:
    """``<value><struct>`` with the members that stay, and the lead; kept in the row. Raises LocalProtocolError."""
    values = row.values
    far = any(type(value) is int and not I4_MIN <= value <= I4_MAX for value in values)
    template = "" if far else _template(row.names, tuple(map(type, values)))
    if template:
        if _SPECIAL.search("".join([value for value in values if type(value) is str])):
            values = tuple([escape(value) if type(value) is str else value for value in values])
        head = template % values
    else:
        head = fragment(dict(zip(row.names, values, strict=True))).xml.removesuffix(_STRUCT_END)
    row.xml = head.encode(), escape(row.lead).encode()
    return row.xml


@lru_cache(maxsize=64)
def _template(names: tuple[str, ...], kinds: tuple[type, ...]) -> str:
    """``<value><struct>`` with such members, the values, escaped, still to be put in; empty for other kinds."""
    tags = {str: "string", int: "int"}
    if not tags.keys() >= set(kinds):
        return ""
    heads = [head.replace("%", "%%") for head in _member_heads(names)]
    members = [
        f"{head}<value><{tags[kind]}>%s</{tags[kind]}></value></member>"
        for head, kind in zip(heads, kinds, strict=True)
    ]
    return "".join(["<value><struct>", *members])


def _scalar(value: object, kind: type) -> str:
    dump = _SCALARS.get(kind)
    if dump is not None:
        return dump(value)
    for known, function in _SCALARS.items():  # subclasses: bool is met above, so int cannot take it
        if isinstance(value, known):
            return function(value)
    raise LocalProtocolError(f"cannot send a {kind.__name__} by XML-RPC")


def _put_array(items: Sequence[object], parts: list[str | bytes], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise LocalProtocolError(f"value nested more than {MAX_DEPTH} deep")
    parts.append("<value><array><data>")
    for item in items:
        _put(item, parts, depth + 1)
    parts.append("</data></array></value>")


def _put_struct(members: Mapping[str, object], parts: list[str | bytes], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise LocalProtocolError(f"value nested more than {MAX_DEPTH} deep")
    names = tuple(members)
    try:
        name_chars = len("".join(names))
    except TypeError as error:
        raise LocalProtocolError("a member name is no text") from error
    heads = (_known_heads if name_chars <= _MAX_KNOWN_CHARS else _member_heads)(names)
    parts.append("<value><struct>")
    search = _SPECIAL.search
    for head, value in zip(heads, members.values(), strict=True):
        kind = type(value)
        # The two types that nearly all members have, without a call.
        if kind is str and not search(value):  # type: ignore[call-overload]  # narrowed by kind
            parts.append(f"{head}<value><string>{value}</string></value></member>")
        elif kind is int and I4_MIN <= value <= I4_MAX:  # type: ignore[operator]  # narrowed by kind
            parts.append(f"{head}<value><int>{value}</int></value></member>")
        else:
            parts.append(head)
            _put(value, parts, depth + 1)
            parts.append("</member>")
    parts.append(_STRUCT_END)


_SCALARS: Final[dict[type, Callable[..., str]]] = {
    str: lambda value: f"<value><string>{escape(value)}</string></value>",
    bool: lambda value: f"<value><boolean>{'1' if value else '0'}</boolean></value>",
    int: _dump_int,
    float: _dump_float,
    bytes: _dump_bytes,
    bytearray: _dump_bytes,
    datetime: _dump_datetime,
    Raw: lambda value: value.xml,
}


def _joined(parts: list[str | bytes]) -> bytes:
    """In one copy where there are large parts, which are bytes already."""
    try:
        return "".join(typing.cast("list[str]", parts)).encode()
    except TypeError:
        return b"".join([part if type(part) is bytes else str(part).encode() for part in parts])


def fragment(value: Dumpable) -> Raw:
    """``value`` encoded once, for use in many answers. Raises LocalProtocolError."""
    parts: list[str | bytes] = []
    _put(value, parts, 0)
    return Raw(_joined(parts).decode())


def dump_call(method: str, params: Sequence[Dumpable] = ()) -> bytes:
    """The body of a request. Raises LocalProtocolError for what XML-RPC cannot carry."""
    parts: list[str | bytes] = [f"{_HEAD}<methodCall><methodName>{escape(method)}</methodName><params>"]
    for param in params:
        parts.append("<param>")
        _put(param, parts, 0)
        parts.append("</param>")
    parts.append("</params></methodCall>\n")
    return _joined(parts)


def dump_response(value: Dumpable) -> bytes:
    """The body of an answer. Raises LocalProtocolError for what XML-RPC cannot carry."""
    if type(value) is Table:
        return b"".join((_RESPONSE.encode(), *_table(value), _RESPONSE_END.encode()))
    parts: list[str | bytes] = [_RESPONSE]
    _put(value, parts, 0)
    parts.append(_RESPONSE_END)
    return _joined(parts)


def dump_fault(code: int, text: str) -> bytes:
    """The body of a fault answer."""
    parts: list[str | bytes] = [f"{_HEAD}<methodResponse><fault>"]
    _put_struct({"faultCode": code, "faultString": text}, parts, 0)
    parts.append("</fault></methodResponse>\n")
    return _joined(parts)


# --- reading -----------------------------------------------------------------------------------------

_ENCODINGS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})T([0-9]{2}):?([0-9]{2}):?([0-9]{2})Z?")


def _read_int(text: str) -> int:
    text = text.strip()
    if not _INTEGER.fullmatch(text):
        raise RemoteProtocolError(f"not an integer: {text[:40]!r}")
    value = int(text)
    if not _I8_MIN <= value <= _I8_MAX:
        raise RemoteProtocolError("integer beyond 64 bits")
    return value


def _read_double(text: str) -> float:
    text = text.strip()
    if len(text) > MAX_NUMBER_CHARS * 8 or not _DOUBLE.fullmatch(text):
        raise RemoteProtocolError(f"not a double: {text[:40]!r}")
    value = float(text)
    if not math.isfinite(value):
        raise RemoteProtocolError("double out of range")
    return value


def _read_date(text: str) -> datetime:
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise RemoteProtocolError(f"not a date: {text[:40]!r}")
    try:
        return datetime(*map(int, match.groups()))  # type: ignore[arg-type]  # six integers
    except ValueError as error:
        raise RemoteProtocolError(f"not a date: {text[:40]!r}") from error


def _read_base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text.encode())
    except binascii.Error as error:
        raise RemoteProtocolError(f"not base64: {error}") from error


_READERS: Final[dict[str, Callable[[str], Value]]] = {
    "string": lambda text: text,
    "int": _read_int,
    "i4": _read_int,
    "i8": _read_int,
    "boolean": lambda text: text.strip() == "1",
    "double": _read_double,
    "dateTime.iso8601": _read_date,
    "base64": _read_base64,
    "nil": lambda text: None,
}

# Which tag may follow in which state, and the state of the parent after it. A state is the open tag, with
# a suffix once a child that may come only once has come.
_VALUE_TYPES: Final = {tag: "value:done" for tag in (*_READERS, "array", "struct")}
_GRAMMAR: Final[dict[str, dict[str, str]]] = {
    "call": {"methodCall": "call:done"},
    "response": {"methodResponse": "response:done"},
    "methodCall": {"methodName": "methodCall:named"},
    "methodCall:named": {"params": "methodCall:done"},
    "methodResponse": {"params": "methodResponse:done", "fault": "methodResponse:done"},
    "params": {"param": "params"},
    "param": {"value": "param:done"},
    "fault": {"value": "fault:done"},
    "value": _VALUE_TYPES,
    "array": {"data": "array:done"},
    "data": {"value": "data"},
    "struct": {"member": "struct"},
    "member": {"name": "member:named"},
    "member:named": {"value": "member:done"},
}
_LEAF: Final[dict[str, str]] = {}
_UNFINISHED: Final = frozenset(
    {"methodCall", "methodResponse", "param", "fault", "array", "member", "member:named"}
)


class _Document:
    """The handlers of one parse, and what it gave.

    ``_path``: the state of every open element, outermost first. ``_containers``: the
    open arrays and structs, under them the list of params. ``_names``: the name of
    every open struct member. ``_typed``: the value of the typed element just closed.
    """

    def __init__(self, start: str, max_elements: int) -> None:
        self.method = ""
        self.params: list[Value] = []
        self.fault: Value = None
        self._left = max_elements
        self._path = [start]
        self._text: list[str] = []
        self._containers: list[list[Value] | dict[str, Value]] = [self.params]
        self._names: list[str] = []
        self._typed: Value = None

    def parse(self, body: bytes) -> None:
        # A NUL is legal in none of the encodings, and gives away UTF-16 and UTF-32 without a declaration.
        if b"\0" in body:
            raise RemoteProtocolError("NUL byte in XML")
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(body, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise RemoteProtocolError(f"not XML: {error}") from error

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise RemoteProtocolError(f"encoding {encoding[:40]!r} is not accepted")

    def _doctype(self, name: str, system_id: str | None, public_id: str | None, internal: bool) -> None:
        raise RemoteProtocolError("a DOCTYPE is not accepted")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._left -= 1
        if self._left < 0:
            raise RemoteProtocolError("too many elements")
        path = self._path
        state = _GRAMMAR.get(path[-1], _LEAF).get(tag)
        if state is None:
            raise RemoteProtocolError(f"<{tag[:40]}> in {path[-1]}")
        path[-1] = state
        path.append(tag)
        self._text.clear()
        if tag == "array" or tag == "struct":
            if len(self._containers) > MAX_DEPTH:
                raise RemoteProtocolError(f"values nested more than {MAX_DEPTH} deep")
            self._containers.append([] if tag == "array" else {})

    def _end(self, tag: str) -> None:
        state = self._path.pop()
        if state in _UNFINISHED:
            raise RemoteProtocolError(f"</{tag}> in {state}")
        if (reader := _READERS.get(tag)) is not None:
            self._typed = reader("".join(self._text))
        elif tag == "value":
            self._deliver(self._typed if state == "value:done" else "".join(self._text))
        elif tag == "name":
            self._names.append("".join(self._text))
        elif tag == "member":
            self._names.pop()
        elif tag == "array" or tag == "struct":
            self._typed = self._containers.pop()
        elif tag == "methodName":
            self.method = "".join(self._text).strip()
        self._text.clear()

    def _deliver(self, value: Value) -> None:
        """Put a finished value where the element around it wants it."""
        container = self._containers[-1]
        if isinstance(container, dict):
            container[self._names[-1]] = value
        elif self._path[-1] == "fault:done":
            self.fault = value
        else:
            container.append(value)


def _check_size(body: bytes, limit_bytes: int) -> None:
    if len(body) > limit_bytes:
        raise RemoteProtocolError(f"body of {len(body)} bytes is over {limit_bytes}")


def parse_call(body: bytes) -> MethodCall:
    """The method and parameters of a request. Raises RemoteProtocolError.

    The name is as sent, without surrounding blanks; it is not looked up. A request
    without ``params`` has none.
    """
    _check_size(body, MAX_CALL_BYTES)
    document = _Document("call", MAX_CALL_ELEMENTS)
    document.parse(body)
    if not document.method:
        raise RemoteProtocolError("no method name")
    return MethodCall(document.method, tuple(document.params))


def parse_response(body: bytes) -> Value | MethodFault:
    """The value of an answer, or its fault. Raises RemoteProtocolError."""
    _check_size(body, MAX_RESPONSE_BYTES)
    if len(body) > TABLE_FROM_BYTES:
        from .xmltable import read_table  # a short answer does not need it

        table = read_table(body, MAX_RESPONSE_ELEMENTS)
        if table is not None:
            return typing.cast("Value", table)
    document = _Document("response", MAX_RESPONSE_ELEMENTS)
    document.parse(body)
    if len(document.params) == 1:
        return document.params[0]
    if document.params or not isinstance(document.fault, dict):
        raise RemoteProtocolError(f"answer with {len(document.params)} values and no fault")
    code, text = document.fault.get("faultCode"), document.fault.get("faultString")
    if type(code) is not int or not isinstance(text, str):
        raise RemoteProtocolError("fault without a code or a text")
    return MethodFault(code, text)
