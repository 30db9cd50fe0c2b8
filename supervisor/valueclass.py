"""Classes of values: what the standard library's ``dataclasses`` gives, made in a tenth of the time; must never know
what they are for.

A daemon has 140 such classes. The library writes six methods for each and has them compiled at every start, and brings
``inspect`` for it: a fifth of the time from the command to running programs. Here ``__init__`` alone is compiled,
the other methods are shared; whoever checks types sees the library's own names, which these are equal to as far as
they go: ``frozen`` (which asks for ``slots``), ``slots``, ``eq``, ``field`` and ``__post_init__``. Annotations are those of
``from __future__ import annotations``; the fields lie in ``__fields__``.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, is_dataclass, replace

__all__ = ["MISSING", "Field", "dataclass", "field", "fields", "is_dataclass", "replace"]

MISSING: Any = object()
"""The default of a field that has none."""

_NOT_COPIED = frozenset(("__dict__", "__weakref__"))


class Field:
    """One field. ``default`` and ``default_factory`` are ``MISSING`` where there is none."""

    __slots__ = ("compare", "default", "default_factory", "init", "name", "repr")

    def __init__(
        self, default: Any, default_factory: Any = MISSING, init: bool = True, repr: bool = True,
        compare: bool = True,
    ) -> None:  # fmt: skip
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.compare = compare


def _field(
    *, default: Any = MISSING, default_factory: Any = MISSING, init: bool = True, repr: bool = True,
    compare: bool = True,
) -> Any:  # fmt: skip
    return Field(default, default_factory, init, repr, compare)


def _fields(value: Any) -> tuple[Field, ...]:
    return tuple(value.__fields__.values())


def _is_dataclass(value: Any) -> bool:
    return hasattr(value, "__fields__")


def _replace(value: Any, /, **changes: Any) -> Any:
    """As the library's: a field that is no parameter of ``__init__`` starts anew."""
    for name, spec in value.__fields__.items():
        if spec.init and name not in changes:
            changes[name] = getattr(value, name)
    return value.__class__(**changes)


def _dataclass(
    cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> Any:
    if cls is None:
        return lambda cls: _made(cls, frozen, slots, eq)
    return _made(cls, frozen, slots, eq)


def _made(cls: type, frozen: bool, slots: bool, eq: bool) -> type:
    """Raises TypeError for what cannot be had, SyntaxError for a field without a default behind one with."""
    if frozen and not slots:
        raise TypeError(f"{cls.__name__}: frozen asks for slots")
    own = {
        name: _spec(name, cls.__dict__.get(name, MISSING))
        for name, hint in cls.__annotations__.items()
        if not hint.startswith("ClassVar")
    }
    every: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        every |= base.__dict__.get("__fields__", {})
    every |= own
    methods = _methods(every, frozen, eq)
    if slots:
        kept = {n: v for n, v in cls.__dict__.items() if n not in own and n not in _NOT_COPIED}
        inherited = {name for base in cls.__mro__[1:] for name in getattr(base, "__slots__", ())}
        kept["__slots__"] = tuple(name for name in own if name not in inherited)
        kept["__qualname__"] = cls.__qualname__
        cls = type(cls)(cls.__name__, cls.__bases__, {**methods, **kept, "__fields__": every})
    else:
        for name, spec in own.items():
            if spec.default is not MISSING:
                setattr(cls, name, spec.default)
            elif name in cls.__dict__:
                delattr(cls, name)
        for name, method in {"__fields__": every, **methods}.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
    if "__init__" not in cls.__dict__:
        _give_init(cls, every, frozen)
    return cls


def _spec(name: str, default: Any) -> Field:
    spec = default if isinstance(default, Field) else Field(default)
    if spec.default.__class__.__hash__ is None:
        raise TypeError(
            f"{name}: all instances would share the default {spec.default!r}; use default_factory"
        )
    spec.name = name
    return spec


# --- methods -----------------------------------------------------------------------------------------


def _methods(every: dict[str, Field], frozen: bool, eq: bool) -> dict[str, Any]:
    methods: dict[str, Any] = {"__match_args__": tuple(s.name for s in every.values() if s.init)}
    methods["__repr__"] = _repr
    if frozen:
        methods["__setattr__"] = methods["__delattr__"] = _refuse
    if eq:
        values = _values_of([spec.name for spec in every.values() if spec.compare])
        methods["__eq__"] = _eq_by(values)
        methods["__hash__"] = _hash_by(values) if frozen else None
    return methods


def _values_of(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else lambda value: ()


def _eq_by(values: Callable[[Any], Any]) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(values(self) == values(other))

    return __eq__


def _hash_by(values: Callable[[Any], Any]) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:
        return hash(values(self))

    return __hash__


def _repr(self: Any) -> str:
    shown = ", ".join(f"{s.name}={getattr(self, s.name)!r}" for s in self.__fields__.values() if s.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise AttributeError(f"{self.__class__.__qualname__} is frozen: {name} cannot be changed")


def _give_init(cls: type, every: dict[str, Field], frozen: bool) -> None:
    """Compile the ``__init__`` that the fields ask for."""
    parameters: list[str] = []
    lines: list[str] = []
    names: dict[str, Any] = {"missing": MISSING}
    for name, spec in every.items():
        value = name
        if spec.default_factory is not MISSING:
            names[f"make_{name}"] = spec.default_factory
            value = f"make_{name}() if {name} is missing else {name}" if spec.init else f"make_{name}()"
            parameters.append(f"{name}=missing")
        elif spec.default is not MISSING:
            names[f"default_{name}"] = spec.default
            value = name if spec.init else f"default_{name}"
            parameters.append(f"{name}=default_{name}")
        else:
            parameters.append(name)
        if not spec.init:
            parameters.pop()
            if value == name:
                continue
        if frozen:  # past __setattr__
            names[f"set_{name}"] = getattr(cls, name).__set__
            lines.append(f"set_{name}(self, {value})")
        else:
            lines.append(f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    text = f"def __init__({', '.join(['self', *parameters])}):\n {'; '.join(lines) or 'pass'}"
    exec(text, names)  # noqa: S102  # the text is made of names of fields alone
    init = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    cls.__init__ = init  # type: ignore[misc]  # it is made for this class


if not TYPE_CHECKING:
    dataclass, field, fields, is_dataclass, replace = _dataclass, _field, _fields, _is_dataclass, _replace
