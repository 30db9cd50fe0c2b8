"""What an update would do, printed; must never know the wire or the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.namespec import make_namespec
from supervisor.protocol.xmlrpc import Value

from . import session as status_codes
from .configuring import NOTHING, active_groups
from .patterns import expand_groups
from .session import Session


class Change(NamedTuple):
    option: str
    old: str
    new: str


class Member(NamedTuple):
    """``action``: add, remove, change or keep."""

    name: str
    action: str
    stops: bool
    starts: bool
    changes: tuple[Change, ...]


class GroupPlan(NamedTuple):
    """``whole``: no member can be kept."""

    group: str
    action: str
    whole: bool
    changes: tuple[Change, ...]
    processes: tuple[Member, ...]


def plan(session: Session, words: list[str]) -> None:
    try:
        structs = session.reader.list_of(session.call("getUpdatePlan"))
    except RPCError as error:
        if error.code == Faults.UNKNOWN_METHOD:
            url = session.client.serverurl
            session.failure(
                f"ERROR: supervisord at {url} does not tell its plans: see reread",
                status_codes.UNIMPLEMENTED_FEATURE,
            )
        elif error.code == Faults.SHUTDOWN_STATE:
            session.failure("ERROR: supervisor shutting down")
        elif error.code == Faults.CANT_REREAD:
            session.failure(f"ERROR: {error.text}")
        else:
            raise
        return
    steps = [(_group_plan(session, struct), struct) for struct in structs]
    if words and "all" not in words:
        known = {step.group for step, _ in steps}.union(active_groups(session))
        words = expand_groups(words, lambda: known)
        steps = [(step, struct) for step, struct in steps if step.group in words]
    else:
        known = set(words)
    if session.json:
        session.print_json([struct for _, struct in steps])
    else:
        for step, _ in steps:
            for line in plan_lines(step):
                session.line(line)
        if not steps:
            session.line(NOTHING)
    if steps:
        session.fail(status_codes.PLAN_CHANGES)
    for name in dict.fromkeys(words):
        if name not in known:
            session.failure(f"ERROR: no such group: {name}")


def _group_plan(session: Session, struct: Value) -> GroupPlan:
    reader = session.reader
    return GroupPlan(
        reader.member(struct, "group", str),
        reader.member(struct, "action", str),
        reader.member(struct, "whole", bool),
        _changes(session, struct),
        tuple(
            Member(
                reader.member(process, "name", str),
                reader.member(process, "action", str),
                reader.member(process, "stops", bool),
                reader.member(process, "starts", bool),
                _changes(session, process),
            )
            for process in reader.list_of(reader.member(struct, "processes", list))
        ),
    )


def _changes(session: Session, struct: Value) -> tuple[Change, ...]:
    reader = session.reader
    return tuple(
        Change(*(reader.member(change, name, str) for name in Change._fields))
        for change in reader.list_of(reader.member(struct, "changes", list))
    )


_GROUP_ACTIONS: Final = {"add": "added", "remove": "removed", "change": "changed"}


def plan_lines(step: GroupPlan) -> list[str]:
    """A group's part of the plan: what is done to each process, and below it the options that force it."""
    action = _GROUP_ACTIONS.get(step.action, step.action)
    lines = [f"{step.group}: {action}{' as a whole' if step.whole else ''}"]
    lines += _change_lines(step.changes, "  ")
    for member in step.processes:
        if member.action != "keep":
            lines.append(f"  {make_namespec(step.group, member.name)}: {_effect(member)}")
            lines += _change_lines(member.changes, "    ")
    kept = sum(member.action == "keep" for member in step.processes)
    if kept:
        lines.append(f"  {kept} {'process is' if kept == 1 else 'processes are'} not touched")
    return lines


def _change_lines(changes: Sequence[Change], indent: str) -> list[str]:
    return [f"{indent}{c.option}: {c.old or '(none)'} -> {c.new or '(none)'}" for c in changes]


def _effect(member: Member) -> str:
    if member.action == "change" and member.stops and member.starts:
        return "restart"
    verbs = [
        "stop" if member.stops else "",
        {"change": "change", "add": "add", "remove": "remove"}.get(member.action, member.action),
        "start" if member.starts else "",
    ]
    return ", ".join(verb for verb in verbs if verb)
