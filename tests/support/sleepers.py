"""Programs that sleep for a number of seconds that is theirs alone, found without asking the supervisor."""

from __future__ import annotations

from tests.support.processes import command_line, marked


def programs(count: int) -> str:
    """``p0`` and so on; number N sleeps 1000 + N seconds."""
    return "".join(
        f"[program:p{n}]\ncommand=/bin/sleep {1000 + n}\nstartsecs=0\nautorestart=true\nstopwaitsecs=5\n"
        for n in range(count)
    )


def sleepers(mark: str) -> dict[int, list[int]]:
    """Seconds to the pids that sleep so long."""
    found: dict[int, list[int]] = {}
    for pid in marked(mark):
        words = command_line(pid)
        if words[:1] == ["/bin/sleep"]:
            found.setdefault(int(words[1]), []).append(pid)
    return found


def running(number: int, mark: str) -> list[int]:
    """Pids of one of ``programs``."""
    return sleepers(mark).get(1000 + number, [])
