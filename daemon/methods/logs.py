"""``supervisor.*`` methods that read and clear logs; must never know HTTP, XML, msgpack."""

from __future__ import annotations

import os
from typing import Any, Final

from supervisor.errors import RPCError
from supervisor.faults import Faults

from ..access import Caller
from ..output.opening import open_log
from ..process import Process
from .supervisor import (
    NAME,
    STATUSES,
    TRUE,
    Context,
    Status,
    all_processes,
    described,
    each,
    process_named,
    running,
)
from .table import Method, Param

ANSWER_MAX_BYTES: Final = 8 << 20


def _log_path(process: Process, channel: str) -> str:
    output = process.outputs.get(channel)
    return output.path if output is not None else ""


def _read_file(path: str, offset: int, length: int) -> str:
    """The slice of a file that read*Log gives (reference: rpc.md section 12). Raises RPCError."""
    if (offset < 0 and length != 0) or length < 0:
        raise RPCError(Faults.BAD_ARGUMENTS)
    try:
        with os.fdopen(open_log(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size + offset) if offset < 0 else offset
            count = length or max(0, size - start)
            if min(count, size) > ANSWER_MAX_BYTES:
                raise RPCError(
                    Faults.FAILED, f"answer would be over {ANSWER_MAX_BYTES} bytes; ask for a part"
                )
            file.seek(min(start, size))
            return file.read(min(count, size)).decode("utf-8", "replace")
    except FileNotFoundError as error:
        raise RPCError(Faults.NO_FILE, path) from error
    except OSError as error:
        raise RPCError(Faults.FAILED, str(error)) from error


def _tail_file(path: str, offset: int, length: int) -> list[Any]:
    """What tail*Log gives (reference: rpc.md section 12)."""
    try:
        with os.fdopen(open_log(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            overflow = False
            if size > offset + length:
                overflow, offset = True, size - 1
            if offset + length > size:
                if offset > size - 1:
                    length = 0
                offset = size - length
            offset, length = max(0, offset), max(0, length)
            file.seek(offset)
            data = file.read(min(length, ANSWER_MAX_BYTES)) if length else b""
            return [data.decode("utf-8", "replace"), size, overflow]
    except FileNotFoundError:
        return ["", 0, False]
    except OSError:
        return ["", offset, False]


async def _read_process_log(context: Context, name: str, channel: str, offset: int, length: int) -> str:
    path = _log_path(process_named(running(context), name), channel)
    if not path:
        raise RPCError(Faults.NO_FILE)
    return await context.look(_read_file, path, offset, length)


async def read_stdout_log(context: Context, caller: Caller, name: str, offset: int, length: int) -> str:
    return await _read_process_log(context, name, "stdout", offset, length)


async def read_stderr_log(context: Context, caller: Caller, name: str, offset: int, length: int) -> str:
    return await _read_process_log(context, name, "stderr", offset, length)


async def _tail_process_log(context: Context, name: str, channel: str, offset: int, length: int) -> list[Any]:
    path = _log_path(process_named(running(context), name), channel)
    if not path:
        return ["", 0, False]
    return await context.look(_tail_file, path, offset, length)


async def tail_stdout_log(context: Context, caller: Caller, name: str, offset: int, length: int) -> list[Any]:
    return await _tail_process_log(context, name, "stdout", offset, length)


async def tail_stderr_log(context: Context, caller: Caller, name: str, offset: int, length: int) -> list[Any]:
    return await _tail_process_log(context, name, "stderr", offset, length)


async def read_log(context: Context, caller: Caller, offset: int, length: int) -> str:
    path = running(context).log.path
    if not path:
        raise RPCError(Faults.NO_FILE, path)
    return await context.look(_read_file, path, offset, length)


def clear_log(context: Context, caller: Caller) -> bool:
    log = running(context).log
    if log.store is None:
        raise RPCError(Faults.NO_FILE, log.path)
    if context.supervisor.stores.lanes.of(log.path) is None and not os.path.exists(log.path):
        raise RPCError(Faults.NO_FILE)
    log.info("reopening log file")  # goes with what is cleared
    try:
        log.store.clear()
    except OSError as error:
        raise RPCError(Faults.FAILED, str(error)) from error
    return True


def _clear_one(process: Process) -> None:
    for output in process.outputs.values():
        if output.sink is not None:
            try:
                output.sink.clear()
            except OSError as error:
                raise RPCError(Faults.FAILED, process.namespec) from error


def clear_process_logs(context: Context, caller: Caller, name: str) -> bool:
    _clear_one(process_named(running(context), name))
    return True


async def clear_all_process_logs(context: Context, caller: Caller) -> list[Status]:
    async def clear(process: Process) -> None:
        _clear_one(process)

    return await each(all_processes(running(context)), clear)


# --- the table ---------------------------------------------------------------------------------------

_OFFSET = Param("offset", "int", "Where to begin; negative: that many bytes from the end")
_LENGTH = Param("length", "int", "How many bytes; 0: to the end")
_PLACE = (NAME, _OFFSET, _LENGTH)
_TAIL = ("array", "[string data, int size of the log, boolean overflow]")

METHODS: Final[tuple[Method, ...]] = (
    described("readLog", read_log, "observer", "Read the main log.", ("string", "The bytes as text"), _OFFSET, _LENGTH),
    described("readMainLog", read_log, "observer", "Read the main log (old name).", ("string", "The bytes as text"),
       _OFFSET, _LENGTH),
    described("clearLog", clear_log, "admin", "Clear the main log.", TRUE),
    described("readProcessStdoutLog", read_stdout_log, "observer", "Read the stdout log of a process.",
       ("string", "The bytes as text"), *_PLACE),
    described("readProcessLog", read_stdout_log, "observer", "Read the stdout log of a process (old name).",
       ("string", "The bytes as text"), *_PLACE),
    described("readProcessStderrLog", read_stderr_log, "observer", "Read the stderr log of a process.",
       ("string", "The bytes as text"), *_PLACE),
    described("tailProcessStdoutLog", tail_stdout_log, "observer", "The end of the stdout log of a process.", _TAIL,
       *_PLACE),
    described("tailProcessLog", tail_stdout_log, "observer", "The end of the stdout log of a process (old name).", _TAIL,
       *_PLACE),
    described("tailProcessStderrLog", tail_stderr_log, "observer", "The end of the stderr log of a process.", _TAIL,
       *_PLACE),
    described("clearProcessLogs", clear_process_logs, "operator", "Clear both logs of a process.", TRUE, NAME),
    described("clearProcessLog", clear_process_logs, "operator", "Clear both logs of a process (old name).", TRUE, NAME),
    described("clearAllProcessLogs", clear_all_process_logs, "operator", "Clear the logs of all processes.", STATUSES),
)  # fmt: skip
