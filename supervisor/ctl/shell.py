"""The interactive shell: prompt, completion, history, paging; must never know what a command does.

On a terminal lines come through readline, which Python's input() uses once it is
imported. Elsewhere (a script that pipes commands in) prompts are printed and lines read.
"""

from __future__ import annotations

import io
import os
import readline
import shlex
import shutil
import signal
import subprocess
import sys
from typing import Final

from supervisor.errors import SupervisorError

from .commands import COMMANDS, completed_kinds
from .completion import candidates
from .dispatch import resolve, run_command
from .records import ProcessInfo
from .session import Session, StreamOutput
from .words import split_commands

_LEAVE: Final = ("quit", "exit", "EOF")
_PAGED: Final = ("avail", "help", "maintail", "status", "tail")
_HISTORY_LINES: Final = 2000


class Shell:
    """Reads and carries out lines until the user leaves."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._infos: list[ProcessInfo] | None = None
        self._matches: list[str] = []

    def run(self) -> None:
        """The whole dialogue; begins with ``status``."""
        if self._on_terminal:
            self._set_up_readline()
        try:
            if self._carry_out("status"):
                while self._next_line():
                    pass
        except KeyboardInterrupt:
            self._session.line("")
        finally:
            self._save_history()

    def _next_line(self) -> bool:
        """Whether to go on after one more line."""
        self._infos = None
        try:
            line = input(f"{self._session.config.prompt}> ")
        except EOFError:
            line = "EOF"
        return all(self._carry_out(command) for command in split_commands(line))

    def _carry_out(self, command: str) -> bool:
        """Whether to go on after one command; Ctrl-C ends the command, not the shell."""
        try:
            name, _ = resolve(command)
            if name in _PAGED and "-f" not in command.split():
                self._run_paged(command)
            else:
                run_command(self._session, command)
            return name not in _LEAVE
        except KeyboardInterrupt:
            self._session.line("")
            return True

    # --- completion and history

    def _set_up_readline(self) -> None:
        readline.set_completer(self._complete)
        # Colon, star and hyphen are parts of names.
        readline.set_completer_delims(" \t\n;")
        libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
        if self._session.config.history_file:
            try:
                readline.read_history_file(self._session.config.history_file)
            except OSError:
                pass  # the first time there is none

    def _save_history(self) -> None:
        if self._on_terminal and self._session.config.history_file:
            readline.set_history_length(_HISTORY_LINES)
            try:
                readline.write_history_file(self._session.config.history_file)
            except OSError:
                pass  # a lost history is not worth a word at the end

    def _complete(self, text: str, state: int) -> str | None:
        if state == 0:
            commands = sorted(
                [*COMMANDS, *(name for plugin in self._session.plugins for name in plugin.commands)]
            )
            line = readline.get_line_buffer()[: readline.get_endidx()]
            found = candidates(line, text, commands, completed_kinds(), self._fetch)
            self._matches = [f"{word} " for word in found]
        return self._matches[state] if state < len(self._matches) else None

    def _fetch(self) -> list[ProcessInfo]:
        """The processes, asked for once a line; none when the server does not answer."""
        if self._infos is None:
            try:
                self._infos = self._session.reader.processes(self._session.call("getAllProcessInfo"))
            except SupervisorError:
                self._infos = []
        return self._infos

    # --- paging

    def _run_paged(self, command: str) -> None:
        """Run a command; through $PAGER, where that is set, when it prints more than the screen holds."""
        pager = shlex.split(os.environ.get("PAGER", "")) if self._on_terminal else []
        if not pager:
            run_command(self._session, command)
            return
        text = io.StringIO()
        output, self._session.output = self._session.output, StreamOutput(text, is_terminal=True)
        try:
            run_command(self._session, command)
        finally:
            self._session.output = output
        if text.getvalue().count("\n") < shutil.get_terminal_size().lines or not _page(
            pager, text.getvalue()
        ):
            sys.stdout.write(text.getvalue())
            sys.stdout.flush()


def _page(pager: list[str], text: str) -> bool:
    """Whether the pager could be started. Ctrl-C is the pager's while it runs."""
    environment = {**os.environ, "LESS": os.environ.get("LESS", "-FRX")}
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        subprocess.run(pager, input=text.encode(), env=environment, check=False)
    except OSError:
        return False
    finally:
        signal.signal(signal.SIGINT, handler)
    return True
