"""``fg`` against a server without a stream socket: tails over HTTP, lines through sendProcessStdin.

Must never know terminals beyond reading lines. Kept as Supervisor 4.3 has it; two threads
print what the tails give while lines are read.
"""

from __future__ import annotations

import sys
import threading

from supervisor.client.rpc import RPCClient
from supervisor.errors import RPCError, ServerError
from supervisor.faults import Faults
from supervisor.states import ProcessStates

from . import session as status_codes
from .records import ProcessInfo
from .session import Session, StreamOutput


def classic_foreground(session: Session, info: ProcessInfo) -> None:
    """Talk to a process until Ctrl-C, end of input, or its death."""
    session.line("==> Press Ctrl-C to exit <==")
    for channel in ("stdout", "stderr"):
        # Daemon threads: their reads end with this process or with the server's answer.
        threading.Thread(
            target=_print_tail, args=(session, f"/logtail/{info.namespec}/{channel}"), daemon=True
        ).start()
    try:
        _send_lines(session, info.namespec)
    except (KeyboardInterrupt, EOFError):
        pass
    except RPCError as error:
        if error.code == Faults.NOT_RUNNING:
            session.line("Process got killed")
        else:
            session.line(f"ERROR: {error.text}")
            session.fail(status_codes.GENERIC)
    session.line("Exiting foreground")


def _send_lines(session: Session, name: str) -> None:
    for line in sys.stdin:
        session.call("sendProcessStdin", name, line if line.endswith("\n") else line + "\n")
        state = session.reader.process(session.call("getProcessInfo", name)).state
        if state != ProcessStates.RUNNING:
            raise RPCError(Faults.NOT_RUNNING, name)


def _print_tail(session: Session, path: str) -> None:
    config = session.config
    client = RPCClient(config.serverurl, config.username, config.password, tls=config.tls)
    # An output of its own: two channels must not cut each other's sequences.
    output = StreamOutput(sys.stdout, session.output.is_terminal)
    try:
        for data in client.stream(path):
            output.data(data)
    except ServerError as error:
        status = getattr(error, "status", 0)
        if status:
            print(
                f"{config.serverurl}{path} Cannot read, status code {status}",
                file=session.errors,
                flush=True,
            )
