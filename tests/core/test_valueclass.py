"""Value classes do what those of the standard library do, as far as the project asks for it."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor import valueclass

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES: list[Any] = [dataclasses, valueclass]
PLAIN = st.one_of(st.integers(-1, 1), st.text(max_size=1), st.tuples(st.booleans()))


def made(library: Any, **how: bool) -> Any:
    """The same class by one library or the other."""

    @library.dataclass(**how)
    class Base:
        KIND: ClassVar[str] = "base"
        first: int

    @library.dataclass(**how)
    class Made(Base):
        """Its words."""

        KIND: ClassVar[str] = "made"
        second: str = "two"
        third: list[int] = library.field(default_factory=list, repr=False)
        fourth: object = library.field(default=4, compare=False)
        fifth: int = library.field(default=5, init=False)

        def doubled(self) -> int:
            return self.first * 2

        @classmethod
        def none(cls) -> Any:
            kind: Any = cls
            return kind(0)

    return Made


HOWS = [{}, {"slots": True}, {"frozen": True, "slots": True}, {"slots": True, "eq": False}]
KEYS = ("first", "second", "third", "fourth", "fifth")


@pytest.mark.parametrize("how", HOWS)
@given(arguments=st.lists(PLAIN, max_size=5), names=st.dictionaries(st.sampled_from(KEYS), PLAIN, max_size=3))
def test_making_comparing_and_showing(
    how: dict[str, bool], arguments: list[Any], names: dict[str, Any]
) -> None:
    found: list[Any] = []
    for library in LIBRARIES:
        kind = made(library, **how)
        try:
            value = kind(*arguments, **names)
        except TypeError as error:
            found.append(str(error).replace("test_valueclass.", ""))
            continue
        again, other = kind(*arguments, **names), kind.none()
        hashes: Any = [type(value).__hash__ is None]
        if kind.__hash__ not in (None, object.__hash__):
            shared = kind(1, third=())
            hashes = [
                hash(kind(1, third=())) == hash(shared),
                hash(kind(1, "2", (), 3)) == hash(kind(1, "2", ())),
            ]
        found.append(
            [
                repr(value), [getattr(value, key) for key in KEYS], value == again, value != again, value == other,
                value == 1, hashes, value.doubled() == value.first * 2, kind.KIND, kind.__doc__, kind.__match_args__,
                kind.__qualname__, kind.__module__, hasattr(value, "__dict__"),
            ]
        )  # fmt: skip
    assert found[0] == found[1]


@pytest.mark.parametrize("how", HOWS)
def test_replacing_and_fields(how: dict[str, bool]) -> None:
    found = []
    for library in LIBRARIES:
        kind = made(library, **how)
        value = library.replace(kind(1, "b", [3]), second="c")
        assert library.is_dataclass(kind) and library.is_dataclass(value) and not library.is_dataclass(3)
        with pytest.raises((TypeError, ValueError)):
            library.replace(value, nothing=1)
        names = [spec.name for spec in library.fields(kind)]
        needed = [
            spec.name
            for spec in library.fields(value)
            if spec.default is library.MISSING and spec.default_factory is library.MISSING
        ]
        found.append((repr(value), value.third, names, needed))
    assert found[0] == found[1]


@pytest.mark.parametrize("library", LIBRARIES)
def test_lists_are_not_shared(library: Any) -> None:
    kind = made(library, slots=True)
    kind(1).third.append(2)
    assert kind(1).third == []
    with pytest.raises((TypeError, ValueError)):

        @library.dataclass
        class Shares:
            all_of_them: list[int] = []  # noqa: RUF012  # that is the mistake


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_frozen_stays(library: Any) -> None:
    value = made(library, frozen=True, slots=True)(1)
    with pytest.raises(AttributeError):
        value.first = 2
    with pytest.raises(AttributeError):
        del value.first
    with pytest.raises((AttributeError, TypeError)):
        value.another = 1
    assert value.first == 1


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_field_without_a_default_comes_first(library: Any) -> None:
    with pytest.raises((TypeError, SyntaxError)):

        @library.dataclass(slots=True)
        class Upside:
            first: int = 1
            second: int


@pytest.mark.parametrize("library", LIBRARIES)
def test_own_methods_stay(library: Any) -> None:
    @library.dataclass(frozen=True, slots=True)
    class Own:
        first: int

        def __init__(self) -> None:
            object.__setattr__(self, "first", 7)

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 3

    assert (Own().first, repr(Own()), Own() == 1, hash(Own())) == (7, "own", True, 3)


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_done_behind_init(library: Any) -> None:
    @library.dataclass(slots=True)
    class Square:
        side: int
        area: int = library.field(init=False)

        def __post_init__(self) -> None:
            self.area = self.side**2

    kind: Any = Square
    assert (kind(3).area, repr(kind(3)).rpartition(".")[2]) == (9, "Square(side=3, area=9)")


def test_nothing_of_ours_has_them_made_by_the_library() -> None:
    folders = ("supervisor", "daemon", "tui")
    files = [f for folder in folders for f in (ROOT / folder).rglob("*.py") if f.name != "valueclass.py"]
    assert len(files) > 200
    for file in files:
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "dataclasses", file
            elif isinstance(node, ast.Import):
                assert "dataclasses" not in [alias.name for alias in node.names], file


def test_both_have_the_same_names() -> None:
    library: ModuleType = dataclasses
    assert [name for name in valueclass.__all__ if not hasattr(library, name)] == []
