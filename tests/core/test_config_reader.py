"""Syntax, includes and places of values; what is read is what Supervisor reads (reference: file syntax, includes)."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.config.reader import (
    MAX_FILE_BYTES,
    MAX_PROBLEMS,
    Document,
    FileTooLarge,
    Problems,
    parse_text,
    read_document,
    read_file,
)
from supervisor.errors import ConfigError
from tests.core.config_files import Files

MAIN = "/etc/main.conf"


def parsed(text: str) -> Document:
    document = Document(files=[MAIN])
    parse_text(text, MAIN, document)
    return document


def texts(document: Document) -> dict[str, dict[str, str]]:
    return {
        name: {option: value.text for option, value in section.options.items()}
        for name, section in document.sections.items()
    }


def problems(document: Document) -> list[str]:
    return [str(problem) for problem in document.problems.errors]


def value(line: str) -> str:
    """The value of option ``command`` written with this line (and more, if there are any)."""
    document = parsed(f"[x]\n{line}\n")
    assert document.problems.errors == []
    return texts(document)["x"]["command"]


VALUES = [
    ("command=echo a", "echo a"),
    ("command = echo a ", "echo a"),
    ("command: echo a", "echo a"),
    ("command:a=b", "a=b"),
    ("command=a:b=c", "a:b=c"),
    ("COMMAND=x", "x"),
    ("command=", ""),
    ("command=echo a;b", "echo a;b"),
    ("command=echo a#b", "echo a#b"),
    ("command=echo a ;b", "echo a"),
    ("command=echo a\t# b", "echo a"),
    ("command=sh -c 'foo ; bar'", "sh -c 'foo"),
    ("command=echo #b", "echo"),
    ("command=;b", ";b"),
    ("command= ;b", ""),
    ("command=a\n  b\n\tc", "a\nb\nc"),
    ("command=a\n ; comment\n # another\n  b", "a\nb"),
    ("command=a\n; comment at the margin\n  b", "a\nb"),
    ("command=a\n\n  b", "a\n\nb"),
    ("command=a\n  b ; comment\n  c", "a\nb\nc"),
    ("command=a\n\n\n[y]", "a"),
    ("command=\n  /bin/a\n  b", "/bin/a\nb"),
    ("  command=a\n  other=b", "a"),
    ("  command=a\n    other=b", "a\nother=b"),
    ("command=a\n [y]", "a\n[y]"),
    ("command=a\ncommand=b", "b"),
    ("command=größe ✓", "größe ✓"),
    ("command=a\x0bb", "a\x0bb"),
]


@pytest.mark.parametrize(("line", "text"), VALUES)
def test_value(line: str, text: str) -> None:
    assert value(line) == text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("[program:cat]", "program:cat"),
        ("[program:cat] ; comment", "program:cat"),
        ("[program:cat] and more", "program:cat"),
        ("[a]b]", "a]b"),
        ("[ Spaces kept ]", " Spaces kept "),
    ],
)
def test_header(header: str, name: str) -> None:
    assert list(parsed(f"{header}\na=1\n").sections) == [name]


def test_the_same_section_twice_is_merged_and_the_later_value_wins() -> None:
    document = parsed("[a]\nx=1\ny=1\n[b]\n[a]\nx=2\nz=2\n")
    assert texts(document) == {"a": {"x": "2", "y": "1", "z": "2"}, "b": {}}
    assert document.sections["a"].options["x"].line == 6
    assert document.sections["a"].line == 1


def test_default_is_kept_apart() -> None:
    document = parsed("[DEFAULT]\nx=1\n[a]\n")
    assert texts(document) == {"a": {}}
    assert document.defaults["x"].text == "1"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system(ending: str) -> None:
    document = parsed(ending.join(["[a]", "x=1", "  2", "", "y=3"]))
    assert texts(document) == {"a": {"x": "1\n2", "y": "3"}}
    assert document.sections["a"].options["y"].line == 5


def test_every_bad_line_is_named_and_the_rest_is_read() -> None:
    document = parsed("x=1\n[a]\nfoo\ny=2\n=3\n[\n[]\nz=4\n")
    assert problems(document) == [
        f"{MAIN}:1: File contains no section headers: cannot read this line before the first [section]: 'x=1'",
        f"{MAIN}:3: [a] cannot read this line: it is neither a [section] nor OPTION=VALUE: 'foo'",
        f"{MAIN}:5: [a] cannot read this line: it is neither a [section] nor OPTION=VALUE: '=3'",
        f"{MAIN}:6: [a] cannot read this line: it is neither a [section] nor OPTION=VALUE: '['",
        f"{MAIN}:7: [a] cannot read this line: it is neither a [section] nor OPTION=VALUE: '[]'",
    ]
    assert texts(document) == {"a": {"y": "2", "z": "4"}}


def test_problems_are_one_printable_line_each_and_bounded() -> None:
    with pytest.raises(ConfigError) as caught:
        parsed("[a]\n" + "".join(f"\x1b]0;evil {n}\x07\n" for n in range(MAX_PROBLEMS + 50)))
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert all(str(problem).isprintable() for problem in caught.value.problems)


def test_the_same_problem_is_told_once() -> None:
    found = Problems()
    found.error("cannot", file="f", line=3)
    found.error("cannot", file="f", line=3)
    found.error("cannot", file="f", line=4)
    assert [problem.line for problem in found.errors] == [3, 4]


def test_bytes_that_are_not_utf8_matter_in_values_only(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_bytes(b"\xef\xbb\xbf# f\xfcr\n[a]\nx=1 ; f\xfcr\ny=f\xfcr\n")
    document = read_document(str(file), {})
    assert problems(document) == [f"{file}:4: [a] y: cannot use this value: it is not UTF-8 text"]
    assert texts(document) == {"a": {"x": "1"}}


def test_a_nul_character_is_refused() -> None:
    assert problems(parsed("[a]\nx=1\n  2\0\n")) == [
        f"{MAIN}:2: [a] x: cannot use this value: it has a NUL character in it"
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert problems(read_document(missing, {})) == [f"could not find config file {missing}"]
    assert problems(read_document(str(tmp_path), {})) == [
        f"could not read config file {tmp_path}: Is a directory"
    ]


def test_a_file_that_is_too_large_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(FileTooLarge):
        read_file(str(large))
    assert problems(read_document(str(large), {})) == [
        f"{large}: cannot read this file: it has more than 16 MiB"
    ]
    with pytest.raises(FileTooLarge):
        read_file("/dev/zero")


# --- includes ----------------------------------------------------------------------------------------


def read(files: dict[str, str | OSError], **names: str) -> Document:
    source = Files(files)
    return read_document(MAIN, names, read=source.read, glob=source.glob)


def test_included_files_are_read_in_order_and_win() -> None:
    document = read(
        {
            MAIN: "[a]\nx=main\n[include]\nfiles=z/*.conf\n b/*.conf ; comment\n",
            "/etc/b/2.conf": "[a]\nx=b2\n[include]\nfiles=/etc/other\n",
            "/etc/b/1.conf": "[a]\nx=b1\ny=b1\n",
            "/etc/z/1.conf": "[a]\nx=z1\nw=z1\n",
            "/etc/other": "[never]\n",
        }
    )
    assert document.files == [MAIN, "/etc/z/1.conf", "/etc/b/1.conf", "/etc/b/2.conf"]
    assert texts(document)["a"] == {"x": "b2", "w": "z1", "y": "b1"}
    assert document.sections["a"].options["x"].file == "/etc/b/2.conf"
    assert document.sections["a"].options["x"].here == "/etc/b"
    assert "never" not in document.sections
    assert [str(warning) for warning in document.problems.warnings] == [
        "/etc/b/2.conf:3: [include] [include] in an included file is ignored"
    ]


def test_a_file_matched_twice_is_merged_twice() -> None:
    document = read(
        {
            MAIN: "[include]\nfiles=*.c a.c\n",
            "/etc/a.c": "[a]\nx=a\n",
            "/etc/b.c": "[a]\nx=b\n",
        }
    )
    assert document.files == [MAIN, "/etc/a.c", "/etc/b.c", "/etc/a.c"]
    assert texts(document)["a"]["x"] == "a"


def test_lines_of_included_files_are_their_own() -> None:
    document = read({MAIN: "[include]\nfiles=a.c\n", "/etc/a.c": "\n\n[a]\nx=1\nbad\n"})
    assert document.sections["a"].options["x"].line == 4
    assert problems(document) == [
        "/etc/a.c:5: [a] cannot read this line: it is neither a [section] nor OPTION=VALUE: 'bad'"
    ]


def test_expansions_in_files() -> None:
    document = read(
        {
            MAIN: "[include]\nfiles=%(here)s/%(host_node_name)s.c %(ENV_D)s/*.c\n",
            "/etc/me.c": "[a]\n",
            "/d/x.c": "[b]\n",
        },
        host_node_name="me",
        ENV_D="/d",
    )
    assert document.files == [MAIN, "/etc/me.c", "/d/x.c"]


def test_a_pattern_without_a_match_is_a_warning() -> None:
    document = read({MAIN: "[x]\n[include]\nfiles=no/*.conf\n"})
    assert problems(document) == []
    assert [str(warning) for warning in document.problems.warnings] == [
        f'{MAIN}:3: No file matches via include "/etc/no/*.conf"'
    ]


def test_include_without_files() -> None:
    document = read({MAIN: "[x]\n[include]\n"})
    assert problems(document) == [
        f"{MAIN}:2: [include] .ini file has [include] section, but no files setting"
    ]


def test_what_is_no_file_is_passed_over_and_what_cannot_be_read_is_an_error() -> None:
    document = read(
        {
            MAIN: "[include]\nfiles=c/*\n",
            "/etc/c/1": FileNotFoundError(2, "No such file or directory"),
            "/etc/c/2": IsADirectoryError(21, "Is a directory"),
            "/etc/c/3": PermissionError(13, "Permission denied"),
            "/etc/c/4": "[a]\n",
        }
    )
    assert [str(warning) for warning in document.problems.warnings] == [
        f'{MAIN}:2: cannot include "/etc/c/1": No such file or directory',
        f'{MAIN}:2: cannot include "/etc/c/2": Is a directory',
    ]
    assert problems(document) == [f'{MAIN}:2: [include] cannot include "/etc/c/3": Permission denied']
    assert document.files == [MAIN, "/etc/c/4"]


def test_a_bad_expansion_in_files() -> None:
    (problem,) = problems(read({MAIN: "[include]\nfiles=%(nix)s\n"}))
    assert problem.startswith(
        f"{MAIN}:2: [include] files: cannot use this value: Format string '%(nix)s' for 'include.files' contains names"
    )


# --- properties --------------------------------------------------------------------------------------

OPTIONS = st.from_regex(r"[a-z_][a-z0-9_.]{0,10}", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=";#"), min_size=1, max_size=8)
TEXTS = st.lists(WORDS, max_size=4).map(" ".join)
LINES = st.lists(TEXTS.filter(bool), min_size=1, max_size=3).map("\n".join)
SECTIONS = st.dictionaries(
    st.text(
        st.characters(exclude_categories=["C", "Z"], exclude_characters=";#"), min_size=1, max_size=8
    ).filter(lambda name: name not in ("DEFAULT", "include")),
    st.dictionaries(OPTIONS, st.one_of(TEXTS, LINES), max_size=4),
    max_size=4,
)


@settings(deadline=None)
@given(SECTIONS, st.sampled_from(["=", " = ", ": "]), st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_is_read(sections: dict[str, dict[str, str]], equals: str, ending: str) -> None:
    text = "".join(
        f"[{name}] ; comment\n"
        + "".join(f"{key}{equals}{text.replace(chr(10), chr(10) + '   ')}\n" for key, text in body.items())
        for name, body in sections.items()
    )
    document = Document(files=[MAIN])
    parse_text(text.replace("\n", ending), MAIN, document)
    assert document.problems.errors == []
    assert texts(document) == sections


@settings(deadline=None)
@given(st.text(alphabet="[]ab=:;# \t\n\r%()s\0\x1b\ud800é", max_size=200))
def test_any_text_is_read_or_told_about(text: str) -> None:
    document = Document(files=[MAIN])
    parse_text(text, MAIN, document)
    lines = text.count("\n") + text.count("\r") + 1
    for section in document.sections.values():
        for option, raw in section.options.items():
            assert option == option.lower().strip() and option
            assert raw.text == raw.text.strip()
            assert 1 <= raw.line <= lines
    assert all(str(problem).isprintable() for problem in document.problems.errors)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="[]ab=: ;\t", max_size=10), max_size=8))
def test_as_the_standard_parser_reads_it(lines: list[str]) -> None:
    text = "[s]\n" + "\n".join(lines) + "\n"
    standard = configparser.RawConfigParser(
        strict=False, comment_prefixes=(";", "#"), inline_comment_prefixes=(";", "#")
    )
    document = parsed(text)
    try:
        standard.read_string(text)
    except configparser.Error:
        assert document.problems.errors
        return
    assert document.problems.errors == []
    expected = {
        name: {option: value.strip() for option, value in standard.items(name)}
        for name in standard.sections()
    }
    assert texts(document) == expected
