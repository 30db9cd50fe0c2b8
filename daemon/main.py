"""The supervisord command: arguments, rights, limits, daemonizing; must never know the rules it sets going.

It checks everything a user can get wrong before it changes anything, then becomes
the keeper by exec, so that what it needed memory for is gone. Prints user errors;
exit codes: 0 ended as asked, 1 could not go on, 2 wrong usage or configuration, 70
a bug.
"""

from __future__ import annotations

import json
import os
import pwd
import resource
import signal
import stat
import struct
import sys
from collections.abc import Sequence
from typing import Any

import supervisor
from supervisor.config.commandline import (
    SupervisordArguments,
    parse_supervisord,
    sample_config,
    supervisord_usage,
    usage_error,
)
from supervisor.config.load import current_directory, find_config, load_supervisord, no_config_message
from supervisor.config.model import Configuration, SupervisordConfig
from supervisor.errors import EXIT_GENERIC, EXIT_OK, EXIT_USAGE, ConfigError, UserError
from supervisor.mounts import Mounts
from supervisor.standard import fill_in, printed
from supervisor.version import VERSION

from .keeper.begin import begin_daemon
from .keeper.oomscore import lower as lower_oom_score
from .keeper.pidfile import Taken, by_a_child, open_locked, write_pid_anywhere
from .keeper.spawn import touched_signals
from .orphans import find as find_orphans
from .orphans import take_in_orphans


def main(argv: Sequence[str] | None = None) -> int:
    """Run supervisord with the words behind its name; the exit code. Does not return where it daemonises or keeps."""
    fill_in()
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        return _run(words)
    except ConfigError as error:
        print(usage_error(sys.argv[0], "\nError: ".join(str(p) for p in error.problems)), file=sys.stderr)
        return EXIT_USAGE
    except UserError as error:
        print(usage_error(sys.argv[0], str(error)), file=sys.stderr)
        return error.exit_code


def _run(words: list[str]) -> int:
    arguments = parse_supervisord(words)
    if arguments.help:
        return printed(lambda: _told(supervisord_usage()))
    if arguments.version:
        return printed(lambda: _told(f"{VERSION}\n"))
    if arguments.sample_config:
        return printed(lambda: _told(sample_config()))
    path = _config_path(arguments)
    configuration = load_supervisord(path, arguments.overrides, environ=os.environ, strict=arguments.check)
    if arguments.check:
        return printed(lambda: _report_check(configuration))
    settings = configuration.supervisord
    _raise_limits(settings)
    oom_score = lower_oom_score()
    _drop_privileges(settings)
    _check_main_log(settings)
    if settings.directory:
        try:
            os.chdir(settings.directory)
        except OSError as error:
            raise UserError(f"can't chdir into '{settings.directory}': {error.strerror}") from error
    pidfile_fd = _lock_pidfile(settings.pidfile)
    notify_fd = -1 if settings.nodaemon else _daemonize()
    if pidfile_fd >= 0:
        write_pid_anywhere(
            settings.pidfile, pidfile_fd
        )  # at once: whoever waits for the file reads it as soon as it is there
    os.umask(settings.umask)
    programs = find_orphans(settings.pidfile) if pidfile_fd >= 0 else []
    daemon_argv = _daemon_argv(path, arguments, oom_score)
    _become_keeper(
        {
            "daemon_argv": daemon_argv,
            "oom_score": oom_score,
            "daemonize": not settings.nodaemon,
            "notify_fd": notify_fd,
            "pidfile": settings.pidfile,
            "pidfile_fd": pidfile_fd,
            "programs": programs,
            **_begun(daemon_argv),
        }
    )
    return EXIT_OK


def _config_path(arguments: SupervisordArguments) -> str:
    path = arguments.configuration
    if path is None:
        path = find_config(sys.argv[0], current_directory())
        if path is None:
            raise UserError(no_config_message(sys.argv[0]))
        if os.geteuid() == 0:
            print(
                f"Warning: root uses the configuration file {path}, found in a default place; where "
                "others may write to the current directory, name it: supervisord -c /absolute/path",
                file=sys.stderr,
            )
    elif not os.path.exists(path):
        raise UserError(f"could not find config file {path}")
    elif stat.S_ISFIFO(os.stat(path).st_mode) and not arguments.check:
        raise UserError(
            f"cannot use {path}: a pipe can be read once, and each daemon reads it again; write a file"
        )
    return os.path.normpath(os.path.join(current_directory(), path))


def _told(text: str) -> int:
    print(text, end="")
    return EXIT_OK


def _report_check(configuration: Configuration) -> int:
    for warning in configuration.warnings:
        print(f"Warning: {warning}")
    processes = sum(len(group.processes) for group in configuration.groups)
    groups = _counted(len(configuration.groups), "group", "groups")
    print(f"{configuration.path}: ok, {groups}, {_counted(processes, 'process', 'processes')}")
    return EXIT_OK


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _raise_limits(settings: SupervisordConfig) -> None:
    for limit, minimum, option, what in (
        (resource.RLIMIT_NOFILE, settings.minfds, "minfds", "file descriptors"),
        (resource.RLIMIT_NPROC, settings.minprocs, "minprocs", "processes"),
    ):
        soft, hard = resource.getrlimit(limit)
        if soft == resource.RLIM_INFINITY or soft >= minimum:
            continue
        wanted_hard = hard if hard == resource.RLIM_INFINITY or hard >= minimum else minimum
        try:
            resource.setrlimit(limit, (minimum, wanted_hard))
        except (ValueError, OSError) as error:
            raise UserError(
                f"{option}={minimum} {what} are asked for, but only {hard} are available; "
                f"raise the limit (ulimit) or lower {option} in [supervisord]"
            ) from error


def _drop_privileges(settings: SupervisordConfig) -> None:
    uid = settings.uid
    if uid is None or uid == os.geteuid():
        return
    if os.geteuid() != 0:
        raise UserError("Can't drop privilege as nonroot user")
    try:
        entry = pwd.getpwuid(uid)
        os.setgroups(os.getgrouplist(entry.pw_name, entry.pw_gid))
        os.setgid(entry.pw_gid)
        os.setuid(uid)
    except (KeyError, OSError) as error:
        raise UserError(f"cannot become user {settings.user}: {error}") from error


def _check_main_log(settings: SupervisordConfig) -> None:
    """That it cannot be written would otherwise be found once nobody looks any more. Raises UserError."""
    if settings.logfile == "syslog":
        return

    def open_it() -> tuple[int, bytes]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
        try:
            os.close(os.open(settings.logfile, flags, 0o666))
        except OSError as error:
            return -1, (error.strerror or str(error)).encode()
        return -1, b""

    # Where it takes long, what is to be said waits in memory.
    _, problem = by_a_child(open_it) if Mounts().far(settings.logfile) else open_it()
    if problem:
        raise UserError(
            f"cannot write the main log {settings.logfile}: {problem.decode()}; set logfile in [supervisord]"
        )


def _lock_pidfile(path: str) -> int:
    """The descriptor of the pidfile, locked for as long as it is open; -1 where it cannot be written.

    Raises UserError when another supervisord holds it.
    """
    try:
        return open_locked(path)
    except Taken as taken:
        raise UserError(
            f"another supervisord (pid {taken.owner}) is running with pidfile {path}; "
            "shut it down first, or give this one its own pidfile"
        ) from taken


def _daemonize() -> int:
    """Go into the background; the parent waits until the daemon serves, and ends as it says."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.setsid()
        return write
    os.close(write)
    if os.read(read, 1) == b"R":
        os._exit(EXIT_OK)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code > 0 else 1)


def _package_folder() -> str:
    return os.path.dirname(os.path.abspath(supervisor.__file__))


def _daemon_argv(path: str, arguments: SupervisordArguments, oom_score: int | None) -> list[str]:
    begin = os.path.join(_package_folder(), "daemon", "__main__.py")
    more = [] if oom_score is None else ["--oom-score", str(oom_score)]
    return [sys.executable, "-P", begin, "daemon", "--config", path, "--overrides",
            json.dumps(dict(arguments.overrides)), "--called", sys.argv[0],
            "--profile", ",".join(arguments.profile), *more]  # fmt: skip


def _begun(daemon_argv: list[str]) -> dict[str, int]:
    """The first daemon, as the keeper is told of it; nothing where it cannot be started now, and the keeper is to try."""
    try:
        pid, link = begin_daemon(daemon_argv, touched_signals())
    except OSError:
        return {}
    return {"daemon_pid": pid, "daemon_link": link.detach()}


def _become_keeper(boot: dict[str, Any]) -> None:
    packed = json.dumps(boot).encode()
    fd = os.memfd_create("supervisor-boot", 0)
    os.pwrite(fd, struct.pack(">I", len(packed)) + packed, 0)
    kept = [boot["notify_fd"], boot["pidfile_fd"], boot.get("daemon_link", -1)]
    for program in boot["programs"]:
        kept += [program["pidfd"], program["stdin"], *program["outputs"]]
    for kept_fd in kept:
        if kept_fd >= 0:
            os.set_inheritable(kept_fd, True)
    sys.stdout.flush()
    sys.stderr.flush()
    begin = os.path.join(_package_folder(), "daemon", "__main__.py")
    take_in_orphans()
    try:
        os.execv(sys.executable, [sys.executable, "-S", "-E", "-s", "-P", begin, "keeper", str(fd)])
    except OSError as error:
        if "daemon_pid" in boot:
            os.kill(boot["daemon_pid"], signal.SIGKILL)
            os.waitpid(boot["daemon_pid"], 0)
        user = pwd.getpwuid(os.geteuid()).pw_name
        raise UserError(f"user {user} cannot run {sys.executable}: {error.strerror}", EXIT_GENERIC) from error
