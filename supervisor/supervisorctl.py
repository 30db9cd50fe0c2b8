"""Door: ``supervisorctl``, and the names that its plug-ins import from here; thin."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from .client.rpc import RPCClient
from .config.commandline import CtlArguments, ctl_usage, parse_ctl, usage_error
from .config.common import current_directory, find_config
from .config.ctl import load_ctl
from .ctl.commands import COMMANDS, completed_kinds
from .ctl.dispatch import run_command, run_line, run_words
from .ctl.plugins import Controller, ControllerPluginBase, LSBInitExitStatuses, load_plugins
from .ctl.records import ProcessInfo, Reader
from .ctl.session import GENERIC, INTERRUPTED, SUCCESS, Session, StreamOutput
from .errors import ConfigError, OutputError, SupervisorError, TransportError, UserError
from .standard import fill_in, give_up_output
from .version import VERSION

__all__ = ["Controller", "ControllerPluginBase", "LSBInitExitStatuses", "main"]


COMPLETION_WAIT_S: Final = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line (default: that of the process); the exit status."""
    fill_in()
    program = sys.argv[0]
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        if given[:2] == ["completion", "--words"]:
            return _complete(" ".join(given[2:]), program)
        arguments = parse_ctl(given)
        if arguments.help:
            print(ctl_usage(program), end="")
            return SUCCESS
        if arguments.version:
            print(VERSION)
            return SUCCESS
        return _run(arguments, program)
    except UserError as error:
        print(usage_error(program, str(error)), file=sys.stderr)
        return error.exit_code
    except ConfigError as error:
        print(usage_error(program, str(error)), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print()
        return INTERRUPTED
    except BrokenPipeError:
        give_up_output()
        return GENERIC
    except OutputError as error:
        print(f"error: {error}", file=sys.stderr)
        give_up_output()
        return GENERIC


def _run(arguments: CtlArguments, program: str) -> int:
    command = COMMANDS.get(arguments.words[0]) if arguments.words else None
    alone = command is not None and command.alone and not any(word.endswith(";") for word in arguments.words)
    path = None if alone else arguments.configuration or find_config(program, current_directory())
    config = load_ctl(path, arguments.overrides, environ=os.environ)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        client = RPCClient(config.serverurl, config.username, config.password, tls=config.tls)
    except TransportError as error:
        raise UserError(error.reason) from error
    session = Session(
        config,
        client,
        StreamOutput(sys.stdout, sys.stdout.isatty(), arguments.raw),
        interactive=arguments.interactive or not arguments.words,
        json=arguments.json,
        ask=input,
        ask_secret=_ask_secret,
    )
    load_plugins(session, run_command)
    try:
        if command is not None and command.whole_words:
            return run_words(session, list(arguments.words))
        if arguments.words:
            return run_line(session, " ".join(arguments.words))
        # Imported when used: readline and what paging needs cost every one-shot command time.
        from .ctl.shell import Shell

        Shell(session).run()
        return SUCCESS
    finally:
        session.client.close()


def _complete(line: str, program: str) -> int:
    """Print what the last word of a shell's line may become, a line each; in trouble nothing."""
    from .ctl.completion import candidates, split_line  # no other command needs it

    split = split_line(line)
    if split is None:
        return SUCCESS
    arguments, text = split

    def fetch() -> list[ProcessInfo]:
        try:
            path = arguments.configuration or find_config(program, current_directory())
            config = load_ctl(path, arguments.overrides, environ=os.environ)
            client = RPCClient(
                config.serverurl,
                config.username,
                config.password,
                timeout_s=COMPLETION_WAIT_S,
                tls=config.tls,
            )
            return Reader(config.serverurl).processes(client.call("supervisor.getAllProcessInfo"))
        except SupervisorError:
            return []

    line = " ".join([*arguments.words, text])
    for word in candidates(line, text, sorted(COMMANDS), completed_kinds(), fetch):
        print(word)
    return SUCCESS


def _ask_secret(prompt: str) -> str:
    if not sys.stdin.isatty():
        return input(prompt)
    from getpass import getpass  # seldom used, slow to import

    return getpass(prompt)


if __name__ == "__main__":
    sys.exit(main())
