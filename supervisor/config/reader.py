"""Configuration text to sections, each value with its file and line; must never know what an option means.

Reading goes through two callables, so that this file decides and touches
nothing: ``read`` (path to text, OSError when it cannot) and ``glob`` (absolute
pattern to paths). The syntax is the one Supervisor's users write (reference:
file syntax, includes). Every problem is collected, none ends the reading.
"""

from __future__ import annotations

import glob as globbing
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from ..errors import ConfigError, ConfigProblem
from .expand import ExpansionError, Names, expand, shortened
from .values import printable

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_TOTAL_CHARACTERS: Final = 256 * 1024 * 1024
MAX_INCLUDED_FILES: Final = 100_000
MAX_PROBLEMS: Final = 1000

DEFAULT_SECTION: Final = "DEFAULT"

Read = Callable[[str], str]
Glob = Callable[[str], Iterable[str]]
Place = dict[str, str | int]
"""Fields of ConfigProblem other than the reason."""

_HEADER = re.compile(r"\[(.+)\]")
_OPTION = re.compile(r"([^=:]*)[=:]([\s\S]*)")
_INLINE_COMMENT = re.compile(r"(?:^|\s)[;#]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


class FileTooLarge(OSError):
    """What ``read_file`` raises for a file of more than ``MAX_FILE_BYTES``."""


@dataclass(frozen=True, slots=True)
class RawValue:
    """The text of an option as written. ``literal``: from the command line, not to be expanded."""

    text: str
    file: str = ""
    line: int = 0
    literal: bool = False

    @property
    def here(self) -> str:
        """The directory of the file that defines the value."""
        return os.path.dirname(self.file)


@dataclass(slots=True)
class RawSection:
    """The options of a section by lower-case name; ``file`` and ``line`` are of its first header."""

    name: str
    file: str = ""
    line: int = 0
    options: dict[str, RawValue] = field(default_factory=dict)


@dataclass(slots=True)
class Problems:
    """Errors and warnings in the order they were found, each once.

    Reasons and values are made printable, so that a problem is one line whatever
    the file holds. After ``MAX_PROBLEMS`` errors the next one is raised, with all
    before it, as ConfigError: such a file is no configuration. After as many
    warnings, further ones are counted in ``dropped``.
    """

    errors: list[ConfigProblem] = field(default_factory=list)
    warnings: list[ConfigProblem] = field(default_factory=list)
    dropped: int = 0
    _seen: set[ConfigProblem] = field(default_factory=set)

    def error(self, reason: str, **place: str | int) -> None:
        """One more error; ``place`` are fields of ConfigProblem. Raises ConfigError when it is one too many."""
        if len(self.errors) >= MAX_PROBLEMS:
            raise ConfigError(
                [*self.errors, ConfigProblem("cannot go on: there are more problems than these")]
            )
        self._add(self.errors, reason, place)

    def warning(self, reason: str, **place: str | int) -> None:
        """One more warning; ``place`` are fields of ConfigProblem."""
        if len(self.warnings) >= MAX_PROBLEMS:
            self.dropped += 1
        else:
            self._add(self.warnings, reason, place)

    def _add(self, kind: list[ConfigProblem], reason: str, place: Place) -> None:
        problem = ConfigProblem(
            printable(shortened(reason, 2000)),
            file=str(place.get("file", "")),
            line=int(place.get("line", 0)),
            section=printable(shortened(str(place.get("section", "")))),
            option=printable(shortened(str(place.get("option", "")))),
            value=printable(shortened(str(place.get("value", "")))),
        )
        if problem not in self._seen:
            self._seen.add(problem)
            kind.append(problem)

    @property
    def crowded(self) -> bool:
        """Whether a further warning would only be counted, so that its words need not be thought out."""
        return len(self.warnings) >= MAX_PROBLEMS


@dataclass(slots=True)
class Document:
    """What was read: sections in order of first appearance, [DEFAULT] apart.

    ``files`` are the main file and every included one, in order of reading.
    """

    sections: dict[str, RawSection] = field(default_factory=dict)
    defaults: dict[str, RawValue] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)


def read_file(path: str) -> str:
    """The text of a file; bytes that are not UTF-8 come as lone surrogates, to be refused where they matter.

    Raises OSError, FileTooLarge among it.
    """
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise FileTooLarge(f"it has more than {MAX_FILE_BYTES // 1024**2} MiB")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def glob_files(pattern: str) -> list[str]:
    """The paths that match a pattern of ``*``, ``?`` and ``[...]``."""
    return globbing.glob(pattern)


def read_document(path: str, names: Names, *, read: Read = read_file, glob: Glob = glob_files) -> Document:
    """The main file at an absolute ``path`` and everything it includes.

    ``names`` are the expansions usable in ``[include] files`` beside ``here``.
    Problems are in the document. Raises ConfigError when there are too many.
    """
    document = Document(files=[path])
    try:
        text = _limited(read(path))
    except FileTooLarge as error:
        document.problems.error(f"cannot read this file: {error}", file=path)
    except FileNotFoundError:
        document.problems.error(f"could not find config file {path}")
    except OSError as error:
        reason = f": {error.strerror}" if error.strerror else ""
        document.problems.error(f"could not read config file {path}{reason}")
    else:
        parse_text(text, path, document)
        _read_included(document, path, names, read, glob)
    return document


def _limited(text: str) -> str:
    """The text, if it is not larger than a file may be; ``read`` may be anyone's."""
    if len(text) > MAX_FILE_BYTES:
        raise FileTooLarge(f"it has more than {MAX_FILE_BYTES // 1024**2} MiB")
    return text


# --- includes ----------------------------------------------------------------------------------------


def _read_included(document: Document, main: str, names: Names, read: Read, glob: Glob) -> None:
    include = document.sections.get("include")
    if include is None:
        return
    problems = document.problems
    files = include.options.get("files") or document.defaults.get("files")
    if files is None:
        problems.error(
            ".ini file has [include] section, but no files setting",
            file=include.file,
            line=include.line,
            section="include",
        )
        return
    place: Place = {"file": files.file, "line": files.line}
    base = os.path.dirname(main)
    try:
        patterns = expand(files.text, names, "include.files", files.here).split()
    except ExpansionError as error:
        problems.error(f"cannot use this value: {error}", section="include", option="files", **place)
        return
    texts: dict[str, str | None] = {}
    total = 0
    for pattern in patterns:
        absolute = os.path.normpath(os.path.join(base, pattern))  # what %(here)s in these files is made of
        matches = sorted(glob(absolute))
        if not matches:
            problems.warning(f'No file matches via include "{absolute}"', **place)
        for path in matches:
            if path not in texts:
                texts[path] = _included_text(path, read, problems, place)
            text = texts[path]
            if text is None:
                continue
            total += len(text)
            if len(document.files) > MAX_INCLUDED_FILES or total > MAX_TOTAL_CHARACTERS:
                problems.error(
                    f"cannot include more than {MAX_INCLUDED_FILES} files or {MAX_TOTAL_CHARACTERS // 1024**2} MiB",
                    section="include",
                    option="files",
                    **place,
                )
                return
            document.files.append(path)
            parse_text(text, path, document)


def _included_text(path: str, read: Read, problems: Problems, place: Place) -> str | None:
    """The text of an included file, or None.

    A name that is no file (a dangling link, a directory) is passed over, as
    Supervisor does. A file that is there and cannot be read is an error: its
    programs would seem to be gone, and an update would end them.
    """
    try:
        return _limited(read(path))
    except (FileNotFoundError, IsADirectoryError) as error:
        problems.warning(f'cannot include "{path}": {error.strerror or error}', **place)
    except OSError as error:
        problems.error(f'cannot include "{path}": {error.strerror or error}', section="include", **place)
    return None


# --- syntax ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _OpenValue:
    """An option whose lines are still being gathered."""

    name: str
    lines: list[str]
    line: int


def parse_text(text: str, file: str, document: Document) -> None:
    """Merges the sections of one file into ``document``; later values win."""
    _Parser(file, document).parse(text)


class _Parser:
    """One pass over the lines of one file."""

    def __init__(self, file: str, document: Document) -> None:
        self._file = file
        self._document = document
        self._section: RawSection | None = None
        self._options: dict[str, RawValue] | None = None
        self._open: _OpenValue | None = None
        self._indent = 0

    def parse(self, text: str) -> None:
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        for number, line in enumerate(text.split("\n"), start=1):
            self._take(line, number)
        self._close()

    def _take(self, line: str, number: int) -> None:
        content = line.strip()
        if not content:
            if self._open is not None:
                self._open.lines.append("")
            return
        if content[0] in ";#":
            return
        if ";" in line or "#" in line:
            comment = _INLINE_COMMENT.search(line)
            if comment is not None:
                content = line[: comment.start()].strip()
        indent = len(line) - len(line.lstrip())
        if self._open is not None and indent > self._indent:
            self._open.lines.append(content)
            return
        self._close()
        self._indent = indent
        header = _HEADER.match(content)
        if header is not None:
            self._begin_section(header[1], number)
        elif self._options is None:
            self._refuse(
                "File contains no section headers: cannot read this line before the first [section]",
                number,
                line,
            )
        else:
            self._begin_option(content, number, line)

    def _begin_section(self, name: str, number: int) -> None:
        document = self._document
        if name == DEFAULT_SECTION:
            self._section = RawSection(name, self._file, number)
            self._options = document.defaults
            return
        section = document.sections.get(name)
        if section is None:
            section = document.sections[name] = RawSection(name, self._file, number)
        elif name == "include" and self._file != document.files[0]:
            document.problems.warning(
                "[include] in an included file is ignored", file=self._file, line=number, section=name
            )
        self._section = section
        self._options = section.options

    def _begin_option(self, content: str, number: int, line: str) -> None:
        option = _OPTION.match(content)
        name = option[1].rstrip().lower() if option is not None else ""
        if option is None or not name:
            self._refuse("cannot read this line: it is neither a [section] nor OPTION=VALUE", number, line)
            return
        self._open = _OpenValue(name, [option[2].strip()], number)

    def _close(self) -> None:
        """Hands in the value being gathered."""
        value, self._open = self._open, None
        if value is None or self._options is None:
            return
        text = value.lines[0] if len(value.lines) == 1 else "\n".join(value.lines).strip()
        if not text.isascii() and _LONE_SURROGATE.search(text):
            self._refuse_value("cannot use this value: it is not UTF-8 text", value)
        elif "\0" in text:
            self._refuse_value("cannot use this value: it has a NUL character in it", value)
        else:
            self._options[value.name] = RawValue(text, self._file, value.line)

    def _refuse_value(self, reason: str, value: _OpenValue) -> None:
        section = self._section.name if self._section is not None else ""
        self._document.problems.error(
            reason, file=self._file, line=value.line, section=section, option=value.name
        )

    def _refuse(self, reason: str, number: int, line: str) -> None:
        section = self._section.name if self._section is not None else ""
        self._document.problems.error(
            f"{reason}: {shortened(line.strip())!r}", file=self._file, line=number, section=section
        )
