"""Structs of which most stays as it is from answer to answer; must never know a codec.

Process records are such: between two changes of state only ``now`` and the uptime at the
end of ``description`` differ. A ``Row`` is what stays, and each codec keeps in it what it
made of that; a ``Table`` is many rows at one time. So the list of a thousand processes is
joined from what was encoded before, and each of its few uptimes is encoded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

NOW: Final = "now"
DESCRIPTION: Final = "description"


class Row:
    """A struct without what changes with the time. Nothing in it changes once it is made.

    ``names`` and ``values``: the members that stay. Behind them come ``now`` and, where ``since`` is not
    None, ``description``: ``lead`` and for how long, since then. ``edition``: by this whoever keeps it knows
    whether it is still true. ``xml``, ``packed``: belong to ``xmlrpc`` and ``packing``, None until they need it.
    """

    __slots__ = ("edition", "lead", "names", "packed", "since", "values", "xml")

    def __init__(
        self,
        names: tuple[str, ...],
        values: tuple[Any, ...],
        since: int | None = None,
        lead: str = "",
        edition: int = 0,
    ) -> None:
        self.names = names
        self.values = values
        self.since = since
        self.lead = lead
        self.edition = edition
        self.xml: tuple[bytes, bytes] | None = None
        self.packed: tuple[bytes, bytes] | None = None


class Extended(dict[str, Any]):
    """A row at one time: a dict for everybody but the codecs, which look at the row. Not to be changed.

    ``ago``: how long ago ``since`` is, for people; of no account where it is None.
    """

    __slots__ = ("ago", "now", "row")

    def __init__(self, row: Row, now: int, ago: str = "") -> None:
        super().__init__(zip(row.names, row.values, strict=True))
        self[NOW] = now
        if row.since is not None:
            self[DESCRIPTION] = row.lead + ago
        self.row = row
        self.now = now
        self.ago = ago


class Table:
    """Many rows at one time. For all but the codecs a list of dicts, which are made as they are looked at.

    ``ago``: for each ``since`` of the rows how long ago it is, for people.
    """

    __slots__ = ("ago", "now", "rows")

    def __init__(self, rows: Sequence[Row], now: int, ago: Mapping[int, str]) -> None:
        self.rows = rows
        self.now = now
        self.ago = ago

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Extended]:
        for row in self.rows:
            yield Extended(row, self.now, "" if row.since is None else self.ago[row.since])


def plain(value: Any) -> Any:
    """A struct or a table as dict or list, for those who may change it; other values as they are."""
    if type(value) is Extended:
        return dict(value)
    return [dict(struct) for struct in value] if type(value) is Table else value
