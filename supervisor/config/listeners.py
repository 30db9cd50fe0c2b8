"""The group's own options of one ``[eventlistener:x]`` section; must never know what runs, nor who sends events."""

from __future__ import annotations

from typing import Final

from ..events import ProcessLogStderrEvent, event_types
from . import values
from .imports import resolve
from .model import DEFAULT_HANDLER, ListenerConfig
from .sections import Section

ACK_TIMEOUT_S = 60
"""Supervisor waits for ever for one that hangs, and all that its pool is to hear waits with it."""
BUILT_IN_HANDLERS: Final = {
    "supervisor_twiddler.resulthandler:stdin_write_handler": "supervisor.dispatchers:stdin_write_handler"
}


def listener(section: Section) -> ListenerConfig:
    """What makes the pool; problems go to the section."""
    if section.find("events") is None:
        section.error(
            f'cannot listen to nothing: [{section.name}] section requires an "events" line', "events"
        )
    for option, why in (
        ("redirect_stderr", "redirect_stderr=true"),
        ("tty", "tty=true"),
    ):
        if section.get(option, values.boolean, False):
            section.error(
                f"cannot combine these: [{section.name}] section sets {why} but this is not allowed because it will "
                "interfere with the eventlistener protocol",
                option,
            )
    buffer_size = section.get("buffer_size", values.integer, 0)
    if buffer_size < 1 and section.find("buffer_size") is not None:
        section.error(
            f"cannot use this size: [{section.name}] section sets invalid buffer_size ({buffer_size})",
            "buffer_size",
        )
    ack_timeout = section.get("ack_timeout", values.integer, ACK_TIMEOUT_S)
    if ack_timeout < 0:
        section.error("cannot wait less than 0 seconds", "ack_timeout")
    events = _events(section)
    if section.get("stderr_events_enabled", values.boolean, False) and _hears_stderr(events):
        section.warning(
            "it listens to what it writes to stderr itself: if it writes there for each event, it never ends",
            "stderr_events_enabled",
        )
    return ListenerConfig(
        events=events,
        buffer_size=buffer_size,
        result_handler=_handler(section),
        ack_timeout=ack_timeout,
    )


def _events(section: Section) -> tuple[str, ...]:
    none: tuple[str, ...] = ()
    names = {name.upper() for name in section.get("events", values.string_list, none)}
    known = event_types()
    for name in sorted(names - known.keys()):
        section.error(
            f"cannot listen to this: Unknown event type {name} in [{section.name}] events", "events"
        )
    return tuple(sorted(names & known.keys()))


def _hears_stderr(events: tuple[str, ...]) -> bool:
    known = event_types()
    return any(issubclass(ProcessLogStderrEvent, known[name]) for name in events)


def _handler(section: Section) -> str:
    spec = section.get("result_handler", str.strip, DEFAULT_HANDLER)
    spec = BUILT_IN_HANDLERS.get(spec, spec)
    try:
        resolve(spec)
    except ValueError as error:
        section.error(
            f"cannot use this handler: {spec} cannot be resolved within [{section.name}]: {error}",
            "result_handler",
        )
        return DEFAULT_HANDLER
    return spec
