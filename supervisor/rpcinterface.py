"""Door: the ``supervisor`` namespace as an object, for RPC plug-ins to use and to subclass; thin.

Every method is one call of the daemon's own method table, with the same results and
faults (``RPCError``) as over the wire. What cannot be answered at once (a start that is
waited for, everything about several processes) is a deferred result: a function that
gives NOT_DONE_YET until it gives the value; see ``supervisor.http``.

Methods may be called from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from .errors import RPCError
from .faults import Faults
from .namespec import split_namespec
from .states import ProcessStates, SupervisorStates

__all__ = ["API_VERSION", "SupervisorNamespaceRPCInterface", "make_main_rpcinterface"]

API_VERSION = "3.0"


class Supervisord(Protocol):
    """What an RPC factory gets first, as far as it is needed here."""

    @property
    def process_groups(self) -> Any: ...

    def get_state(self) -> int: ...

    def call(self, method: str, *params: object) -> Any:
        """The result of ``supervisor.METHOD``; raises RPCError."""


class SupervisorNamespaceRPCInterface:
    """The methods of ``supervisor.*``. ``supervisord`` is what the factory got."""

    supervisord: Any
    """Plug-ins use more of it than is declared here, and hang attributes on it."""

    def __init__(self, supervisord: Supervisord) -> None:
        self.supervisord = supervisord

    def _update(self, text: str) -> None:
        """Raise SHUTDOWN_STATE while the supervisor ends or reloads. ``text``: what is about to be done."""
        self.update_text = text
        if self.supervisord.get_state() != SupervisorStates.RUNNING:
            raise RPCError(Faults.SHUTDOWN_STATE)

    def _getGroupAndProcess(self, name: str) -> tuple[Any, Any]:
        """The objects that a namespec names, process None for a whole group. Raises RPCError (BAD_NAME)."""
        group_name, process_name = split_namespec(name)
        group = self.supervisord.process_groups.get(group_name)
        if group is None:
            raise RPCError(Faults.BAD_NAME, name)
        if process_name is None:
            return group, None
        process = group.processes.get(process_name)
        if process is None:
            raise RPCError(Faults.BAD_NAME, name)
        return group, process

    def _interpretProcessInfo(self, info: Mapping[str, Any]) -> str:
        """The description that belongs to a struct of getProcessInfo. ``self`` is not looked at."""
        state = info["state"]
        if state == ProcessStates.RUNNING:
            return f"pid {info['pid']}, uptime {timedelta(seconds=max(0, info['now'] - info['start']))}"
        if state in (ProcessStates.FATAL, ProcessStates.BACKOFF):
            return info["spawnerr"] or f'unknown error (try "tail {info["name"]}")'
        if state in (ProcessStates.STOPPED, ProcessStates.EXITED):
            if not info["start"]:
                return "Not started"
            return time.strftime("%b %d %I:%M %p", time.localtime(info["stop"] or info["start"]))
        return ""

    def getAPIVersion(self) -> Any:
        """The version of the API.

        @return string 3.0
        """
        return self.supervisord.call("getAPIVersion")

    def getVersion(self) -> Any:
        """The version of the API (old name).

        @return string 3.0
        """
        return self.supervisord.call("getVersion")

    def getSupervisorVersion(self) -> Any:
        """The version of supervisord.

        @return string The version
        """
        return self.supervisord.call("getSupervisorVersion")

    def getIdentification(self) -> Any:
        """The identifier of this supervisord.

        @return string The identifier
        """
        return self.supervisord.call("getIdentification")

    def getState(self) -> Any:
        """The state of supervisord.

        @return struct statecode and statename
        """
        return self.supervisord.call("getState")

    def getPID(self) -> Any:
        """The pid that signals to supervisord go to.

        @return int The pid
        """
        return self.supervisord.call("getPID")

    def getStreamAddress(self) -> Any:
        """Where the stream socket is. Not in Supervisor's API 3.0.

        @return string unix:///path, tcp://host:port, or nothing
        """
        return self.supervisord.call("getStreamAddress")

    def shutdown(self) -> Any:
        """Stop all processes and end supervisord.

        @return boolean Always true
        """
        return self.supervisord.call("shutdown")

    def restart(self) -> Any:
        """Stop all processes and start afresh from the configuration files.

        @return boolean Always true
        """
        return self.supervisord.call("restart")

    def restartDaemon(self) -> Any:
        """Put a new daemon in place of this one; no program is touched. Not in Supervisor's API 3.0.

        @return boolean Always true
        """
        return self.supervisord.call("restartDaemon")

    def reloadConfig(self) -> Any:
        """Read the configuration files again; nothing running changes.

        @return array [[added, changed, removed]], names of groups
        """
        return self.supervisord.call("reloadConfig")

    def addProcessGroup(self, name: str) -> Any:
        """Activate a group of the configuration read last.

        @param string name The name of the group
        @return boolean Always true
        """
        return self.supervisord.call("addProcessGroup", name)

    def removeProcessGroup(self, name: str) -> Any:
        """Deactivate a group whose processes stand still.

        @param string name The name of the group
        @return boolean Always true
        """
        return self.supervisord.call("removeProcessGroup", name)

    def getAllConfigInfo(self) -> Any:
        """The configuration read last.

        @return array A struct for each process
        """
        return self.supervisord.call("getAllConfigInfo")

    def getProcessInfo(self, name: str) -> Any:
        """State and facts of a process.

        @param string name The name of the process (or group:name)
        @return struct The facts
        """
        return self.supervisord.call("getProcessInfo", name)

    def getAllProcessInfo(self) -> Any:
        """State and facts of all processes.

        @return array A struct for each process
        """
        return self.supervisord.call("getAllProcessInfo")

    def startProcess(self, name: str, wait: bool = True) -> Any:
        """Start a process.

        @param string name The name of the process (or group:name)
        @param boolean wait Answer when it is done, not at once
        @return boolean Always true
        """
        return self.supervisord.call("startProcess", name, wait)

    def startProcessGroup(self, name: str, wait: bool = True) -> Any:
        """Start all processes of a group.

        @param string name The name of the group
        @param boolean wait Answer when it is done, not at once
        @return array A status struct for each process
        """
        return self.supervisord.call("startProcessGroup", name, wait)

    def startAllProcesses(self, wait: bool = True) -> Any:
        """Start all processes.

        @param boolean wait Answer when it is done, not at once
        @return array A status struct for each process
        """
        return self.supervisord.call("startAllProcesses", wait)

    def stopProcess(self, name: str, wait: bool = True) -> Any:
        """Stop a process.

        @param string name The name of the process (or group:name)
        @param boolean wait Answer when it is done, not at once
        @return boolean Always true
        """
        return self.supervisord.call("stopProcess", name, wait)

    def stopProcessGroup(self, name: str, wait: bool = True) -> Any:
        """Stop all processes of a group.

        @param string name The name of the group
        @param boolean wait Answer when it is done, not at once
        @return array A status struct for each process
        """
        return self.supervisord.call("stopProcessGroup", name, wait)

    def stopAllProcesses(self, wait: bool = True) -> Any:
        """Stop all processes.

        @param boolean wait Answer when it is done, not at once
        @return array A status struct for each process
        """
        return self.supervisord.call("stopAllProcesses", wait)

    def restartProcess(self, name: str, wait: bool = True) -> Any:
        """Stop a process if it runs, then start it. Not in Supervisor's API 3.0.

        @param string name The name of the process (or group:name)
        @param boolean wait Answer when it is done, not at once
        @return boolean Always true
        """
        return self.supervisord.call("restartProcess", name, wait)

    def restartProcessGroup(self, name: str, wait: bool = True) -> Any:
        """Restart all processes of a group, each as soon as it has stopped. Not in Supervisor's API 3.0.

        @param string name The name of the group
        @param boolean wait Answer when it is done, not at once
        @return array A status struct for each process
        """
        return self.supervisord.call("restartProcessGroup", name, wait)

    def signalProcess(self, name: str, signal: Any) -> Any:
        """Send a signal to a process.

        @param string name The name of the process (or group:name)
        @param any signal Name or number of the signal, such as HUP or 1
        @return boolean Always true
        """
        return self.supervisord.call("signalProcess", name, signal)

    def signalProcessGroup(self, name: str, signal: Any) -> Any:
        """Send a signal to all processes of a group.

        @param string name The name of the group
        @param any signal Name or number of the signal, such as HUP or 1
        @return array A status struct for each process
        """
        return self.supervisord.call("signalProcessGroup", name, signal)

    def signalAllProcesses(self, signal: Any) -> Any:
        """Send a signal to all processes.

        @param any signal Name or number of the signal, such as HUP or 1
        @return array A status struct for each process
        """
        return self.supervisord.call("signalAllProcesses", signal)

    def sendProcessStdin(self, name: str, chars: Any) -> Any:
        """Send text to the stdin of a process.

        @param string name The name of the process (or group:name)
        @param any chars The text; sent as UTF-8
        @return boolean Always true
        """
        return self.supervisord.call("sendProcessStdin", name, chars)

    def sendRemoteCommEvent(self, type: str, data: str) -> Any:
        """Notify listeners of a REMOTE_COMMUNICATION event.

        @param string type The type of the event
        @param string data The data of the event
        @return boolean Always true
        """
        return self.supervisord.call("sendRemoteCommEvent", type, data)

    def readLog(self, offset: int, length: int) -> Any:
        """Read the main log.

        @param int offset Where to begin; negative: that many bytes from the end
        @param int length How many bytes; 0: to the end
        @return string The bytes as text
        """
        return self.supervisord.call("readLog", offset, length)

    def readMainLog(self, offset: int, length: int) -> Any:
        """Read the main log (old name).

        @param int offset Where to begin; negative: that many bytes from the end
        @param int length How many bytes; 0: to the end
        @return string The bytes as text
        """
        return self.supervisord.call("readMainLog", offset, length)

    def clearLog(self) -> Any:
        """Clear the main log.

        @return boolean Always true
        """
        return self.supervisord.call("clearLog")

    def readProcessStdoutLog(self, name: str, offset: int, length: int) -> Any:
        """Read the stdout log of a process.

        @param string name The name of the process (or group:name)
        @param int offset Where to begin; negative: that many bytes from the end
        @param int length How many bytes; 0: to the end
        @return string The bytes as text
        """
        return self.supervisord.call("readProcessStdoutLog", name, offset, length)

    def readProcessLog(self, name: str, offset: int, length: int) -> Any:
        """Read the stdout log of a process (old name).

        @param string name The name of the process (or group:name)
        @param int offset Where to begin; negative: that many bytes from the end
        @param int length How many bytes; 0: to the end
        @return string The bytes as text
        """
        return self.supervisord.call("readProcessLog", name, offset, length)

    def readProcessStderrLog(self, name: str, offset: int, length: int) -> Any:
        """Read the stderr log of a process.

        @param string name The name of the process (or group:name)
        @param int offset Where to begin; negative: that many bytes from the end
        @param int length How many bytes; 0: to the end
        @return string The bytes as text
        """
        return self.supervisord.call("readProcessStderrLog", name, offset, length)

    def tailProcessStdoutLog(self, name: str, offset: int, length: int) -> Any:
        """The end of the stdout log of a process.

        @param string name The name of the process (or group:name)
        @param int offset Where to begin; negative: that many bytes from the end
        @param int length How many bytes; 0: to the end
        @return array [string data, int size of the log, boolean overflow]
        """
        return self.supervisord.call("tailProcessStdoutLog", name, offset, length)

    def tailProcessLog(self, name: str, offset: int, length: int) -> Any:
        """The end of the stdout log of a process (old name).

        @param string name The name of the process (or group:name)
        @param int offset Where to begin; negative: that many bytes from the end
        @param int length How many bytes; 0: to the end
        @return array [string data, int size of the log, boolean overflow]
        """
        return self.supervisord.call("tailProcessLog", name, offset, length)

    def tailProcessStderrLog(self, name: str, offset: int, length: int) -> Any:
        """The end of the stderr log of a process.

        @param string name The name of the process (or group:name)
        @param int offset Where to begin; negative: that many bytes from the end
        @param int length How many bytes; 0: to the end
        @return array [string data, int size of the log, boolean overflow]
        """
        return self.supervisord.call("tailProcessStderrLog", name, offset, length)

    def clearProcessLogs(self, name: str) -> Any:
        """Clear both logs of a process.

        @param string name The name of the process (or group:name)
        @return boolean Always true
        """
        return self.supervisord.call("clearProcessLogs", name)

    def clearProcessLog(self, name: str) -> Any:
        """Clear both logs of a process (old name).

        @param string name The name of the process (or group:name)
        @return boolean Always true
        """
        return self.supervisord.call("clearProcessLog", name)

    def clearAllProcessLogs(self) -> Any:
        """Clear the logs of all processes.

        @return array A status struct for each process
        """
        return self.supervisord.call("clearAllProcessLogs")


def make_main_rpcinterface(supervisord: Supervisord) -> SupervisorNamespaceRPCInterface:
    """The factory that ``[rpcinterface:supervisor]`` names."""
    return SupervisorNamespaceRPCInterface(supervisord)
