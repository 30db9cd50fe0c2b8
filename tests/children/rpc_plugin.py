"""An RPC plug-in that does everything a plug-in may, good and bad."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from supervisor.datatypes import Automatic
from supervisor.events import Event, Tick60Event, notify, register, subscribe
from supervisor.http import NOT_DONE_YET
from supervisor.options import UnhosedConfigParser
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.xmlrpc import Faults, RPCError, xmlrpclib


class Ticked(Event):
    def payload(self) -> str:
        return "ticked"


register("MY_TICK", Ticked)


class Later:
    """A deferred function: done at the third call."""

    def __init__(self, delay: float, result: Any) -> None:
        self.delay = delay
        self.result = result
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        if self.calls < 3:
            return NOT_DONE_YET
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class Plugin(SupervisorNamespaceRPCInterface):
    data = "no method"

    def __init__(self, supervisord: Any, **options: str) -> None:
        super().__init__(supervisord)
        supervisord.made = getattr(supervisord, "made", 0) + 1
        self._options = options
        self.seen: list[str] = []
        subscribe(Event, lambda event: self.seen.append(type(event).__name__))

    def options(self) -> Any:
        """Give the options.

        @return struct The options
        """
        return self._options

    def made(self) -> Any:
        return self.supervisord.made

    def add(self, a: int, b: int = 1) -> Any:
        """Add two numbers.

        @param int a One
        @param int b The other
        @return int The sum
        """
        return a + b

    @property
    def costly(self) -> Any:
        raise AssertionError("a property is not to be looked at")

    def _hidden(self) -> Any:
        return True

    def events(self) -> Any:
        return list(self.seen)

    def with_more(self) -> Any:
        """What the daemon tells of processes, and more: one, then all."""
        one, everyone = self.getProcessInfo("cat"), self.getAllProcessInfo()
        for struct in (one, *everyone):
            struct["more"] = len(everyone)
        return [one, *everyone]

    def tick(self) -> Any:
        """Do as if a minute had begun."""
        notify(Tick60Event(60, self.supervisord))
        return True

    # --- failures

    def wrong_type(self) -> Any:
        return len(5)  # type: ignore[arg-type]  # raises TypeError, which is no wrong parameter

    def leave(self) -> Any:
        sys.exit(3)

    def fault(self) -> Any:
        raise RPCError(Faults.FAILED, "on purpose")

    def own_fault(self) -> Any:
        raise RPCError(777)

    def foreign_fault(self) -> Any:
        raise xmlrpclib.Fault(5, "from elsewhere")

    def a_set(self) -> Any:
        return {1}

    def binary(self) -> Any:
        return (xmlrpclib.Binary(b"\0"), xmlrpclib.DateTime("20200102T03:04:05"))

    def block(self, seconds: float) -> Any:
        time.sleep(seconds)
        return True

    # --- deferred

    def later(self, delay: float) -> Any:
        return Later(delay, "late")

    def later_fault(self) -> Any:
        return Later(0, RPCError(Faults.BAD_NAME, "late"))

    def later_error(self) -> Any:
        return Later(0, KeyError("late"))

    async def awaited(self) -> Any:
        return "awaited"

    # --- through the namespace of the supervisor

    def info(self, name: str) -> Any:
        return self.getProcessInfo(name)["statename"]

    def log_text(self, name: str) -> Any:
        return self.readProcessStdoutLog(name, 0, 0)

    def restart_one(self, name: str) -> Any:
        return self.startProcess(name)

    def from_thread(self, name: str) -> Any:
        """Start a process from a thread, as plug-ins with servers of their own do."""
        done: list[Any] = []

        def work() -> None:
            result = self.startProcess(name)
            while callable(result):
                value = result()
                if value is not NOT_DONE_YET:
                    result = value
                time.sleep(0.01)
            done.append(f"{result} {self.getProcessInfo(name)['statename']}")

        threading.Thread(target=work).start()

        def ready() -> Any:
            return done[0] if done else NOT_DONE_YET

        return ready

    # --- through the objects

    def facts(self) -> Any:
        options = self.supervisord.options
        return {
            "identifier": options.identifier,
            "configfile": options.configfile,
            "mood": options.mood,
            "state": self.supervisord.get_state(),
            "servers": [server["section"] for server in options.server_configs],
            "groups": list(self.supervisord.process_groups),
        }

    def _process(self, name: str) -> Any:
        return self._getGroupAndProcess(name)[1]

    def process_facts(self, name: str) -> Any:
        process = self._process(name)
        config = process.config
        return {
            "pid": process.pid,
            "state": process.state,
            "group": process.group.config.name,
            "command": config.command,
            "never": config.autorestart is False,
            "log": config.stdout_logfile is Automatic,
            "same": process is self._process(name),
        }

    def write(self, name: str, text: str) -> Any:
        try:
            self._process(name).write(text.encode())
        except OSError as error:
            return error.errno
        return 0

    def set_option(self, name: str, option: str, value: Any) -> Any:
        setattr(self._process(name).config, option, value)
        return getattr(self._process(name).config, option)

    def rearm(self, name: str) -> Any:
        self._process(name).laststart = 0
        return True

    def say(self, text: str) -> Any:
        self.supervisord.options.logger.info(text)
        return True

    def add_program(self, group_name: str, name: str, command: str) -> Any:
        """As supervisor_twiddler does it."""
        options = self.supervisord.options
        parser = UnhosedConfigParser()
        section = f"program:{name}"
        parser.add_section(section)
        parser.set(section, "command", command)
        parser.set(section, "startsecs", 0)  # type: ignore[arg-type]  # values may be numbers
        group = self.supervisord.process_groups[group_name]
        for config in options.processes_from_section(parser, section, group_name):
            config.options = options
            config.create_autochildlogs()
            group.config.process_configs.append(config)
            group.processes[config.name] = config.make_process(group)
        return [config.name for config in group.config.process_configs]

    def drop(self, group_name: str, name: str) -> Any:
        group = self.supervisord.process_groups[group_name]
        del group.processes[name]
        return [config.name for config in group.config.process_configs]


def make(supervisord: Any, **options: str) -> Plugin:
    return Plugin(supervisord, **options)


def make_failing(supervisord: Any, **options: str) -> object:
    raise LookupError("nothing\nfound")


def make_leaving(supervisord: Any, **options: str) -> object:
    sys.exit(1)
