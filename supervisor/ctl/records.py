"""What the server's structs are to the commands: typed records from XML-RPC values; must never know the wire.

Every function raises TransportError (with the given address) when the server answers
something of another shape.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from supervisor.errors import TransportError
from supervisor.namespec import make_namespec
from supervisor.protocol.xmlrpc import Value

T = TypeVar("T")


class ProcessInfo(NamedTuple):
    """Of getProcessInfo: what the commands show."""

    name: str
    group: str
    state: int
    statename: str
    description: str
    pid: int

    @property
    def namespec(self) -> str:
        return make_namespec(self.group, self.name)


class ConfigInfo(NamedTuple):
    """Of getAllConfigInfo: what ``avail`` shows."""

    name: str
    group: str
    in_use: bool
    autostart: bool
    group_priority: int
    process_priority: int

    @property
    def namespec(self) -> str:
        return make_namespec(self.group, self.name)


class Result(NamedTuple):
    """One entry of a status list: what became of one process in a call on many."""

    name: str
    group: str
    status: int
    description: str

    @property
    def namespec(self) -> str:
        return make_namespec(self.group, self.name)


class Left(NamedTuple):
    """Of getLeftBehind: a process that is there after its program has ended."""

    namespec: str
    pid: int
    command: str


class Changes(NamedTuple):
    """Of reloadConfig: names of groups."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


class Reader:
    """Reads the values that the server at ``address`` answered."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _bad(self, what: str) -> TransportError:
        return TransportError(self._address, f"unexpected answer: {what}")

    def list_of(self, value: Value) -> list[Value]:
        if not isinstance(value, list):
            raise self._bad(f"{type(value).__name__} in place of an array")
        return value

    def text(self, value: Value) -> str:
        if not isinstance(value, str):
            raise self._bad(f"{type(value).__name__} in place of text")
        return value

    def integer(self, value: Value) -> int:
        if type(value) is not int:
            raise self._bad(f"{type(value).__name__} in place of a number")
        return value

    def member(self, struct: Value, name: str, kind: type[T], default: T | None = None) -> T:
        """The member of a struct, which is to be of that kind; ``default`` where there is none."""
        if not isinstance(struct, dict):
            raise self._bad(f"{type(struct).__name__} in place of a struct")
        value = struct.get(name, default)
        if not isinstance(value, kind):
            raise self._bad(f"member {name}")
        return value

    def names(self, struct: Value, member: str) -> list[str]:
        """A member of a struct that is an array of text."""
        return [self.text(item) for item in self.list_of(self.member(struct, member, list))]

    def process(self, struct: Value) -> ProcessInfo:
        return ProcessInfo(
            name=self.member(struct, "name", str),
            group=self.member(struct, "group", str),
            state=self.member(struct, "state", int),
            statename=self.member(struct, "statename", str),
            description=self.member(struct, "description", str, ""),
            pid=self.member(struct, "pid", int, 0),
        )

    def processes(self, value: Value) -> list[ProcessInfo]:
        return [self.process(struct) for struct in self.list_of(value)]

    def config(self, struct: Value) -> ConfigInfo:
        return ConfigInfo(
            name=self.member(struct, "name", str),
            group=self.member(struct, "group", str),
            in_use=self.member(struct, "inuse", bool),
            autostart=self.member(struct, "autostart", bool),
            group_priority=self.member(struct, "group_prio", int),
            process_priority=self.member(struct, "process_prio", int),
        )

    def results(self, value: Value) -> list[Result]:
        return [
            Result(
                name=self.member(struct, "name", str),
                group=self.member(struct, "group", str),
                status=self.member(struct, "status", int),
                description=self.member(struct, "description", str, ""),
            )
            for struct in self.list_of(value)
        ]

    def left_behind(self, value: Value) -> list[Left]:
        return [
            Left(
                make_namespec(self.member(struct, "group", str), self.member(struct, "name", str)),
                self.member(struct, "pid", int),
                self.member(struct, "command", str),
            )
            for struct in self.list_of(value)
        ]

    def changes(self, value: Value) -> Changes:
        outer = self.list_of(value)
        if len(outer) != 1:
            raise self._bad(f"{len(outer)} change lists")
        kinds = self.list_of(outer[0])
        if len(kinds) != 3:
            raise self._bad(f"change list of {len(kinds)}")
        added, changed, removed = (tuple(self.text(name) for name in self.list_of(kind)) for kind in kinds)
        return Changes(added, changed, removed)
