"""The help text of every command, and its printing; must never know how a command works."""

from __future__ import annotations

from typing import Final

from .session import GENERIC, Session

HELP: Final[dict[str, tuple[str, ...]]] = {
    "add": ("add <name> [...]\tMake a configured process or group active, and start what starts by itself",),
    "attach": (
        "attach <name>\t\tJoin the terminal of a process; what you type goes to it",
        "attach --exit <name>\tThe same, but end when the process exits",
        "attach --take <name>\tThe same, and be the one who types, whoever does so now",
        "attach --read <name>\tWatch only",
        "\t\t\tCtrl-] detaches, Ctrl-] Ctrl-] sends one Ctrl-] to the process.",
        "\t\t\tAnother key: SUPERVISORCTL_DETACH_KEY=ctrl-a in the environment.",
        "\t\t\tA process without a terminal gets whole lines.",
        "\t\t\tIt can write anything to your terminal: attach to what you trust.",
        "Exit status: 0 detached, 20 process exited (with --exit), 21 connection lost.",
    ),
    "avail": (
        "avail\t\t\tList all processes of the configuration file",
        "avail <pattern> [...]\tThose that a pattern ('web-*') or @<gname> names",
    ),
    "bridge": ("bridge\t\t\tConnect stdin and stdout to the stream socket (supervisortui uses it over ssh)",),
    "clear": (
        "clear <name>\t\tEmpty the log files of a process",
        "clear <gname>:*\t\tEmpty the log files of all processes in a group",
        "clear <name> <name>\tEmpty the log files of several processes",
        "clear all\t\tEmpty the log files of all processes",
    ),
    "completion": (
        "completion bash|zsh|fish\tPrint a script that completes commands and names in that shell",
        '\t\t\t\tFor bash: eval "$(supervisorctl completion bash)"',
    ),
    "exit": ("exit\tLeave this shell",),
    "fg": (
        "fg <process>\tTalk to a process: its output is shown, what you type is sent to it",
        "\t\tThe program's own terminal (tty=true) gets every key. On pipes a line is edited with",
        "\t\tthe readline keys and sent by Enter; Up and Down go through what was sent before,",
        "\t\talso another day where history_file is set (fg_history=false: not).",
        "\t\tCtrl-] leaves, twice it sends one; on pipes Ctrl-C and Ctrl-D leave, too.",
        "fg <process> <FILE\tSend the file and leave",
        "Exit status: 0 left, 21 connection lost; 1 no such process, or it does not run.",
    ),
    "hash-password": (
        "hash-password\t\tAsk for a password, print what a server section may have in its place",
        "\t\t\t(password={scrypt}...). Without a terminal it reads one line.",
    ),
    "help": (
        "help\t\tList the commands",
        "help <action>\tTell how to use one of them",
    ),
    "maintail": (
        "maintail -f\tFollow the log of supervisord itself (Ctrl-C to exit)",
        "maintail -100\tlast 100 *bytes* of the log of supervisord",
        "maintail\tlast 1600 *bytes* of the log of supervisord",
    ),
    "open": (
        "open <url>\tGo on with another supervisord",
        "\t\t(http://host:port, or unix:///path/of/socket)",
    ),
    "pid": (
        "pid\t\t\tPrint the PID of supervisord",
        "pid <name>\t\tPrint the PID of a process",
        "pid all\t\t\tPrint the PIDs of all processes, one a line, 0 for one that does not run",
    ),
    "plan": (
        "plan\t\t\tTell what update would do, and which options force it; nothing changes",
        "plan <gname> [...]\tThe same for some groups only",
        "Exit status: 0 update has nothing to do, 10 it has, 1 the files cannot be used.",
    ),
    "quit": ("quit\tLeave this shell",),
    "record": (
        "record <name> [FILE]\tAttach, and write what the program shows to FILE (asciicast v2, mode 0600)",
        "\t\t\tWithout FILE: <name>-<date>-<time>.cast in this folder.",
        "record --force ...\tOverwrite FILE",
        "record --input ...\tWrite what you type, too; passwords among it",
        "record --max-size SIZE ...\tEnd the recording there (default 100MB)",
        "\t\t\t--exit, --take and --read are those of attach, and so is the exit status.",
    ),
    "reload": ("reload\t\t\tRestart supervisord with all its processes",),
    "remove": ("remove <name> [...]\tTake a stopped process or group out of the active ones",),
    "replay": (
        "replay FILE\t\tPlay a recording (any asciicast v2) on this terminal",
        "replay --speed N FILE\tN times as fast",
        "replay --idle-limit S FILE\tPauses are S seconds at most",
        "\t\t\tSpace holds and goes on, q leaves.",
        "Exit status: 0 played to its end, 1 it cannot be played (with the line), 130 left before.",
    ),
    "reread": (
        "reread\t\t\tRead the configuration files again, tell what changed, change nothing",
        "reread --diff\t\tThe same as plan",
    ),
    "restart": (
        "restart <name>\t\tStop and start a process",
        "restart <gname>:*\tStop and start all processes in a group",
        "restart <name> <name>\tStop and start several processes or groups",
        "restart all\t\tStop and start all processes",
        "The configuration files are not read again: see reread and update.",
    ),
    "restart-daemon": ("restart-daemon\t\tRestart supervisord itself; no process is stopped or restarted",),
    "send": (
        "send <name> TEXT ...\tType TEXT to a program without attaching; \\r \\n \\t \\e \\xHH are read",
        "send <name> --keys 'KEY ...'\tPress keys: ctrl-c, alt-x, enter, tab, esc, up, page-up, f1, a",
        "Exit status: 0 sent, 1 no such process or no input, 2 no such key or escape, 7 not running.",
    ),
    "shutdown": ("shutdown\t\tStop all processes and supervisord",),
    "signal": (
        "signal <signal name> <name>\t\tSend a signal to a process",
        "signal <signal name> <gname>:*\t\tSend a signal to all processes in a group",
        "signal <signal name> <name> <name>\tSend a signal to several processes or groups",
        "signal <signal name> all\t\tSend a signal to all processes",
    ),
    "start": (
        "start <name>\t\tStart a process",
        "start <gname>:*\t\tStart all processes in a group",
        "start <name> <name>\tStart several processes or groups",
        "start all\t\tStart all processes",
        "start 'web-*' @api\tStart what a pattern matches, and the group api",
    ),
    "status": (
        "status <name>\t\tShow the state of a process",
        "status <gname>:*\tShow the states of all processes in a group",
        "status <name> <name>\tShow the states of several processes or groups",
        "status\t\t\tShow the states of all processes",
        "status 'web-*' @api\tShow the states of what a pattern matches, and of the group api",
    ),
    "stop": (
        "stop <name>\t\tStop a process",
        "stop <gname>:*\t\tStop all processes in a group",
        "stop <name> <name>\tStop several processes or groups",
        "stop all\t\tStop all processes",
        "stop 'web-*' @api\tStop what a pattern matches, and the group api",
    ),
    "tail": (
        "tail [-f] <name> [stdout|stderr] (default stdout)",
        "Ex:",
        "tail -f <name>\t\tFollow the stdout of a process (Ctrl-C to exit)",
        "tail -100 <name>\tlast 100 *bytes* of the stdout of a process",
        "tail <name> stderr\tlast 1600 *bytes* of the stderr of a process",
    ),
    "update": (
        "update\t\t\tRead the configuration files again; add, remove and restart what changed",
        "update all\t\tThe same",
        "update <gname> [...]\tThe same for some groups only",
        "update --whole-groups\tRestart all processes of a group when one of them changed",
        "See plan for what it would do.",
    ),
    "version": ("version\t\t\tPrint the version of supervisord",),
    "wait": (
        "wait <name> [...] [--for <state>[,<state>]] [--timeout <seconds>]",
        "\t\t\tWait until the processes are in one of the states (RUNNING), 30 seconds at most",
        "Exit status: 0 all were seen in it, 1 not in time.",
    ),
    "why": (
        "why <name> [...]\tTell the last transitions of a process and their causes,",
        "\t\t\tand the last lines that it wrote before it ended",
    ),
}


def print_help(session: Session, name: str) -> None:
    """The help of a built-in command."""
    for line in HELP[name]:
        session.line(line)


def usage(session: Session, message: str, name: str, status: int = GENERIC) -> None:
    """A command was used in a way that it cannot be meant: say how, print its help, set the exit status."""
    session.failure(message, status)
    print_help(session, name)
