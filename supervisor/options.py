"""Door: namespecs, the configuration parser and the client's options, for listeners and plug-ins; thin."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from configparser import NoOptionError, RawConfigParser
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .config.commandline import CtlArguments, ctl_usage, parse_ctl, usage_error
from .config.expand import ExpansionError, compile_template
from .config.load import current_directory, find_config, load_ctl
from .errors import ConfigError, UserError
from .namespec import make_namespec, split_namespec
from .version import VERSION

if TYPE_CHECKING:
    from xmlrpc.client import ServerProxy

__all__ = [
    "VERSION",
    "ClientOptions",
    "ServerOptions",
    "UnhosedConfigParser",
    "make_namespec",
    "split_namespec",
]


_REQUIRED: Final = object()


class UnhosedConfigParser(RawConfigParser):
    """Reads the files that supervisord reads, for programs that have options of their own in them.

    ``%(name)s`` is expanded by ``saneget`` alone, from ``expansions``. Values may be set
    to other things than text.
    """

    mysection = "supervisord"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Arguments are those of RawConfigParser; inline comments and repeated sections are allowed by default."""
        kwargs.setdefault("inline_comment_prefixes", (";", "#"))
        kwargs.setdefault("strict", False)
        super().__init__(*args, **kwargs)
        self.expansions: dict[str, Any] = {}

    def saneget(
        self,
        section: str,
        option: str,
        default: Any = _REQUIRED,
        do_expand: bool = True,
        expansions: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of an option, expanded where it is text.

        ``expansions`` come on top of the parser's. Raises NoSectionError, NoOptionError
        (when there is no ``default``) and ValueError for what cannot be expanded.
        """
        try:
            value = self.get(section, option)
        except NoOptionError:
            if default is _REQUIRED:
                raise
            value = default
        if not do_expand or not isinstance(value, str) or "%" not in value:
            return value
        names = {**self.expansions, **(expansions or {})}
        label = f"{section}.{option}"
        template = compile_template(value, label)
        if "here" in template.names and "here" not in names:
            raise ExpansionError(
                f"Format string '{value}' for '{label}' contains names ('here') which cannot be expanded"
            )
        return template.expand(names, label, str(names.get("here", "")))

    def getdefault(self, option: str, default: Any = _REQUIRED, **kwargs: Any) -> Any:
        """As ``saneget``, from the section that ``mysection`` names."""
        return self.saneget(self.mysection, option, default, **kwargs)


class ServerOptions:
    """What ``supervisord.options`` is an instance of; see ``supervisor/daemon/facade.py``."""

    def cleanup_fds(self) -> None:
        """Close nothing: the descriptors of plug-ins are their own, and a reload is a new process."""


class ClientOptions:
    """What a supervisorctl would run by: read from a command line and its configuration file.

    After ``realize``: ``serverurl``, ``username``, ``password``, ``prompt``,
    ``history_file``, ``interactive``, ``args``, ``configfile``, ``plugin_factories``.
    """

    def __init__(self) -> None:
        self.progname = sys.argv[0]
        self.configfile: str | None = None
        self.serverurl = "http://localhost:9001"
        self.username: str | None = None
        self.password: str | None = None
        self.prompt = "supervisor"
        self.history_file = ""
        self.interactive = False
        self.args: list[str] = []
        self.plugins: list[object] = []
        self.plugin_factories: list[tuple[str, str, dict[str, str]]] = []

    def realize(self, args: Sequence[str] | None = None, doc: str | None = None) -> None:
        """Read ``args`` (default: of the process). ``doc`` replaces our help text.

        Exits as a command does: 0 after help, 2 after what cannot be used.
        """
        try:
            arguments = parse_ctl(sys.argv[1:] if args is None else args)
            if arguments.help:
                print(ctl_usage(self.progname) if doc is None else doc, end="")
                sys.exit(0)
            self._load(arguments)
        except (ConfigError, UserError) as error:
            self.usage(str(error))

    def _load(self, arguments: CtlArguments) -> None:
        self.configfile = arguments.configuration or find_config(self.progname, current_directory())
        config = load_ctl(self.configfile, arguments.overrides, environ=os.environ)
        self.serverurl = config.serverurl
        self.username = config.username
        self.password = config.password
        self.prompt = config.prompt
        self.history_file = config.history_file
        self.interactive = arguments.interactive or not arguments.words
        self.args = list(arguments.words)
        self.plugin_factories = [(p.name, p.factory, dict(p.options)) for p in config.plugins]

    def usage(self, message: str) -> NoReturn:
        """Print what is wrong with the command line or the configuration, and exit with 2."""
        print(usage_error(self.progname, message), file=sys.stderr)
        sys.exit(2)

    def getServerProxy(self) -> ServerProxy:
        """A standard ServerProxy of the server at ``serverurl``."""
        from .xmlrpc import SupervisorTransport, xmlrpclib  # only for those who ask

        transport = SupervisorTransport(self.username, self.password, self.serverurl)
        return xmlrpclib.ServerProxy("http://127.0.0.1", transport=transport)
