"""What clients are told of one process; must never know frames, sockets.

Apart from ``stream``, so that the daemon starts programs before it imports the codec.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TEXT_MAX_CHARACTERS: Final = 4096


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """All that a client shows of one process.

    ``start``, ``stop``, ``changed``, ``retry_at``: wall time, epoch seconds, 0 for never.
    ``exitstatus``: exit code, -N for death by signal N, None before the first exit.
    ``tries``: failed starts in a row. ``cause``: why it is in this state, for people.
    ``expected``: whether the last exit was one of exitcodes. ``stdin``: none, pipe or tty.
    ``trouble``: what is wrong beside the state (a log that cannot be written), or empty.
    Of ``command``, ``directory``, ``spawnerr``, ``cause``, ``trouble`` and ``description`` at most 4,096 characters.
    """

    name: str
    group: str
    state: int
    statename: str
    pid: int = 0
    start: float = 0.0
    stop: float = 0.0
    changed: float = 0.0
    retry_at: float = 0.0
    exitstatus: int | None = None
    expected: bool = True
    spawnerr: str = ""
    tries: int = 0
    restarts: int = 0
    cause: str = ""
    trouble: str = ""
    description: str = ""
    priority: int = 999
    group_priority: int = 999
    command: str = ""
    directory: str = ""
    user: str = ""
    autostart: bool = True
    autorestart: str = "unexpected"
    startsecs: int = 1
    startretries: int = 3
    stopsignal: int = 15
    stopwaitsecs: int = 10
    stdin: str = "pipe"
    redirect_stderr: bool = False
    stdout_logfile: str = ""
    stderr_logfile: str = ""
