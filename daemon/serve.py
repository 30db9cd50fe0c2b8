"""The daemon process: adopts, serves, makes place; must never know the rules of a transition.

Every start is an adoption: of nothing the first time, of everything after a crash,
a planned restart or an upgrade. The steps are the same: take what the keeper holds;
read the state in it, or else the configuration files; make groups and stores; tell
each machine what happened while nobody looked; serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import faulthandler
import gc
import json
import os
import re
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from supervisor.config.commandline import usage_error
from supervisor.config.load import load_supervisord
from supervisor.config.model import (
    Configuration,
    GroupKind,
)
from supervisor.errors import EXIT_GENERIC, EXIT_USAGE, ConfigError, UserError
from supervisor.states import ProcessStates as S
from supervisor.states import SupervisorStates

from . import fcgi, filesize, inputjournal, lastread, rehearsal
from .adoption import Held, KeeperGone, adopt
from .events import EventBus
from .heartbeat import heartbeat
from .keeper import wire
from .keeperlink import KeeperLink
from .lastread import LastRead
from .leftovers import Leftovers
from .loop import Supervisor
from .machines import process as machine
from .mainlog import MainLog
from .methods import changes, logs, processes
from .methods.supervisor import METHODS, Context
from .methods.system import system_methods
from .methods.table import MethodTable
from .output.lane import Lanes
from .output.storeset import StoreSet
from .plugins import PluginHost
from .saved import LogRecords, Saved, group_of, in_force, read_state, without_groups
from .snapshot import Journal, StateTable
from .sockets import ServerConfig, asks, describe, identity, listen
from .stdin import resume_inputs
from .stuck import StuckProcesses
from .succession import Succession

if TYPE_CHECKING:
    from .doors import Doors

NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

HEAD_START_S = 0.05
"""How long programs are started before the servers are made, which takes the loop for about as long."""

AUTO_LOG = re.compile(r".+?---(?P<identifier>.+)-\S+\.log\.?\d{0,4}$")


@dataclass(slots=True)
class Arguments:
    keeper_fd: int
    config: str
    overrides: dict[str, str]
    oom_score: int | None
    """What programs are to have: a keeper in the place of one that was killed gets it from us."""
    file_size: filesize.Limit
    """Likewise."""


class Daemon:
    """One daemon process from adoption to its end."""

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        self.listening: list[tuple[ServerConfig, socket.socket]] = []

    def load(self) -> Configuration:
        """The configuration as the files say now. Raises ConfigError."""
        return load_supervisord(self.arguments.config, self.arguments.overrides, environ=os.environ)

    async def run(self) -> int:
        """Serve until told to end; the exit code of this process."""
        sock = socket.socket(fileno=self.arguments.keeper_fd)
        os.set_inheritable(sock.fileno(), False)
        held = adopt(sock)
        fresh = "state" not in held.named or "config" not in held.named
        table = StateTable(held.named.pop("state")) if not fresh else StateTable.create()
        journal = Journal(held.named.pop("config")) if not fresh else Journal.create()
        saved = Saved(self.load(), []) if fresh else read_state(table, journal)
        settings = saved.configuration.supervisord
        loop = asyncio.get_running_loop()
        self.lanes = Lanes(loop.call_soon_threadsafe, later=loop.call_later)
        log = MainLog(
            settings.logfile,
            settings.logfile_maxbytes,
            settings.logfile_backups,
            settings.loglevel,
            stdout=settings.nodaemon and not settings.silent,
            lanes=self.lanes,
        )
        try:
            return await self._live(sock, held, fresh, saved, table, journal, log)
        except UserError as error:
            if held.starts:  # nobody is there to read stderr, and the keeper will try again
                log.critical(f"cannot serve: {error}")
            raise
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            raise UserError(f"no room for what supervisord has to know: {filesize.TOO_LOW}") from error

    async def _live(
        self, sock: socket.socket, held: Held, fresh: bool, saved: Saved,
        table: StateTable, journal: Journal, log: MainLog,
    ) -> int:  # fmt: skip
        configuration = saved.configuration
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: report_bug(log, context))
        log.later = loop.call_later
        supervisor = self._supervisor(sock, held, saved, table, journal, log)
        leftovers = Leftovers(supervisor)
        StuckProcesses(supervisor)
        context = self._context(supervisor, held, saved, fresh, leftovers)
        fcgi_sockets = fcgi.FastCgiSockets(supervisor)
        fcgi_sockets.adopt(held.named)
        if fresh:
            alive = {program.name for program, _ in held.programs}  # their sockets are in use, by them
            processes = (process for group in configuration.groups for process in group.processes)
            fcgi.check((p for p in processes if f"{p.group}:{p.name}" not in alive), log)
        self._open_sockets(configuration, held, saved)
        self._say_hello(log, configuration, held, fresh)
        bus = EventBus(supervisor, held.named, fresh)
        bus.attach()
        if fresh:
            self._begin(supervisor, configuration, held)
        else:
            self._resume(supervisor, saved, held)
            self._say_what_is_gone(log, configuration)
            leftovers.resume()
        supervisor.journal.bound(
            lambda: in_force(configuration, supervisor, context.updates),
            supervisor.journal.end if fresh else 0,
            lambda entry: context.last_read.keep(group_of(entry)),
        )
        fcgi_sockets.settle()
        supervisor.link.start()
        resume_inputs(supervisor)
        context.updates.resume(saved.updates.values())
        deadly = str(saved.supervisor.get("making", ""))
        table_of_methods = self._methods(
            context, configuration, bus, forgiving=held.starts > 0, deadly=deadly
        )
        if fresh:
            self._say_what_is_served(log, configuration)
            log.info(f"supervisord started with pid {held.keeper_pid}")
            bus.running()
        return await self._serve(supervisor, table_of_methods, bus, leftovers)

    async def _serve(
        self, supervisor: Supervisor, table_of_methods: MethodTable, bus: EventBus, leftovers: Leftovers
    ) -> int:
        """Start what starts by itself, open the doors, and go on until told to end."""
        settings, loop = supervisor.settings, asyncio.get_running_loop()
        supervisor.users.learn(process.config.uid for process in supervisor.processes.values())
        starting = supervisor.autostart(tuple(supervisor.groups.values()))
        await asyncio.wait({starting}, timeout=HEAD_START_S)
        doors = await self._open_doors(supervisor, table_of_methods, bus)
        supervisor.link.send(wire.Ready())
        if not settings.nodaemon:
            let_go_of_terminal()
            supervisor.log.quiet()
        gc.freeze()  # what is there now stays: collections need not look at it
        gc.enable()
        beat = loop.create_task(heartbeat(supervisor))
        end = await supervisor.ended
        if end != "restart":
            await leftovers.settled()
        beat.cancel()
        return await self._end(supervisor, doors, end)

    # --- the start ------------------------------------------------------------------------------------

    def _supervisor(
        self, sock: socket.socket, held: Held, saved: Saved, table: StateTable, journal: Journal, log: MainLog
    ) -> Supervisor:
        """With what the keeper holds for it, and no groups yet."""
        records = LogRecords(table, saved.logs)
        supervisor = Supervisor(
            saved.configuration.supervisord,
            log,
            KeeperLink(
                sock,
                lambda frame, fds: supervisor.on_frame(frame, fds),
                lambda: Succession(supervisor, self.arguments.oom_score, self.arguments.file_size).begin(),
            ),
            table,
            journal,
            StoreSet(
                records.persist,
                {path: record for path, (_, record) in saved.logs.items()},
                forget=records.forget,
                lanes=self.lanes,
            ),
            saved.supervisor.get("boot") or os.urandom(16).hex(),
            automatic_url(saved.configuration),
        )
        supervisor.keeper_pid = held.keeper_pid
        for name, fd in held.given.items():
            supervisor.link.note_held(name, fd)
        kinds = ("spool:", inputjournal.HELD_AS)
        supervisor.generations.held = {name: fd for name, fd in held.named.items() if name.startswith(kinds)}
        return supervisor

    def _context(
        self, supervisor: Supervisor, held: Held, saved: Saved, fresh: bool, leftovers: Leftovers
    ) -> Context:
        """What methods work on."""
        configuration = saved.configuration
        parsed = configuration if fresh else replace(configuration, groups=tuple(saved.groups))
        last_read = LastRead(
            parsed,
            lambda fd: supervisor.link.send(wire.Hold(lastread.HELD_AS), (fd,)),
            supervisor.log.warn,
            held.named.pop(lastread.HELD_AS, -1),
        )
        context = Context(supervisor, self.load, last_read, leftovers)
        supervisor.reload_check = partial(self._problem, context)
        return context

    async def _problem(self, context: Context) -> str:
        """What is wrong with the configuration files now, or nothing."""
        try:
            await context.offload_config(self.load)
        except ConfigError as error:
            return str(error)
        return ""

    def _open_sockets(self, configuration: Configuration, held: Held, saved: Saved) -> None:
        """Every listening socket, from the keeper where it has it. Raises UserError, and leaves none behind then."""
        servers: list[ServerConfig] = [
            *configuration.inet_servers,
            *configuration.unix_servers,
            *configuration.stream_servers,
        ]
        self.socket_identities: dict[str, list[int]] = saved.supervisor.setdefault("sockets", {})
        made: list[ServerConfig] = []
        for config in servers:
            fd = held.named.pop(f"listen:{describe(config)}", -1)
            try:
                self.listening.append((config, socket.socket(fileno=fd) if fd >= 0 else listen(config)))
            except UserError:
                for other in made:
                    self._unlink(other)
                raise
            path = getattr(config, "file", "")
            if fd < 0 and path:
                made.append(config)
                self.socket_identities[path] = identity(path)

    def _say_hello(self, log: MainLog, configuration: Configuration, held: Held, fresh: bool) -> None:
        settings = configuration.supervisord
        if not fresh:
            log.warn(
                f"daemon started again, adopting {len(held.programs)} processes from keeper {held.keeper_pid}"
            )
            return
        if os.geteuid() == 0 and settings.user is None:
            log.critical(
                "Supervisor is running as root.  Privileges were not dropped because no user is specified in the "
                "config file.  If you intend to run as root, you can set user=root in the config file to avoid "
                "this message."
            )
        elif settings.user is not None:
            log.info(f"Set uid to user {settings.uid} succeeded")
        for warning in configuration.warnings:
            log.warn(str(warning))
        for note in configuration.notes:
            log.info(note)
        far = self.lanes.of(settings.pidfile) is not None  # it may not answer; the keeper knows
        if not far and not stands_in(settings.pidfile, held.keeper_pid):
            log.critical(f"could not write pidfile {settings.pidfile}")

    def _say_what_is_gone(self, log: MainLog, configuration: Configuration) -> None:
        """Of the files that the configuration was read from: nobody reads them now, and somebody will."""
        files = {
            configuration.path: "what was read from it goes on, and reread, update, reload and the next start of "
            "supervisord fail until it is there again",
            **dict.fromkeys(
                configuration.included,
                "what was read from it goes on until the next update, reload or start, which go without it",
            ),
        }

        def look(path: str, what_follows: str) -> None:
            try:
                os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                loop.call_soon_threadsafe(log.warn, f"{path} is gone: {what_follows}")
            except OSError:
                pass  # it may be there, for others to see

        loop = asyncio.get_running_loop()
        for path, what_follows in files.items():
            lane = self.lanes.of(path)
            if lane is None:
                look(path, what_follows)
            else:
                lane.post(partial(look, path, what_follows))

    def _begin(self, supervisor: Supervisor, configuration: Configuration, held: Held) -> None:
        """A first start: everything from the configuration."""
        link = supervisor.link
        running = [(program, fds) for program, fds in held.programs if program.status < 0]
        for program, fds in held.programs:
            if program.status >= 0:  # left behind by processes of the time before a reload
                for fd in fds:
                    os.close(fd)
                link.send(wire.Forget(program.name, program.gen))
        link.send(wire.Hold("state"), (supervisor.table.fd,))
        link.send(wire.Hold("config"), (supervisor.journal.fd,))
        for config, sock in self.listening:
            link.send(wire.Hold(f"listen:{describe(config)}"), (sock.fileno(),))
        supervisor.sockets = self.socket_identities
        supervisor.save_supervisor()
        if not configuration.supervisord.nocleanup:
            lane = self.lanes.of(configuration.supervisord.childlogdir)
            if lane is not None:
                lane.post(partial(clean_auto_logs, configuration))
            else:
                for problem in clean_auto_logs(configuration):
                    supervisor.log.warn(problem)
        supervisor.journal.append(without_groups(configuration))
        for group in configuration.groups:
            supervisor.add_group(group)
        for program, fds in running:
            self._adopt_orphan(supervisor, program, fds)

    def _adopt_orphan(self, supervisor: Supervisor, program: wire.Program, fds: list[int]) -> None:
        """Take over what runs since before the supervisord that was killed; a second one is not started."""
        process = supervisor.processes.get(program.name)
        if process is None:
            supervisor.log.warn(
                f"pid {program.pid} was {program.name} of a supervisord that was killed, and runs on: nothing of that "
                "name is in the configuration"
            )
            for fd in fds:
                os.close(fd)
            return
        supervisor.log.warn(
            f"{program.name} runs since before: pid {program.pid} was left by a supervisord that was killed"
        )
        process.start = time.time() - (time.monotonic() - program.started)
        process.machine.restore(
            {"state": S.STARTING, "gen": program.gen, "cause": "ran on without a supervisord"}
        )
        self._resume_program(supervisor, program, fds)
        listener = supervisor.groups[process.config.group].config.kind is GroupKind.LISTENER
        if process.config.tty or process.config.fcgi is not None or listener:
            supervisor.start_anew(process, "what it talked to ended with the supervisord that was killed")

    def _resume(self, supervisor: Supervisor, saved: Saved, held: Held) -> None:
        """Go on where another daemon ended."""
        supervisor.sockets = self.socket_identities
        supervisor.seq = int(saved.supervisor.get("s", 0))
        for config in saved.groups:
            supervisor.add_group(config, saved.records.get(config.name, {}))
        adopted: set[tuple[str, int]] = set()
        for program, fds in held.programs:
            adopted.add((program.name, program.gen))
            self._resume_program(supervisor, program, fds)
        now = time.monotonic()
        for process in supervisor.processes.values():
            m = process.machine
            if (process.key, m.gen) in adopted:
                continue
            if m.state in (S.STARTING, S.STOPPING) and not m.pid:
                supervisor.starts.again(process)  # it was asked for, and the keeper never heard of it
            elif m.pid:
                supervisor.feed(process, machine.Exited(-signal.SIGKILL, failure="lost by the keeper"), now)
        for name in [
            n for n in supervisor.generations.held if n.split(":", 2)[2] not in supervisor.processes
        ]:
            os.close(supervisor.generations.held.pop(name))
            supervisor.link.send(wire.Drop(name))
        supervisor.rearm()
        mood = int(saved.supervisor.get("mood", SupervisorStates.RUNNING))
        if mood == SupervisorStates.SHUTDOWN:
            supervisor.shutdown("shutdown")
        elif mood == SupervisorStates.RESTARTING:
            supervisor.reload("reload")

    @staticmethod
    def _resume_program(supervisor: Supervisor, program: wire.Program, fds: list[int]) -> None:
        process = supervisor.processes.get(program.name)
        if process is None or program.gen > process.machine.gen:  # or of one of that name that was taken away
            for fd in fds:
                os.close(fd)
            supervisor.link.send(wire.Forget(program.name, program.gen))
            return
        try:
            supervisor.generations.open_outputs(process, later=True)
        except OSError as error:
            supervisor.log.error(f"cannot open the logs of {process.key}: {error}; its output waits")
            for fd in fds:
                os.close(fd)
        else:
            supervisor.generations.begin(process, program.gen, program.pid, program.tty, fds)
        if program.gen == process.machine.gen and not process.machine.pid:
            supervisor.feed(process, machine.Spawned(program.pid), program.started)
        elif program.gen == process.machine.gen and program.status < 0:
            supervisor.feed(process, machine.Resumed())
        if program.status >= 0:
            supervisor.on_frame(
                wire.Exited(
                    program.name, program.gen, program.pid, program.status, program.ended, program.failure
                ),
                [],
            )

    def _methods(
        self, context: Context, configuration: Configuration, bus: EventBus, *, forgiving: bool, deadly: str
    ) -> MethodTable:
        """Everything that can be called. Raises UserError for a plug-in that cannot be made, unless ``forgiving``."""
        table = MethodTable(context)
        for methods in (METHODS, processes.METHODS, logs.METHODS, changes.METHODS):
            table.add(methods)
        try:
            host = PluginHost(context, configuration)
            bus.shown = host.facade.process
            host.add_to(table, forgiving=forgiving, deadly=deadly)
        except UserError:
            for config, _ in self.listening:
                self._unlink(config)
            raise
        table.add(system_methods(table))
        addresses = stream_addresses(configuration)
        context.stream_address = next(iter(addresses), "")
        context.inet_stream_address = next((a for a in addresses if not a.startswith("unix:")), "")
        return table

    async def _open_doors(self, supervisor: Supervisor, table: MethodTable, bus: EventBus) -> Doors:
        """Begin to serve. Whoever connected before has waited in the queue of the listening socket."""
        # Only now: it is a fifth of what is imported, and the programs need none of it.
        from .doors import Doors

        doors = Doors(supervisor, table, bus)
        for config, sock in self.listening:
            try:
                await doors.open(config, sock)
            except (
                UserError
            ) as error:  # it was in order when the configuration was read: the other doors serve
                supervisor.log.critical(f"cannot serve {describe(config)}: {error}")
        return doors

    def _say_what_is_served(self, log: MainLog, configuration: Configuration) -> None:
        for plugin in configuration.rpcinterfaces:
            log.info(f"RPC interface '{plugin.name}' initialized")
        # a stream server of no section of its own belongs to that of the HTTP server
        open_to_all = [
            config.section for config, _ in self.listening if not config.username and not asks(config)
        ]
        for section in dict.fromkeys(open_to_all):
            log.critical(f"Server '{section}' running without any HTTP authentication checking")
        if not configuration.supervisord.nodaemon:
            log.info("daemonizing the supervisord process")

    # --- the end --------------------------------------------------------------------------------------

    def _unlink(self, config: ServerConfig) -> None:
        """Remove the socket of a server, if it is still the one that was made for it."""
        path = getattr(config, "file", "")
        if path and identity(path) == self.socket_identities.get(path):
            with contextlib.suppress(OSError):
                os.unlink(path)

    async def _end(self, supervisor: Supervisor, doors: Doors, end: str) -> int:
        link = supervisor.link
        if end == "restart":
            supervisor.log.info("daemon makes place for another one")
        else:
            await asyncio.sleep(0)  # answers that wait for the last stop are written in this turn
            for config, sock in self.listening:
                self._unlink(config)
                sock.close()
                link.send(wire.Drop(f"listen:{describe(config)}"))
            if end == "reload":
                link.send(wire.Drop("state"))
                link.send(wire.Drop("config"))
                link.send(wire.Drop(lastread.HELD_AS))
                link.send(wire.Restart())
            else:
                link.send(wire.Finish(0))
        await doors.close()
        await asyncio.sleep(0)
        link.stop()
        supervisor.log.close()
        return 0


def stream_addresses(configuration: Configuration) -> list[str]:
    """Where clients find the stream sockets."""
    return [
        f"unix://{config.file}"
        if config.file
        else f"{'tls' if config.tls else 'tcp'}://{config.host or '0.0.0.0'}:{config.port}"
        for config in configuration.stream_servers
    ]


def automatic_url(configuration: Configuration) -> str:
    """What SUPERVISOR_SERVER_URL is: the first unix server, else the first TCP one, else nothing."""
    for unix in configuration.unix_servers:
        return f"unix://{unix.file}"
    for inet in configuration.inet_servers:
        return f"{'https' if inet.tls else 'http'}://{inet.host or 'localhost'}:{inet.port}"
    return ""


def clean_auto_logs(configuration: Configuration) -> list[str]:
    """Remove the AUTO logs that an earlier run with the same identifier left; what could not be done."""
    settings = configuration.supervisord
    problems: list[str] = []
    try:
        names = os.listdir(settings.childlogdir)
    except OSError:
        return ["Could not clear childlog dir"]
    for name in names:
        match = AUTO_LOG.match(name)
        if match is not None and match["identifier"] == settings.identifier:
            path = os.path.join(settings.childlogdir, name)
            try:
                os.unlink(path)
            except OSError:
                problems.append(f"Failed to clean up '{path}'")
    return problems


def stands_in(pidfile: str, pid: int) -> bool:
    """Whether it is the pid in the file, and not one of before that could not be written over."""
    try:
        with open(pidfile, "rb") as file:
            return int(file.read(32)) == pid
    except (OSError, ValueError):
        return False


def let_go_of_terminal() -> None:
    """Standard input and outputs become the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def report_bug(log: MainLog, context: dict[str, Any]) -> None:
    """An exception that nobody caught: a bug; it goes to the log and the daemon goes on."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in NO_ROOM and "accept" in str(context.get("message", "")):
        log.once(
            "accept",
            f"cannot take another client for now: {error.strerror}; minfds in [supervisord] asks for more descriptors",
        )
        return  # asyncio tries again in a second
    if isinstance(error, ValueError) and "_start_serving" in str(context.get("message", "")):
        return  # that second is over, and the socket was closed meanwhile
    text = "".join(traceback.format_exception(error)) if error is not None else ""
    log.error(f"{context.get('message', 'uncaught exception')}\n{text}".rstrip())


def rehearsed(state_fd: int, config_fd: int) -> int:
    """Make a daemon of what this one would go on from, and ask it once. Raises what is wrong."""
    from .trial import trial  # no other life needs it

    asyncio.run(trial(state_fd, config_fd))
    return 0


def main() -> int:
    """The daemon process; started by the keeper only."""
    words = sys.argv[1:]
    given = dict(
        zip(words[::2], words[1::2], strict=True)
    )  # each has a value; what another version gives is left
    if rehearsal.OPTION in given:
        return rehearsed(*rehearsal.descriptors(given[rehearsal.OPTION]))
    score = given.get("--oom-score")
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    faulthandler.enable()
    daemon = Daemon(
        Arguments(
            int(given["--keeper-fd"]),
            given["--config"],
            json.loads(given.get("--overrides", "{}")),
            None if score is None else int(score),
            filesize.lift(),
        )
    )
    called, profile = given.get("--called", "supervisord"), given.get("--profile")
    try:
        if profile:
            from .profiling import profiled  # seldom wanted

            return profiled(lambda: asyncio.run(daemon.run()), profile.split(","))
        return asyncio.run(daemon.run())
    except KeeperGone:
        return EXIT_GENERIC
    except ConfigError as error:
        print(usage_error(called, "\nError: ".join(str(p) for p in error.problems)), file=sys.stderr)
        return EXIT_USAGE
    except UserError as error:
        print(usage_error(called, str(error)), file=sys.stderr)
        return error.exit_code
