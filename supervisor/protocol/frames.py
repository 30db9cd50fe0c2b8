"""The frames of the stream protocol: what each of them says; must never know how they travel.

What they mean together is told in ``stream``, where everybody gets them from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from .record import ProcessRecord

DEFAULT_CREDIT_BYTES: Final = 256 * 1024

Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True, slots=True)
class Frame:
    """Base of all frames; ``TYPE`` is the value of key ``t``."""

    TYPE: ClassVar[str] = ""


# --- both ways ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ping(Frame):
    TYPE: ClassVar[str] = "ping"
    n: int = 0


@dataclass(frozen=True, slots=True)
class Pong(Frame):
    TYPE: ClassVar[str] = "pong"
    n: int = 0


# --- client to server --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Auth(Frame):
    TYPE: ClassVar[str] = "auth"
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cancel(Frame):
    TYPE: ClassVar[str] = "cancel"
    id: int


@dataclass(frozen=True, slots=True)
class Subscribe(Frame):
    """``since`` -1: no sequence number known, send a snapshot."""

    TYPE: ClassVar[str] = "subscribe"
    id: int
    boot: str = ""
    since: int = -1


@dataclass(frozen=True, slots=True)
class Stats(Frame):
    """``names``: namespecs, at most 1,000; ``interval``: seconds, at least 0.5."""

    TYPE: ClassVar[str] = "stats"
    id: int
    names: list[str]
    interval: float = 2.0


@dataclass(frozen=True, slots=True)
class Follow(Frame):
    """``name``: namespec. ``offset`` >= 0 with ``gen``: resume there; else ``last`` bytes, 0 for none."""

    TYPE: ClassVar[str] = "follow"
    id: int
    name: str
    channel: str = "stdout"
    gen: int = 0
    offset: int = -1
    last: int = 0
    credit: int = DEFAULT_CREDIT_BYTES


@dataclass(frozen=True, slots=True)
class Credit(Frame):
    """Grants ``bytes`` more on follow or attach ``id``."""

    TYPE: ClassVar[str] = "credit"
    id: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Attach(Frame):
    """``rows``/``cols`` 0: leave the terminal's size. ``last``: how many bytes of the past to send.

    ``token``: 16 random bytes that name what this client types, on all its connections; ``typed``: how many
    bytes of it are known to be taken. See *Attach* above.
    """

    TYPE: ClassVar[str] = "attach"
    id: int
    name: str
    mode: str = "write"
    rows: int = 0
    cols: int = 0
    last: int = 256 * 1024
    credit: int = DEFAULT_CREDIT_BYTES
    token: bytes = b""
    typed: int = 0


@dataclass(frozen=True, slots=True)
class Input(Frame):
    TYPE: ClassVar[str] = "input"
    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize(Frame):
    TYPE: ClassVar[str] = "resize"
    id: int
    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class Take(Frame):
    """Become the writer of attachment ``id``."""

    TYPE: ClassVar[str] = "take"
    id: int


@dataclass(frozen=True, slots=True)
class Events(Frame):
    """``names``: event types, in any case."""

    TYPE: ClassVar[str] = "events"
    id: int
    names: list[str]


@dataclass(frozen=True, slots=True)
class Call(Frame):
    TYPE: ClassVar[str] = "call"
    id: int
    method: str
    params: list[Value] = field(default_factory=list)


# --- server to client --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Greeting(Frame):
    """``now``: wall time of the server, epoch seconds. ``role``: none, observer, operator or admin."""

    TYPE: ClassVar[str] = "greeting"
    version: int
    identification: str
    supervisor_version: str
    pid: int
    boot: str
    role: str
    now: float = 0.0
    state: str = "RUNNING"


@dataclass(frozen=True, slots=True)
class Welcome(Frame):
    TYPE: ClassVar[str] = "welcome"
    role: str


@dataclass(frozen=True, slots=True)
class Error(Frame):
    """``id`` -1: not about one request. ``code`` is a fault code of ``supervisor.faults``."""

    TYPE: ClassVar[str] = "error"
    id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot(Frame):
    TYPE: ClassVar[str] = "snapshot"
    id: int
    seq: int
    processes: list[ProcessRecord]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Resync(Frame):
    """The deltas after ``since`` are no longer all there; a snapshot follows."""

    TYPE: ClassVar[str] = "resync"
    id: int
    since: int


@dataclass(frozen=True, slots=True)
class Delta(Frame):
    TYPE: ClassVar[str] = "delta"
    id: int
    seq: int
    when: float = 0.0
    process: ProcessRecord | None = None
    removed: str = ""
    supervisor: str = ""


@dataclass(frozen=True, slots=True)
class Usage(Frame):
    """Answer to stats: namespec to [CPU in percent of one core, resident bytes]; only running ones."""

    TYPE: ClassVar[str] = "usage"
    id: int
    processes: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Following(Frame):
    """``offset``: where the first output frame will begin; ``start``: the oldest byte kept.

    ``live``: the end of the log now; what lies before it is the past. -1 from a server that does not say.
    """

    TYPE: ClassVar[str] = "following"
    id: int
    name: str
    channel: str
    gen: int
    offset: int
    start: int = 0
    live: int = -1


@dataclass(frozen=True, slots=True)
class Output(Frame):
    TYPE: ClassVar[str] = "output"
    id: int
    channel: str
    gen: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Gap(Frame):
    """Bytes ``offset`` .. ``until`` of generation ``gen`` will not be sent."""

    TYPE: ClassVar[str] = "gap"
    id: int
    channel: str
    gen: int
    offset: int
    until: int


@dataclass(frozen=True, slots=True)
class Listening(Frame):
    """``serial``: that of the next event of the supervisor, of whatever type."""

    TYPE: ClassVar[str] = "listening"
    id: int
    serial: int


@dataclass(frozen=True, slots=True)
class Event(Frame):
    """``length``: that of the whole payload in bytes; what is longer than 512 KiB is cut."""

    TYPE: ClassVar[str] = "event"
    id: int
    serial: int
    name: str
    payload: bytes
    length: int = 0


@dataclass(frozen=True, slots=True)
class EventsMissed(Frame):
    TYPE: ClassVar[str] = "events_missed"
    id: int
    count: int


@dataclass(frozen=True, slots=True)
class Attached(Frame):
    """``tty``: a terminal; else pipes, to be driven in line mode. ``live``: see *Attach* above.

    ``prelude``: brings a fresh terminal into the modes that were set before the first output that is sent.
    ``typed``: how many bytes were taken of what the request's ``token`` names; -1: nobody knows.
    """

    TYPE: ClassVar[str] = "attached"
    id: int
    name: str
    tty: bool
    pid: int
    writer: bool
    rows: int
    cols: int
    gen: int
    live: int
    prelude: bytes = b""
    typed: int = -1


@dataclass(frozen=True, slots=True)
class InputAck(Frame):
    """``bytes``: how many input bytes of this attachment were taken so far."""

    TYPE: ClassVar[str] = "input_ack"
    id: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Writer(Frame):
    """``writer``: whether this client is the writer now; ``by``: who is, for people."""

    TYPE: ClassVar[str] = "writer"
    id: int
    writer: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Size(Frame):
    TYPE: ClassVar[str] = "size"
    id: int
    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class Started(Frame):
    """The attached process runs (again); ``gen`` and ``live`` as in attached."""

    TYPE: ClassVar[str] = "started"
    id: int
    pid: int


@dataclass(frozen=True, slots=True)
class Exited(Frame):
    """``status``: exit code, or -N for death by signal N."""

    TYPE: ClassVar[str] = "exited"
    id: int
    pid: int
    status: int


@dataclass(frozen=True, slots=True)
class Removed(Frame):
    """The attached or followed process is gone from the configuration; the request is over."""

    TYPE: ClassVar[str] = "removed"
    id: int


@dataclass(frozen=True, slots=True)
class Result(Frame):
    TYPE: ClassVar[str] = "result"
    id: int
    value: Value


@dataclass(frozen=True, slots=True)
class Fault(Frame):
    TYPE: ClassVar[str] = "fault"
    id: int
    code: int
    text: str


CLIENT_FRAMES: Final[tuple[type[Frame], ...]] = (
    Ping, Pong, Auth, Cancel, Subscribe, Stats, Follow, Credit, Attach, Input, Resize, Take, Events,
    Call,
)  # fmt: skip
SERVER_FRAMES: Final[tuple[type[Frame], ...]] = (
    Ping, Pong, Greeting, Welcome, Error, Snapshot, Resync, Delta, Usage, Following, Output, Gap, Listening,
    Event, EventsMissed, Attached, InputAck, Writer, Size, Started, Exited, Removed, Result, Fault,
)  # fmt: skip
