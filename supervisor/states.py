"""Process, supervisor and listener states with their API numbers; must never know transitions.

Plain classes of plain integers, not enums: third-party code subclasses them,
compares with ``is`` and checks ``type(value) == int``.
"""

from __future__ import annotations


class ProcessStates:
    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


STOPPED_STATES = (ProcessStates.STOPPED, ProcessStates.EXITED, ProcessStates.FATAL, ProcessStates.UNKNOWN)
RUNNING_STATES = (ProcessStates.RUNNING, ProcessStates.BACKOFF, ProcessStates.STARTING)
SIGNALLABLE_STATES = (ProcessStates.RUNNING, ProcessStates.STARTING, ProcessStates.STOPPING)


class SupervisorStates:
    FATAL = 2
    RUNNING = 1
    RESTARTING = 0
    SHUTDOWN = -1


class EventListenerStates:
    READY = 10
    BUSY = 20
    ACKNOWLEDGED = 30
    UNKNOWN = 40


def _names(holder: type) -> dict[int, str]:
    return {value: name for name, value in vars(holder).items() if type(value) is int}


_process_states_by_code = _names(ProcessStates)
_supervisor_states_by_code = _names(SupervisorStates)
_listener_states_by_code = _names(EventListenerStates)


def getProcessStateDescription(code: int) -> str | None:
    """``RUNNING`` for 20 and so on; None for a number that is no process state."""
    return _process_states_by_code.get(code)


def getSupervisorStateDescription(code: int) -> str | None:
    """``RUNNING`` for 1 and so on; None for a number that is no supervisor state."""
    return _supervisor_states_by_code.get(code)


def getEventListenerStateDescription(code: int) -> str | None:
    """``READY`` for 10 and so on; None for a number that is no listener state."""
    return _listener_states_by_code.get(code)
