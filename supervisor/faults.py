"""The one table of RPC faults, name ↔ code; must never know a codec.

Plain integers on a plain class, since plug-ins compare them by identity and add
their own (reference: what third-party packages do with ``Faults``).
"""

from __future__ import annotations


class Faults:
    UNKNOWN_METHOD = 1
    INCORRECT_PARAMETERS = 2
    BAD_ARGUMENTS = 3
    SIGNATURE_UNSUPPORTED = 4
    SHUTDOWN_STATE = 6
    BAD_NAME = 10
    BAD_SIGNAL = 11
    NO_FILE = 20
    NOT_EXECUTABLE = 21
    FAILED = 30
    ABNORMAL_TERMINATION = 40
    SPAWN_ERROR = 50
    ALREADY_STARTED = 60
    NOT_RUNNING = 70
    SUCCESS = 80
    ALREADY_ADDED = 90
    STILL_RUNNING = 91
    CANT_REREAD = 92


_NAMES: dict[int, str] = {
    code: name for name, code in vars(Faults).items() if not name.startswith("_") and isinstance(code, int)
}


def fault_name(code: int) -> str:
    """The name of a fault code; ``UNKNOWN`` for codes that plug-ins made up."""
    return _NAMES.get(code, "UNKNOWN")
