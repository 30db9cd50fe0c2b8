"""What the loop reports of exceptions that nobody caught: bugs go to the log, what is no bug is said once or not at all."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

from supervisor.daemon.mainlog import MainLog
from supervisor.daemon.serve import report_bug


def test_a_pause_for_want_of_descriptors_that_ends_after_the_server(tmp_path: Path) -> None:
    """asyncio listens again a second after accept failed, on a socket that may be closed by then."""
    log = MainLog(str(tmp_path / "log"), 0, 0, "info", False)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: report_bug(log, context))
        server = await asyncio.start_unix_server(lambda reader, writer: None, str(tmp_path / "s"))
        (sock,) = server.sockets
        full = OSError(errno.EMFILE, "Too many open files")
        loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": full})
        loop.call_soon(loop._start_serving, asyncio.Protocol, sock._sock)  # type: ignore[attr-defined]
        server.close()
        await asyncio.sleep(0.01)
        loop.call_soon(int, "no number")
        await asyncio.sleep(0.01)

    asyncio.run(run())
    log.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert "cannot take another client for now: Too many open files" in lines[0]
    assert "Exception in callback int" in lines[1] and "ValueError: invalid literal" in lines[-1]
    assert sum("Traceback" in line for line in lines) == 1
