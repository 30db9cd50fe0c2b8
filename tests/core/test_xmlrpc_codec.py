from __future__ import annotations

import re
import xmlrpc.client
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import LocalProtocolError, RemoteProtocolError
from supervisor.protocol import xmlrpc as codec
from supervisor.protocol.structs import Extended, Row, Table

LEGAL = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters=[chr(c) for c in range(32) if c not in (9, 10, 13)] + ["\ufffe", "\uffff"],
    )
)
I4 = st.integers(codec.I4_MIN, codec.I4_MAX)
SCALARS = st.one_of(
    st.booleans(),
    I4,
    LEGAL,
    st.floats(allow_nan=False, allow_infinity=False),
    st.binary(),
    st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 1, 1)).map(
        lambda d: d.replace(microsecond=0)
    ),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(LEGAL, inner), max_leaves=20)
# What xmlrpc.client reads as we do: it has types of its own for bytes and dates, and writes a bare CR.
COMMON = st.recursive(
    st.one_of(
        st.booleans(),
        I4,
        LEGAL.map(lambda s: s.replace("\r", "")),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(LEGAL.map(lambda s: s.replace("\r", "")), inner),
    max_leaves=20,
)


@given(st.text("abc._", min_size=1), st.lists(VALUES))
def test_a_call_comes_back_as_it_was(method: str, params: list[codec.Value]) -> None:
    call = codec.parse_call(codec.dump_call(method, params))
    assert call == codec.MethodCall(method, tuple(params))


@given(VALUES)
def test_an_answer_comes_back_as_it_was(value: codec.Value) -> None:
    again = codec.parse_response(codec.dump_response(value))
    assert again == value
    assert type(again) is type(value)


@given(I4, LEGAL)
def test_a_fault_comes_back_as_it_was(code: int, text: str) -> None:
    assert codec.parse_response(codec.dump_fault(code, text)) == codec.MethodFault(code, text)


@given(COMMON)
def test_the_standard_client_reads_our_answers(value: codec.Value) -> None:
    assert xmlrpc.client.loads(codec.dump_response(value)) == ((value,), None)


@given(st.lists(COMMON))
def test_the_standard_server_reads_our_calls(params: list[codec.Value]) -> None:
    assert xmlrpc.client.loads(codec.dump_call("a.b", params)) == (tuple(params), "a.b")


@given(COMMON)
def test_we_read_the_standard_servers_answers(value: codec.Value) -> None:
    body = xmlrpc.client.dumps((value,), methodresponse=True).encode()
    assert codec.parse_response(body) == value


@given(st.lists(COMMON))
def test_we_read_the_standard_clients_calls(params: list[codec.Value]) -> None:
    body = xmlrpc.client.dumps(tuple(params), "a.b").encode()
    assert codec.parse_call(body) == codec.MethodCall("a.b", tuple(params))


def test_the_standard_library_reads_our_faults_bytes_and_dates() -> None:
    with pytest.raises(xmlrpc.client.Fault) as caught:
        xmlrpc.client.loads(codec.dump_fault(10, "BAD_NAME: x"))
    assert (caught.value.faultCode, caught.value.faultString) == (10, "BAD_NAME: x")
    when = datetime(2026, 11, 24, 5, 20)
    (values,), _ = xmlrpc.client.loads(codec.dump_response([b"\0\xff", when]), use_builtin_types=True)
    assert values == [b"\0\xff", when]


@given(st.binary())
def test_random_bytes_raise_only_our_error(body: bytes) -> None:
    for parse in (codec.parse_call, codec.parse_response):
        with pytest.raises(RemoteProtocolError):
            parse(body)


TAGS = (
    "methodCall", "methodName", "methodResponse", "params", "param", "fault", "value", "array", "data", "struct",
    "member", "name", "int", "i4", "i8", "boolean", "double", "string", "dateTime.iso8601", "base64", "nil", "x",
)  # fmt: skip


@given(
    st.lists(
        st.one_of(
            st.sampled_from([f"<{t}>" for t in TAGS] + [f"</{t}>" for t in TAGS]),
            st.text("1-.aT&;<", max_size=4),
        )
    )
)
def test_tag_soup_raises_only_our_error(pieces: list[str]) -> None:
    soup = "".join(pieces)
    for body in (soup, f"<methodCall><methodName>a</methodName><params>{soup}</params></methodCall>"):
        try:
            codec.parse_call(body.encode())
        except RemoteProtocolError:
            pass


@given(VALUES, st.data())
def test_damaged_bodies_raise_only_our_error(value: codec.Value, data: st.DataObject) -> None:
    body = bytearray(codec.dump_call("a", [value]))
    index = data.draw(st.integers(0, len(body) - 1))
    body[index] = data.draw(st.integers(0, 255))
    try:
        codec.parse_call(bytes(body))
    except RemoteProtocolError:
        pass


def call_with(value: str) -> bytes:
    return (
        f"<methodCall><methodName>m</methodName><params><param>{value}</param></params></methodCall>".encode()
    )


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<value>plain</value>", "plain"),
        ("<value/>", ""),
        ("<value> <int> 7 </int> </value>", 7),
        ("<value><i8>-9223372036854775808</i8></value>", -(2**63)),
        ("<value><int>+5</int></value>", 5),
        ("<value><nil/></value>", None),
        ("<value><boolean>1</boolean></value>", True),
        ("<value><boolean>true</boolean></value>", False),
        ("<value><double>-.5e1</double></value>", -5.0),
        ("<value><string>a&lt;&#x263a;<![CDATA[<b>]]></string></value>", "a<☺<b>"),
        ("<value><base64> YW\nJj </base64></value>", b"abc"),
        ("<value><dateTime.iso8601>20261124T05:20:00</dateTime.iso8601></value>", datetime(2026, 11, 24, 5, 20)),
        ("<value><array><data/></array></value>", []),
        ("<value><struct/></value>", {}),
        ("<value><struct><member><name>n</name><value><array><data><value>x</value></data></array></value></member></struct></value>", {"n": ["x"]}),
    ],
)  # fmt: skip
def test_reading_each_type(xml: str, value: object) -> None:
    assert codec.parse_call(call_with(xml)).params == (value,)


def test_params_may_be_missing_and_names_have_blanks_around() -> None:
    assert codec.parse_call(b"<methodCall><methodName> a.b\n</methodName></methodCall>") == codec.MethodCall(
        "a.b", ()
    )


def test_latin_1_is_read() -> None:
    body = "<?xml version='1.0' encoding='ISO-8859-1'?><methodCall><methodName>ü</methodName></methodCall>"
    assert codec.parse_call(body.encode("latin-1")).method == "ü"


NESTED = "<value><array><data>" * 33 + "<value>x</value>" + "</data></array></value>" * 33


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<methodCall/>",
        b"<methodCall><methodName/></methodCall>",
        b"<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>",
        b"<methodResponse><params/></methodResponse>",
        b"<!DOCTYPE methodCall><methodCall><methodName>a</methodName></methodCall>",
        b'<!DOCTYPE m [<!ENTITY a "b">]><methodCall><methodName>&a;</methodName></methodCall>',
        b"<methodCall><methodName>&undefined;</methodName></methodCall>",
        "<methodCall><methodName>a</methodName></methodCall>".encode("utf-16"),
        "<methodCall><methodName>a</methodName></methodCall>".encode("utf-16-le"),
        "<methodCall><methodName>a</methodName></methodCall>".encode("utf-32"),
        b"<?xml version='1.0' encoding='UTF-7'?><methodCall><methodName>a</methodName></methodCall>",
        b"<?xml version='1.0' encoding='cp1252'?><methodCall><methodName>a</methodName></methodCall>",
        call_with(""),
        call_with("<value><int>" + "9" * 5000 + "</int></value>"),
        call_with("<value><int>9223372036854775808</int></value>"),
        call_with("<value><int>1_000</int></value>"),
        call_with("<value><int>٣</int></value>"),
        call_with("<value><int/></value>"),
        call_with("<value><double>nan</double></value>"),
        call_with("<value><double>1e999</double></value>"),
        call_with("<value><dateTime.iso8601>20261324T05:20:00</dateTime.iso8601></value>"),
        call_with("<value><dateTime.iso8601>today</dateTime.iso8601></value>"),
        call_with("<value><base64>abc</base64></value>"),
        call_with("<value><int>1</int><int>2</int></value>"),
        call_with("<value>a</value><value>b</value>"),
        call_with("<value><struct><member><value>a</value></member></struct></value>"),
        call_with("<value><struct><member><name>a</name></member></struct></value>"),
        call_with("<value><struct><member><name>a</name><name>b</name><value/></member></struct></value>"),
        call_with("<value><struct><member><name>a</name><value/><value/></member></struct></value>"),
        call_with("<value><array/></value>"),
        call_with("<value><bigdecimal>1</bigdecimal></value>"),
        call_with(NESTED),
        call_with("<value><array><data>" + "<value/>" * 20_000 + "</data></array></value>"),
        call_with("<value>" + "x" * codec.MAX_CALL_BYTES + "</value>"),
    ],
)  # fmt: skip
def test_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        codec.parse_call(body)


@pytest.mark.parametrize(
    "body",
    [
        b"<methodResponse/>",
        b"<methodResponse><params/></methodResponse>",
        b"<methodResponse><params><param><value/></param><param><value/></param></params></methodResponse>",
        b"<methodResponse><fault><value>no struct</value></fault></methodResponse>",
        b"<methodResponse><fault><value><struct/></value></fault></methodResponse>",
        b"<methodResponse><fault/></methodResponse>",
    ],
)
def test_refused_answers(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        codec.parse_response(body)


def test_an_answer_may_have_more_elements_than_a_call() -> None:
    records: list[codec.Value] = [{"name": f"n{i}", "pid": i} for i in range(10_000)]
    assert codec.parse_response(codec.dump_response(records)) == records


def test_thirty_two_levels_are_read_and_written() -> None:
    value: codec.Value = "x"
    for _ in range(codec.MAX_DEPTH):
        value = [value]
    assert codec.parse_response(codec.dump_response(value)) == value
    with pytest.raises(LocalProtocolError):
        codec.dump_response([value])


@given(st.text())
def test_no_character_that_xml_forbids_is_written(text: str) -> None:
    body = codec.dump_response({text: text}).decode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", body)
    answer = codec.parse_response(body.encode())
    assert isinstance(answer, dict)
    expected = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)
    assert answer == {expected: expected}


@pytest.mark.parametrize(
    "value", [None, 2**63, -(2**63) - 1, float("nan"), float("inf"), {"a": None}, [2**64]]
)
def test_what_xml_rpc_cannot_carry(value: codec.Dumpable) -> None:
    with pytest.raises(LocalProtocolError):
        codec.dump_response(value)


def test_subclasses_are_written_as_their_base() -> None:
    class Name(str):
        pass

    assert codec.parse_response(codec.dump_response([Name("a"), (1, True)])) == ["a", [1, True]]


@given(VALUES)
def test_a_fragment_is_written_as_its_value(value: codec.Value) -> None:
    raw = codec.fragment(value)
    assert codec.dump_response([raw, {"a": raw}]) == codec.dump_response([value, {"a": value}])


def test_long_member_names_are_written_like_short_ones() -> None:
    record: dict[str, codec.Dumpable] = {"n" * 2000: 1, "<&>": "x"}
    assert codec.parse_response(codec.dump_response(record)) == record


@pytest.mark.parametrize("number", [codec.I4_MAX + 1, codec.I4_MIN - 1, 2**63 - 1, -(2**63)])
def test_numbers_beyond_32_bits(number: int) -> None:
    body = codec.dump_response([number, {"a": number}])
    assert body.count(b"<i8>") == 2
    assert codec.parse_response(body) == [number, {"a": number}]
    assert xmlrpc.client.loads(body)[0] == ([number, {"a": number}],)


NUMBERS_AND_TEXT = {"name": "<a>", "pid": 7, "%s": "100%"}


@pytest.mark.parametrize("members", [NUMBERS_AND_TEXT, {**NUMBERS_AND_TEXT, "nested": [1, True]}, {}])
def test_what_stays_of_a_struct_is_encoded_once(members: dict[str, Any]) -> None:
    names, values = tuple(members), tuple(members.values())
    rows = [Row(names, values, 5, "a & "), Row(names, values)]
    for now in (1, codec.I4_MAX):
        expected = [{**members, "now": now, "description": "a & b\x1b"}, {**members, "now": now}]
        table = Table(rows, now, {5: "b\x1b"})
        assert [*table] == expected
        for value in (table, [*table]):
            assert codec.dump_response(value) == codec.dump_response(expected)
        assert codec.dump_response({"in": [table]}) == codec.dump_response({"in": [expected]})
    table, one = Table(rows, codec.I4_MAX + 1, {5: ""}), Extended(Row(("pid",), (codec.I4_MIN - 1,)), 2**40)
    assert codec.parse_response(codec.dump_response([table, one])) == [
        [*table],
        {"pid": codec.I4_MIN - 1, "now": 2**40},
    ]
