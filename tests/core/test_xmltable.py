"""Tables read by pattern: what the XML parser makes of them, or nothing."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import RemoteProtocolError
from supervisor.protocol import xmlrpc as codec
from supervisor.protocol.xmltable import read_table

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["a & b", "&amp;", "<b>", "]]>", "\r\n"]
)
NAMES = st.text("abc_", min_size=1, max_size=5)
STRUCTS = st.lists(
    st.dictionaries(NAMES, TEXTS | st.integers(codec.I4_MIN, codec.I4_MAX), max_size=4), max_size=12
)
LIMIT = codec.MAX_RESPONSE_ELEMENTS


def parsed(body: bytes) -> codec.Value:
    """What the parser alone makes of an answer. Raises RemoteProtocolError."""
    document = codec._Document("response", LIMIT)
    document.parse(body)
    return document.params[0]


@given(STRUCTS)
def test_a_table_is_what_the_parser_makes_of_it(structs: list[dict[str, codec.Dumpable]]) -> None:
    body = codec.dump_response(structs)
    table = read_table(body, LIMIT)
    assert table is None or table == parsed(body)
    shapes = {tuple((name, type(value)) for name, value in struct.items()) for struct in structs}
    assert (table is None) == (len(shapes) > 8)


@given(STRUCTS, st.data())
def test_a_table_with_a_fault_is_never_taken_for_another(
    structs: list[dict[str, codec.Dumpable]], data: st.DataObject
) -> None:
    body = bytearray(codec.dump_response(structs))
    place = data.draw(st.integers(0, len(body) - 1))
    cut = data.draw(st.integers(0, 3))
    body[place : place + cut] = data.draw(
        st.binary(max_size=2) | st.sampled_from([b"&", b"<", b">", b"\r", b"&#"])
    )
    table = read_table(bytes(body), LIMIT)
    if table is not None:
        assert table == parsed(bytes(body))


@pytest.mark.parametrize(
    "struct",
    [
        "<value><struct><member><name>a</name><value>untyped</value></member></struct></value>",
        "<value><struct><member><name>a</name><value><int> 1</int></value></member></struct></value>",
        "<value><struct><member><name>a</name><value><string>&#65;</string></value></member></struct></value>",
        f"<value><struct>{2 * '<member><name>a</name><value><int>1</int></value></member>'}</struct></value>",
        "<value>\n<struct></struct></value>",
        "<value><int>1</int></value>",
        "<value><struct>",
    ],
)
def test_what_is_written_in_another_way_is_left_to_the_parser(struct: str) -> None:
    whole = codec.dump_response([{"a": 1}] * 3).decode()
    body = whole.replace("</data>", f"{struct}</data>").encode()
    assert read_table(body, LIMIT) is None


def test_the_limit_of_elements_is_that_of_the_parser() -> None:
    body = codec.dump_response([{"a": 1, "b": "x"}] * 10)
    needed = 6 + 10 * 10
    codec._Document("response", needed).parse(body)
    assert read_table(body, needed) is not None
    assert read_table(body, needed - 1) is None
    with pytest.raises(RemoteProtocolError):
        codec._Document("response", needed - 1).parse(body)


def test_a_long_answer_goes_through_it() -> None:
    records: list[codec.Dumpable] = [
        {"name": f"n{number}", "pid": number, "text": "a < b & c"} for number in range(500)
    ]
    body = codec.dump_response(records)
    assert len(body) > codec.TABLE_FROM_BYTES
    assert codec.parse_response(body) == records == read_table(body, LIMIT)
    broken = body.replace(b"<int>499</int>", b"<int>499</i4>")
    assert read_table(broken, LIMIT) is None
    with contextlib.suppress(RemoteProtocolError):
        pytest.fail(f"{codec.parse_response(broken)!r:.100}")
